// Reading a journal's files at start-up: what is torn, what is damaged, what is old. The files are made by hand.
#include "queue/journal_reader.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "engine/runtime/file_system.hpp"
#include "tests/unit/queue/place.hpp"

namespace angarium::queue {
namespace {

constexpr std::uint64_t segment = 8u << 20, journal_key = 7;

// Writes groups of one record each, one 4 KiB block a group.
class Journals {
  public:
    Journals()
        : buffer_(static_cast<std::byte*>(std::aligned_alloc(group_alignment, max_group_bytes)), &std::free) {
    }

    void make(const std::string& name) {
        std::ofstream file(place.path(name), std::ios::binary);
        const std::string zeros(segment, '\0');
        file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    }
    void write(const std::string& name, Lsn lsn, const std::string& text) {
        GroupWriter group({buffer_.get(), max_group_bytes}, journal_key, lsn);
        const std::string_view pieces[] = {text};
        group.add(RecordKind::part, pieces);
        GroupHeader header;
        header.number = number_++;
        header.previous = previous_;
        const auto bytes = group.finish(header);
        previous_ = group.checksum();
        std::fstream file(place.path(name), std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(lsn % segment));
        file.write(reinterpret_cast<const char*>(buffer_.get()), static_cast<std::streamsize>(bytes));
    }
    void damage(const std::string& name, std::uint64_t at) {
        std::fstream file(place.path(name), std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(at));
        file.write("damage", 6);
    }
    Result<JournalEnd> read(Lsn tail, bool repair = false) {
        seen.clear();
        JournalSource source;
        source.directory = place.path();
        source.key = journal_key;
        source.tail = tail;
        source.repair = repair;
        source.warn = [](const std::string&) {};
        runtime::KernelFileSystem files;
        return read_journal(files, source, segment,
                            [&](const RecordView& view) { seen.emplace_back(view.payload); });
    }

    TestPlace place;
    std::vector<std::string> seen;

  private:
    std::unique_ptr<std::byte, void (*)(void*)> buffer_;
    std::uint64_t number_ = 1, previous_ = 0;
};

TEST(JournalReader, ReadsInOrderOverSegments) {
    Journals journals;
    journals.make("0000.seg");
    journals.make("0001.seg");
    journals.write("0001.seg", 0, "a");
    journals.write("0001.seg", 4096, "b");
    journals.write("0000.seg", segment, "c");
    const auto end = journals.read(0);
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(journals.seen, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(end->next, segment + 4096);
    EXPECT_EQ(end->number, 4u);
}

TEST(JournalReader, ATornLastGroupIsTheEnd) {
    Journals journals;
    journals.make("0000.seg");
    journals.write("0000.seg", 0, "a");
    journals.write("0000.seg", 4096, "b");
    journals.damage("0000.seg", 4096 + 66);
    const auto end = journals.read(0);
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(journals.seen, (std::vector<std::string>{"a"}));
    EXPECT_EQ(end->next, 4096u);
}

TEST(JournalReader, DamageInTheMiddleIsRefused) {
    Journals journals;
    journals.make("0000.seg");
    for (Lsn at = 0; at < 5; ++at)
        journals.write("0000.seg", at * 4096, std::string(1, static_cast<char>('a' + at)));
    journals.damage("0000.seg", 2 * 4096 + 66);
    EXPECT_FALSE(journals.read(0));
    const auto end = journals.read(0, true);
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(journals.seen, (std::vector<std::string>{"a", "b", "d", "e"}));
}

TEST(JournalReader, DamageInTheFirstGroupIsRefused) {
    Journals journals;
    journals.make("0000.seg");
    for (Lsn at = 0; at < 3; ++at)
        journals.write("0000.seg", at * 4096, std::string(1, static_cast<char>('a' + at)));
    journals.damage("0000.seg", 66);
    EXPECT_FALSE(journals.read(0));
    const auto end = journals.read(0, true);
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(journals.seen, (std::vector<std::string>{"b", "c"}));
    EXPECT_TRUE(end->free.empty());
}

TEST(JournalReader, DamageInTheFirstGroupOfTheLastSegmentIsRefused) {
    Journals journals;
    journals.make("0000.seg");
    journals.make("0001.seg");
    journals.write("0000.seg", 0, "a");
    journals.write("0001.seg", segment, "b");
    journals.write("0001.seg", segment + 4096, "c");
    journals.damage("0001.seg", 66);
    EXPECT_FALSE(journals.read(0));
}

TEST(JournalReader, ATornFirstGroupInARecycledSegmentIsTheEnd) {
    Journals journals;
    journals.make("0000.seg");
    journals.make("0001.seg");
    journals.write("0000.seg", 0, "old");
    journals.write("0000.seg", 4096, "old too");
    journals.write("0001.seg", segment, "a");
    journals.write("0000.seg", 2 * segment, "torn");  // over the first old group
    journals.damage("0000.seg", 66);
    const auto end = journals.read(segment);
    ASSERT_TRUE(end) << end.error().text;
    EXPECT_EQ(journals.seen, (std::vector<std::string>{"a"}));
    EXPECT_EQ(end->next, segment + 4096);
    EXPECT_EQ(end->free, (std::vector<std::string>{"0000.seg"}));
}

}  // namespace
}  // namespace angarium::queue
