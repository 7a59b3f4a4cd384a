#include "queue/store_keys.hpp"

#include "engine/base/assert.hpp"

namespace angarium::queue::keys {
namespace {

constexpr std::size_t due_size = 8;
constexpr char lane = 0;  // one destination may be spread over shards by it; today all are in the first

void append_big_endian(std::string& out, std::uint64_t value, unsigned bytes) {
    for (unsigned shift = 8 * bytes; shift > 0; shift -= 8)
        out.push_back(static_cast<char>(value >> (shift - 8)));
}

// Times before 1970 would sort last; they are all the same to a schedule.
void append_due(std::string& out, WallTime due) {
    const auto ms = due.time_since_epoch().count();
    append_big_endian(out, ms > 0 ? static_cast<std::uint64_t>(ms) : 0, due_size);
}

void append_name(std::string& out, std::string_view name) {
    ANGARIUM_ASSERT(name.find('\0') == std::string_view::npos);
    out.append(name).push_back('\0');
}

std::string with_room(std::string_view stream, std::string_view domain) {
    std::string key;
    key.reserve(stream.size() + domain.size() + 3 + due_size + MessageId::size);
    append_name(key, stream);
    append_name(key, domain);
    return key;
}

std::optional<Parsed> parse(std::string_view key, std::size_t with_due) {
    const auto stream_end = key.find('\0');
    if (stream_end == std::string_view::npos) return std::nullopt;
    const auto domain_end = key.find('\0', stream_end + 1);
    if (domain_end == std::string_view::npos) return std::nullopt;
    auto tail = key.substr(domain_end + 1);
    if (tail.size() != 1 + with_due + MessageId::size) return std::nullopt;
    Parsed parsed{key.substr(0, stream_end), key.substr(stream_end + 1, domain_end - stream_end - 1), {}, {}};
    std::uint64_t ms = 0;
    for (std::size_t i = 0; i < with_due; ++i) ms = ms << 8 | static_cast<unsigned char>(tail[1 + i]);
    parsed.due = WallTime{std::chrono::milliseconds(static_cast<std::int64_t>(ms))};
    parsed.id = MessageId::from_bytes(tail.substr(1 + with_due));
    return parsed;
}

}  // namespace

std::string body(const MessageId& id, std::uint32_t part) {
    std::string key(id.bytes());
    append_big_endian(key, part, 4);
    return key;
}

std::string destination(std::string_view stream, std::string_view domain) {
    return with_room(stream, domain);
}

std::string after(std::string prefix) {
    ANGARIUM_ASSERT(!prefix.empty() && prefix.back() == '\0');
    prefix.back() = 1;
    return prefix;
}

std::string ready(std::string_view stream, std::string_view domain, const MessageId& id) {
    auto key = with_room(stream, domain);
    key.push_back(lane);
    return key.append(id.bytes());
}

std::string deferred(std::string_view stream, std::string_view domain, WallTime due, const MessageId& id) {
    auto key = with_room(stream, domain);
    key.push_back(lane);
    append_due(key, due);
    return key.append(id.bytes());
}

std::string pending(const MessageId& id, std::string_view stream, std::string_view domain) {
    std::string key(id.bytes());
    append_name(key, stream);
    return key.append(domain);
}

std::optional<Parsed> parse_ready(std::string_view key) { return parse(key, 0); }
std::optional<Parsed> parse_deferred(std::string_view key) { return parse(key, due_size); }

}  // namespace angarium::queue::keys
