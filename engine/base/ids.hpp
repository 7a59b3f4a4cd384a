// Strong identities. A MessageId is time-ordered (48 bits of wall milliseconds first), unique over restarts and nodes
// (64 random bits), and carries the shard that accepted the message and a store number. It is printed as 26 characters
// of Crockford's base 32: the queue id of `250 2.0.0 queued as ...`. A queue id is never an authority.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/random.hpp"
#include "engine/base/time.hpp"

namespace angarium {

// A shard's number, 0 .. shards-1.
enum class ShardId : std::uint8_t {};
constexpr unsigned index(ShardId shard) { return static_cast<unsigned>(shard); }

class MessageId {
  public:
    static constexpr std::size_t size = 16;
    static constexpr std::size_t text_size = 26;

    MessageId() = default;
    static MessageId make(WallTime now, std::uint8_t store, ShardId origin, Random& random);
    // The sixteen key bytes, big-endian, so that byte order is time order.
    static MessageId from_bytes(std::string_view sixteen);
    static std::optional<MessageId> parse(std::string_view text);

    std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), size}; }
    std::string text() const;
    void put_text(char* to) const;  // the same: text_size characters
    WallTime accepted_at() const;   // when the id was made
    std::uint8_t store() const { return bytes_[6]; }
    ShardId origin() const { return ShardId{bytes_[7]}; }

    friend bool operator==(const MessageId&, const MessageId&) = default;
    friend auto operator<=>(const MessageId&, const MessageId&) = default;
    template <class H>
    friend H AbslHashValue(H h, const MessageId& id) {
        std::uint64_t tail;  // the random half is hash enough
        std::memcpy(&tail, id.bytes_.data() + 8, 8);
        return H::combine(std::move(h), tail);
    }

  private:
    std::array<std::uint8_t, size> bytes_{};
};

}  // namespace angarium
