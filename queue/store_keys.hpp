// The keys of the store's column families (see store.hpp), made and read here and nowhere else. Byte order is the order of
// destination, then due time, then acceptance. A name ends with a zero byte, which it cannot contain, so that one
// destination's keys never stand among those of another whose name begins alike. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "queue/delivery.hpp"
#include "queue/names.hpp"

namespace angarium::queue::keys {

std::string body(const MessageId& id, std::uint32_t part);

// stream 0 domain 0: what all keys of a destination in `ready` and `deferred` begin with.
std::string destination(std::string_view stream, std::string_view domain);
// The first key that is behind all that begin with `prefix`, which ends in a zero byte.
std::string after(std::string prefix);

std::string ready(std::string_view stream, std::string_view domain, const MessageId& id);
std::string deferred(std::string_view stream, std::string_view domain, WallTime due, const MessageId& id);
std::string pending(const MessageId& id, std::string_view stream, std::string_view domain);

// What a key of `ready` (then due is zero) or `deferred` says. Nothing when it is no such key.
struct Parsed {
    std::string_view stream, domain;
    WallTime due{};
    MessageId id;
};
std::optional<Parsed> parse_ready(std::string_view key);
std::optional<Parsed> parse_deferred(std::string_view key);

}  // namespace angarium::queue::keys
