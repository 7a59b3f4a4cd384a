// Mistakes that the simulation makes on purpose, one at a time, to prove that it would notice them (tests/sim). In every other
// build makes() is a constant, and the compiler leaves nothing of it.
#pragma once

#include <cstdint>

namespace angarium {

enum class Mistake : std::uint8_t {
    none,
    ack_before_sync,          // records count as durable when their write begins
    ack_out_of_order,         // replies overtake the one that waits for the disk
    lost_settle,              // outcomes change the young table and never reach the journal
    lost_bounce,              // failures end without news to the sender
    early_recycle,            // a segment is used again before the store is flushed
    tail_without_survivors,   // the journal's tail moves, and what survives is left behind
    settle_ignores_retire,    // an outcome overlooks that its message has just been moved
    cursor_off_by_one,        // the last delivery of each load is passed over
    forgotten_deferral,       // nobody wakes up for a young deferral
    torn_group_accepted,      // groups are read without a look at their checksum
    double_release,           // a slot is given back twice
    skipped_recipient,        // of several recipients the last one is not told to the server
    unknown_is_delivered,     // a connection lost before the final reply counts as a delivery
    undoubled_dots,           // lines that begin with a dot are sent as they are
    parts_left_behind,        // parts of an open message are not moved out of retire's way
    lost_log_page,            // the delivery log goes on behind a page that a power cut has lost
    slot_never_returned,      // a connection's slot is not given back
    connection_never_closed,  // a client's connection is counted for ever
    greedy_window,            // one destination may take all room of a window
    terms_renewed,            // a reload changes the terms of sessions that have begun
    last_one,
};

#ifdef ANGARIUM_MISTAKES
inline Mistake mistake_to_make = Mistake::none;
inline bool makes(Mistake mistake) { return mistake_to_make == mistake; }
#else
constexpr bool makes(Mistake) { return false; }
#endif

}  // namespace angarium
