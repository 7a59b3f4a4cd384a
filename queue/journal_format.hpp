// The journal's format on disk, in one place. A shard's journal is a sequence of bytes, counted by LSN from the first
// segment ever; segment k holds the LSNs [k * segment size, (k + 1) * segment size) in one preallocated file, which is
// used again for a later k when everything in it has ended or moved to the store.
//
//   segment   group, group, ... ; each begins at a multiple of 4096 and ends in padding; what follows the last is old
//   group     header (64 bytes), records: one write, one sync
//   record    header (16 bytes: length, kind, checksum of the payload), payload (record.hpp)
//
// All integers are little-endian. Checksums are XXH3 seeded with a secret of the store, so that no mail can contain bytes
// that pass for a group. A group's checksum covers its header and its records' headers, hence everything. Each group
// names its LSN, its number and its predecessor's checksum: an old group in a recycled file is never taken for a new one,
// and a gap in the chain shows. One group is in flight at a time; so behind a torn group there is never a valid one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/ids.hpp"
#include "queue/record.hpp"

namespace angarium::queue {

inline constexpr std::size_t group_alignment = 4096;  // of O_DIRECT
inline constexpr std::size_t full_group_bytes =
    1u << 20;  // no further record is added: larger writes add latency, not rate
inline constexpr std::size_t max_group_bytes = 4u << 20;  // what one record and its company may need at most
inline constexpr std::size_t group_header_size = 64;
inline constexpr std::size_t record_header_size = 16;
static_assert(max_group_bytes % group_alignment == 0);
static_assert(full_group_bytes + part_size < max_group_bytes, "a record that joins a nearly full group fits");

struct GroupHeader {
    std::uint64_t checksum = 0;
    Lsn lsn = 0;
    std::uint64_t number = 0;    // 1, 2, ... over the journal's whole life
    std::uint64_t previous = 0;  // checksum of group number - 1; 0 for the first
    std::uint32_t bytes = 0;     // header and records, without the padding
    std::uint32_t records = 0;
    std::uint8_t shard = 0;
};

constexpr std::size_t aligned(std::size_t bytes) {
    return (bytes + group_alignment - 1) / group_alignment * group_alignment;
}

// Fills a group in a caller's buffer (aligned, max_group_bytes long).
class GroupWriter {
  public:
    GroupWriter(std::span<std::byte> buffer, std::uint64_t key, Lsn lsn);
    // Room for a record whose payload has so many bytes.
    bool fits(std::size_t payload) const { return used_ + record_header_size + payload <= buffer_.size(); }
    // Copies the payload's pieces; the extent is where the payload lies. The record must fit.
    Extent add(RecordKind kind, std::span<const std::string_view> pieces);
    // Writes the header and the padding. Returns the bytes to write (a multiple of group_alignment).
    std::size_t finish(GroupHeader header);
    std::size_t used() const { return used_; }
    std::uint32_t records() const { return records_; }
    std::uint64_t checksum() const { return checksum_; }  // after finish()

  private:
    std::span<std::byte> buffer_;
    std::uint64_t key_;
    Lsn lsn_;
    std::size_t used_ = group_header_size;
    std::uint32_t records_ = 0;
    std::uint64_t checksum_ = 0;
};

// The header at the front of `bytes` if it could be one: magic, length and alignment are plausible and it names this LSN.
std::optional<GroupHeader> peek_group(std::span<const std::byte> bytes, Lsn lsn);
// The same without an expectation: which LSN does this file's first group claim?
std::optional<GroupHeader> peek_group(std::span<const std::byte> bytes);
// True when `bytes` (at least header.bytes) hold exactly this group, undamaged.
bool verify_group(std::span<const std::byte> bytes, const GroupHeader& header, std::uint64_t key);

struct RecordView {
    RecordKind kind{};
    Extent extent;
    std::string_view payload;
};
// Walks the records of a verified group. Usage: offset starts at group_header_size; nothing is left when it returns none.
std::optional<RecordView> next_record(std::span<const std::byte> group, const GroupHeader& header,
                                      std::size_t& offset);

// Checks a record that was read back alone: `bytes` begin with its header. Returns the payload, or nothing if damaged.
std::optional<std::string_view> verify_record(std::string_view bytes, std::uint64_t key);

}  // namespace angarium::queue
