// Builds one line of JSON at the end of a buffer, field by field, without allocations of its own. The one place that escapes:
// text from outside is capped, controls are escaped, octets that are no UTF-8 become U+FFFD, so that every line is valid
// JSON whatever a peer said. Names of fields are ours and are not escaped. Owning thread: whoever has the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/time.hpp"

namespace angarium::queue {

// "2026-11-24T06:46:03.123Z", RFC 3339. Remembers the last second, since events come in bursts.
class TimeText {
  public:
    void append(std::string& out, WallTime at);

  private:
    std::int64_t second_ = INT64_MIN;
    char text_[20] = {};  // "2026-11-24T06:46:03."
};

// Appends `text` as the inside of a JSON string, at most `most` bytes of it (cut between characters).
void append_json_text(std::string& out, std::string_view text, std::size_t most);

class JsonLine {
  public:
    JsonLine(std::string& out, TimeText& times) : out_(out), times_(times) { out_.push_back('{'); }

    // Nothing is written for an empty text.
    JsonLine& text(std::string_view name, std::string_view value, std::size_t most = 512);
    JsonLine& number(std::string_view name, std::uint64_t value);
    // Microseconds, written as seconds.
    JsonLine& seconds(std::string_view name, std::uint64_t microseconds);
    JsonLine& time(std::string_view name, WallTime at);
    JsonLine& flag(std::string_view name);  // true
    JsonLine& open(std::string_view name);  // an object within
    JsonLine& close();
    // A list of texts: open_list, item.., close_list.
    JsonLine& open_list(std::string_view name);
    JsonLine& item(std::string_view value, std::size_t most = 512);
    JsonLine& close_list();
    void end() { out_.append("}\n"); }

    // Appends the name; the caller appends the value.
    std::string& raw(std::string_view name);

  private:
    void comma();

    std::string& out_;
    TimeText& times_;
};

}  // namespace angarium::queue
