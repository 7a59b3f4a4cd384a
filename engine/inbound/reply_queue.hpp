// The replies of one session, in order. One message at most is uncommitted: its reply is a slot that is filled when the
// queue has answered, and what is said after it waits behind it. Everything ready goes out in one send.
// Owning thread: the shard's. Known limit: text() must not be kept over a call.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"
#include "engine/smtp/reply.hpp"
#include "queue/intake.hpp"

namespace angarium::inbound {

class ReplyQueue {
  public:
    // Where the next reply is appended.
    std::string& text() { return slot_open_ && !makes(Mistake::ack_out_of_order) ? held_ : ready_; }
    void add(const smtp::FixedReply& reply) { reply.append_to(text()); }

    // The place of a message's reply.
    void open_slot() {
        ANGARIUM_ASSERT(!slot_open_);
        slot_open_ = true;
    }
    bool slot_open() const { return slot_open_; }
    // The message is on disk, says the token: this is the only place that says so to a client.
    void accept(const queue::Durable& durable) {
        char id[MessageId::text_size];
        durable.id().put_text(id);
        ready_.append("250 2.0.0 queued as ").append(id, sizeof id).append("\r\n");
        close_slot();
    }
    void refuse(const smtp::FixedReply& reply) {
        reply.append_to(ready_);
        close_slot();
    }
    // The last word: what waited behind the slot is dropped.
    void refuse_and_end(const smtp::FixedReply& reply) {
        held_.clear();
        refuse(reply);
    }

    bool has_ready() const { return !ready_.empty(); }
    // All that may go out now. Swaps with `out`, so that two strings serve a session for its whole life.
    void take(std::string& out) {
        out.clear();
        std::swap(out, ready_);
    }
    std::size_t waiting() const { return ready_.size() + held_.size(); }
    // The connection is lost: nobody will hear anything.
    void clear() {
        ready_.clear();
        held_.clear();
    }

  private:
    void close_slot() {
        ANGARIUM_ASSERT(slot_open_);
        slot_open_ = false;
        ready_.append(held_);
        held_.clear();
    }

    std::string ready_;  // in order, may be sent
    std::string held_;   // behind the slot
    bool slot_open_ = false;
};

}  // namespace angarium::inbound
