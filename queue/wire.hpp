// Bytes of the journal's records and the store's values: integers as LEB128 varints, texts with their length in front,
// identities as their sixteen bytes. The writer trusts its caller to have made room; the reader trusts nobody: after the first
// thing that does not fit, ok() is false and everything read is empty. Pure values, no owner.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/base/ids.hpp"
#include "engine/base/time.hpp"

namespace angarium::queue {

inline constexpr std::size_t varint_most = 10;                   // bytes of a 64-bit varint
inline constexpr std::size_t text_most(std::string_view text) {  // bytes of a text with its length
    return varint_most + text.size();
}

class WireWriter {
  public:
    explicit WireWriter(char* at) : at_(at) {}
    char* at() const { return at_; }

    void byte(unsigned value) { *at_++ = static_cast<char>(value); }
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) byte(static_cast<unsigned>(value & 0x7f) | 0x80);
        byte(static_cast<unsigned>(value));
    }
    void raw(std::string_view bytes) {
        if (bytes.empty()) return;
        std::memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
    }
    void text(std::string_view bytes) {
        varint(bytes.size());
        raw(bytes);
    }
    void id(const MessageId& value) { raw(value.bytes()); }
    void time(WallTime value) { varint(static_cast<std::uint64_t>(value.time_since_epoch().count())); }

  private:
    char* at_;
};

class WireReader {
  public:
    explicit WireReader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}
    bool ok() const { return ok_; }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    std::uint8_t byte() {
        if (at_ == end_) return fail(), std::uint8_t{0};
        return static_cast<std::uint8_t>(*at_++);
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
            const auto next = static_cast<std::uint8_t>(*at_++);
            value |= std::uint64_t{next & 0x7fu} << shift;
            if (next < 0x80) return value;
        }
        fail();
        return 0;
    }
    // A varint that is at most `most`, else a failure.
    std::uint64_t varint_at_most(std::uint64_t most) {
        const auto value = varint();
        if (value > most) return fail(), std::uint64_t{0};
        return value;
    }
    std::uint32_t varint32() { return static_cast<std::uint32_t>(varint_at_most(UINT32_MAX)); }
    // How many items follow, each of at least `least` bytes: never more than the bytes at hand can hold.
    std::size_t count(std::size_t least) { return static_cast<std::size_t>(varint_at_most(left() / least)); }
    std::string_view raw(std::size_t size) {
        if (size > left()) return fail(), std::string_view();
        const std::string_view bytes(at_, size);
        at_ += size;
        return bytes;
    }
    std::string_view text() { return raw(static_cast<std::size_t>(varint_at_most(left()))); }
    std::string_view rest() { return raw(left()); }
    MessageId id() {
        const auto bytes = raw(MessageId::size);
        return ok_ ? MessageId::from_bytes(bytes) : MessageId();
    }
    WallTime time() { return WallTime{std::chrono::milliseconds(static_cast<std::int64_t>(varint()))}; }
    void fail() {
        ok_ = false;
        at_ = end_;
    }

  private:
    const char* at_;
    const char* end_;
    bool ok_ = true;
};

}  // namespace angarium::queue
