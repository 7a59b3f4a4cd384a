// Builds one line of JSON field by field, by plain stores into a scratch buffer that lasts from line to line. The one place
// that escapes: text from outside is capped, controls are escaped, octets that are no UTF-8 become U+FFFD, so that every line
// is valid JSON whatever a peer said. Names of fields are ours and are not escaped. Owning thread: whoever has the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/time.hpp"

namespace angarium::queue {

// "2026-11-24T06:46:03.123Z", RFC 3339. Remembers the last second, since events come in bursts.
class TimeText {
  public:
    static constexpr std::size_t size = 24;
    // Writes `size` octets; returns the place behind them.
    char* put(char* to, WallTime at);

  private:
    std::int64_t second_ = INT64_MIN;
    char text_[20] = {};  // "2026-11-24T06:46:03."
};

// Writes `text` as the inside of a JSON string, at most `most` bytes of it (cut between characters). Returns the place behind
// it; there must be room for json_growth times as many.
inline constexpr std::size_t json_growth = 6;  // "\u0000"
char* put_json_text(char* to, std::string_view text, std::size_t most);

class JsonLine {
  public:
    // `scratch` is only ever grown, to the longest line there was.
    JsonLine(std::string& scratch, TimeText& times) : scratch_(scratch), times_(times) {
        at_ = scratch_.data();
        end_ = at_ + scratch_.size();
        *room(1) = '{';
        ++at_;
    }

    // Nothing is written for an empty text.
    JsonLine& text(std::string_view name, std::string_view value, std::size_t most = 512) {
        return value.empty() ? *this : any_text(name, value, most);
    }
    // An empty one, too.
    JsonLine& any_text(std::string_view name, std::string_view value, std::size_t most = 512) {
        name_it(name);
        quote(value, most);
        return *this;
    }
    JsonLine& number(std::string_view name, std::uint64_t value) {
        name_it(name);
        return decimal(value);
    }
    // Microseconds, written as seconds.
    JsonLine& seconds(std::string_view name, std::uint64_t microseconds);
    JsonLine& time(std::string_view name, WallTime at);
    JsonLine& open(std::string_view name) {  // an object within
        name_it(name);
        return put('{');
    }
    JsonLine& close() { return put('}'); }
    // A list of texts: open_list, item.., close_list.
    JsonLine& open_list(std::string_view name) {
        name_it(name);
        return put('[');
    }
    JsonLine& item(std::string_view value, std::size_t most = 512) {
        comma();
        quote(value, most);
        return *this;
    }
    JsonLine& close_list() { return put(']'); }
    // A text that is made of numbers: open_text, decimal, put.., close_text.
    JsonLine& open_text(std::string_view name) {
        name_it(name);
        return put('"');
    }
    JsonLine& close_text() { return put('"'); }
    JsonLine& decimal(std::uint64_t value);
    JsonLine& put(char c) {
        *room(1) = c;
        ++at_;
        return *this;
    }
    // The line is whole: appends it.
    void end(std::string& out) {
        put('}').put('\n');
        out.append(scratch_.data(), static_cast<std::size_t>(at_ - scratch_.data()));
    }

  private:
    // Where to write, with room for `bytes`.
    char* room(std::size_t bytes) {
        if (static_cast<std::size_t>(end_ - at_) < bytes) grow(bytes);
        return at_;
    }
    void grow(std::size_t bytes);
    void comma() {
        const char last = at_[-1];
        if (last != '{' && last != '[') put(',');
    }
    void name_it(std::string_view name) {
        comma();
        char* const to = room(name.size() + 3);
        to[0] = '"';
        std::memcpy(to + 1, name.data(), name.size());
        std::memcpy(to + 1 + name.size(), "\":", 2);
        at_ = to + name.size() + 3;
    }
    void quote(std::string_view value, std::size_t most);

    std::string& scratch_;
    TimeText& times_;
    char* at_;
    char* end_;
};

}  // namespace angarium::queue
