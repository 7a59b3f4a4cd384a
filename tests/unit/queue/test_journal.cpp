// The journal's next segment: made at leisure while there is time, since others write on the same disk, else in a hurry.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "queue/journal.hpp"
#include "tests/support/manual_shard.hpp"
#include "tests/support/manual_workers.hpp"
#include "tests/unit/queue/memory_files.hpp"

namespace angarium::queue {
namespace {

constexpr std::size_t mebibyte = 1 << 20;

// Takes about a MiB of the journal.
class LargeRecord final : public JournalRecord {
  public:
    std::size_t bytes() const override { return payload_.size() + record_header_size; }
    void write(GroupWriter& group) override {
        const std::string_view pieces[] = {payload_};
        group.add(RecordKind::part, pieces);
    }
    void durable() override { done = true; }
    void failed() override { ADD_FAILURE() << "the write failed"; }
    bool done = false;

  private:
    std::string payload_ = std::string(mebibyte - group_alignment, 'x');
};

class JournalTest : public testing::Test {
  protected:
    JournalTest() {
        JournalOptions options;
        options.directory = "journal";
        options.segment_bytes = 32 * mebibyte;
        auto opened = Journal::open(options, {}, files, workers, metrics);
        EXPECT_TRUE(opened.has_value());
        journal = std::move(*opened);
    }
    ~JournalTest() override { end(); }
    void end() {
        if (!journal) return;
        auto closing = journal->close();
        workers.run();
        shard.settle();
        EXPECT_TRUE(closing.done());
        journal.reset();
    }
    void append(int times, Duration pause) {
        for (int i = 0; i < times; ++i) {
            LargeRecord record;
            journal->append(record, Precedence::accept);
            shard.settle();
            EXPECT_TRUE(record.done) << "MiB " << i;
            if (pause > 0s) shard.advance(pause);
        }
    }

    support::ManualShard shard;
    MemoryFiles files;
    support::ManualWorkers workers;
    metrics::Sheet metrics;
    std::unique_ptr<Journal> journal;
};

TEST_F(JournalTest, TheNextSegmentIsMadeAtLeisureWhileThereIsTime) {
    append(20, 100ms);
    ASSERT_EQ(workers.jobs.size(), 1u);
    workers.run();
    EXPECT_FALSE(files.hurried);
}

TEST_F(JournalTest, ASegmentThatIsNearlyFullNeedsTheNext) {
    append(26, 100ms);
    workers.run();
    EXPECT_TRUE(files.hurried);
    append(10, 100ms);  // in the second one, and there is time again
    ASSERT_EQ(workers.jobs.size(), 1u);
    workers.run();
    EXPECT_FALSE(files.hurried);
}

TEST_F(JournalTest, ASegmentThatFillsFastNeedsTheNext) {
    append(10, 0s);
    workers.run();
    EXPECT_TRUE(files.hurried);
}

TEST_F(JournalTest, WhoWaitsForASegmentIsInAHurry) {
    append(32, 100ms);
    LargeRecord record;
    journal->append(record, Precedence::accept);
    shard.settle();
    ASSERT_FALSE(record.done) << "there should be no room";
    workers.run();
    EXPECT_TRUE(files.hurried);
    shard.settle();
    EXPECT_TRUE(record.done);
}

TEST_F(JournalTest, OneThatWasLargerBeforeHasNoRoom) {
    end();
    JournalOptions options;
    options.directory = "journal";
    options.segment_bytes = 32 * mebibyte;
    options.segments = 4;
    JournalEnd found;
    for (unsigned number = 0; number < 6; ++number)
        found.segments.emplace(number, std::to_string(number) + ".seg");
    found.next = 6 * options.segment_bytes;
    auto opened = Journal::open(options, found, files, workers, metrics);
    ASSERT_TRUE(opened.has_value());
    journal = std::move(*opened);
    EXPECT_EQ(journal->free_bytes(), 0u);
    EXPECT_EQ(journal->left_bytes(), 0u);
    EXPECT_EQ(journal->free_segments(), 0u);
}

TEST_F(JournalTest, TheEndDoesNotWaitForLeisure) {
    append(1, 100ms);
    ASSERT_EQ(workers.jobs.size(), 1u);
    end();
    EXPECT_TRUE(files.hurried);
}

}  // namespace
}  // namespace angarium::queue
