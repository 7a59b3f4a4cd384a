// The lines of the delivery log: one JSON object each. See queue/README.md for the fields. Pure text; the number of the event
// comes first, so that the place of a log can be read back from its last line.
//
//   {"event":"0-123-0","time":"2026-11-24T06:46:03.123Z","type":"delivery","id":...,"recipient":...,...}
//
// A rejection is in no journal and has no number of its own: it names the event before it, as "after".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "queue/delivery_log.hpp"
#include "queue/json_line.hpp"

namespace angarium::queue {

class EventLines {
  public:
    explicit EventLines(ShardId shard) : shard_(shard) {}

    // Each appends one line to `out`.
    void reception(std::string& out, const AcceptRecord& record, EventNumber number);
    void bounce(std::string& out, const AcceptRecord& record, EventNumber number);
    // What became of record.outcome.results[number.index].
    void outcome(std::string& out, const OutcomeRecord& record, EventNumber number);
    void rejection(std::string& out, const Rejection& rejection, WallTime at, EventNumber before);

  private:
    void begin(JsonLine& line, std::string_view field, EventNumber number, WallTime at,
               std::string_view type);

    const ShardId shard_;
    TimeText times_;
    std::string scratch_;  // of the line being made
};

// The number at the front of a line of such a log, its own or the one that it comes after. Nothing for other lines.
std::optional<EventNumber> event_of(std::string_view line);

}  // namespace angarium::queue
