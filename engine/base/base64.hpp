// Base64 (RFC 4648 section 4), strictly: the padding must be there, nothing may stand between, before or behind, and unused
// bits are zero, so that a text has one encoding. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace angarium {

void append_base64(std::string& out, std::string_view bytes);
std::string base64(std::string_view bytes);
// Nothing: that is no base64. The empty text is no bytes.
std::optional<std::string> decode_base64(std::string_view text);
// The same where white space stands in between, as in folded header fields and DNS records.
std::optional<std::string> decode_folded_base64(std::string_view text);

}  // namespace angarium
