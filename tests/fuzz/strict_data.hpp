// What a receiver that knows nothing of us makes of the bytes behind DATA: plain and strict, octet by octet (RFC 5321 section
// 4.5.2). The judge of the smuggling oracle; shares no code with the relay. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace angarium::fuzz {

struct StrictData {
    std::string content;    // dots taken away, lines with CRLF
    std::string_view rest;  // what stands behind the end: commands
    bool bare = false;      // a CR without LF or an LF without CR stood in it
};

// Nothing when the data does not end.
inline std::optional<StrictData> read_strictly(std::string_view wire) {
    StrictData read;
    bool line_start = true;
    for (std::size_t at = 0; at < wire.size(); ++at) {
        const auto here = wire.substr(at);
        if (line_start && here.starts_with(".\r\n")) {
            read.rest = here.substr(3);
            return read;
        }
        if (std::exchange(line_start, false) && here.front() == '.') continue;
        line_start = here.front() == '\n' && at > 0 && wire[at - 1] == '\r';
        if (here.front() == '\n' && !line_start) read.bare = true;
        if (here.front() == '\r' && !here.starts_with("\r\n")) read.bare = true;
        read.content += here.front();
    }
    return std::nullopt;
}

}  // namespace angarium::fuzz
