// The journal's groups: arbitrary bytes are no group; a group that we wrote is read back whole; and when any of its octets
// changes, it is found out. An input: a line of hexadecimal digits, the octets to change, each as place (4) and value (2);
// then a record on every line, its first octet the kind.
#include <cstring>
#include <vector>

#include "queue/journal_format.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::queue {
namespace {

using fuzz::require;
constexpr std::uint64_t key = 0x9E3779B97F4A7C15;
constexpr Lsn lsn = 3 * group_alignment;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

void read_anything(std::string_view input) {
    const auto bytes = bytes_of(input);
    const auto header = peek_group(bytes);
    require(peek_group(bytes, lsn).has_value() == (header && header->lsn == lsn), "a group knows its place");
    verify_record(input, key);
    if (!header || !verify_group(bytes, *header, key)) return;
    std::size_t offset =
        group_header_size;  // not by chance: but should it be one, then its records lie in it
    while (const auto record = next_record(bytes, *header, offset))
        require(offset <= header->bytes && record->payload.size() <= input.size(),
                "records lie in their group");
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

unsigned number(std::string_view hex) {
    unsigned value = 0;
    for (const char c : hex)
        value = value << 4 |
                (c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>(c - 'a' + 10)) % 16;
    return value;
}

// Changes octets as the line says. True: some that the group covers are now others.
bool change(std::span<std::byte> group, std::size_t covered, std::string_view changes) {
    const std::vector<std::byte> before(group.begin(), group.end());
    for (; changes.size() >= 6; changes.remove_prefix(6))
        group[number(changes.substr(0, 4)) % group.size()] =
            static_cast<std::byte>(number(changes.substr(4, 2)));
    return std::memcmp(before.data(), group.data(), covered) != 0;
}

void write_and_read(std::string_view input) {
    auto lines = lines_of(input);
    if (lines.empty()) return;
    const auto changes = lines.front();
    lines.erase(lines.begin());
    std::vector<std::byte> buffer(64 * 1024);
    GroupWriter writer(buffer, key, lsn);
    std::vector<std::string_view> written;
    for (const auto line : lines) {
        if (line.empty() || !writer.fits(line.size())) continue;
        const auto payload = line.substr(1);
        const std::string_view pieces[] = {payload.substr(0, payload.size() / 2),
                                           payload.substr(payload.size() / 2)};
        const auto extent = writer.add(static_cast<RecordKind>(line.front()), pieces);
        require(extent.length == payload.size(), "a record has its payload's length");
        written.push_back(line);
    }
    const auto size = writer.finish({.number = 7, .previous = 6, .shard = 1});
    require(size % group_alignment == 0 && size <= buffer.size(), "a group is aligned");
    std::vector<std::byte> group(buffer.begin(),
                                 buffer.begin() + static_cast<std::ptrdiff_t>(size));  // exactly
    const auto header = peek_group(group, lsn);
    require(header && header->number == 7 && header->records == written.size() &&
                verify_group(group, *header, key),
            "a group is read back");
    require(!verify_group(group, *header, key + 1), "another store's is none");
    std::size_t offset = group_header_size;
    for (const auto line : written) {
        const auto record = next_record(group, *header, offset);
        require(record && record->kind == static_cast<RecordKind>(line.front()) &&
                    record->payload == line.substr(1),
                "record by record");
        const auto* const at =
            reinterpret_cast<const char*>(group.data()) + (record->extent.lsn - lsn) - record_header_size;
        require(verify_record({at, record_header_size + record->extent.length}, key) == line.substr(1),
                "or alone");
    }
    require(!next_record(group, *header, offset), "and no more");
    if (change(group, header->bytes, changes)) {
        const auto changed = peek_group(group, lsn);
        require(!changed || !verify_group(group, *changed, key), "a change is found out");
    }
}

}  // namespace
}  // namespace angarium::queue

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = angarium::fuzz::text_of(data, size);
    angarium::queue::read_anything(std::string(input));
    angarium::queue::write_and_read(input);
    return 0;
}
