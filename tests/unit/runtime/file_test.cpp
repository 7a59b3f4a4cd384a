// Files on the ring: direct and buffered, synced and not, their ends, and the blocking half of the file system.
#include "engine/runtime/file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "engine/runtime/file_system.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

struct FreeBlock {
    void operator()(std::byte* block) const { std::free(block); }
};
using Block = std::unique_ptr<std::byte, FreeBlock>;
Block aligned(std::size_t size) {
    return Block(static_cast<std::byte*>(std::aligned_alloc(File::alignment, size)));
}

// A new folder below one that is on a disk or, for /dev/shm, in memory.
class FileTest : public ::testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        auto pattern = std::string(GetParam()) + "/angarium-file-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) GTEST_SKIP() << "cannot write to " << GetParam();
        folder_ = pattern;
    }
    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }
    std::string path(const char* name) const { return folder_ + "/" + name; }
    std::string folder_;
    KernelFileSystem files_;
};

// Pages of the file that nobody has begun to write to the disk; nullopt where the kernel (before 6.5) does not tell.
std::optional<std::uint64_t> dirty_pages(const std::string& path) {
    constexpr long cachestat = 451;
    struct {
        std::uint64_t offset, length;
    } range{0, 0};
    struct {
        std::uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } found{};
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const auto error = ::syscall(cachestat, descriptor, &range, &found, 0);
    ::close(descriptor);
    if (error != 0) return std::nullopt;
    return found.dirty;
}

// Then waits, with the file open, until no more than `most` bytes of it are dirty; by itself the kernel begins half a minute later.
Task<void> append_much(RingShard& shard, FileSystem& files, std::string path, std::uint64_t most) {
    auto file = files.open(path, Access::append);
    EXPECT_TRUE(file.has_value());
    if (!file) co_return;
    const std::string piece(64 * 1024, 'x');
    for (std::uint64_t at = 0; at < (2u << 20); at += piece.size()) {
        const auto written = co_await (*file)->write(at, std::as_bytes(std::span(piece)), Durability::none);
        EXPECT_EQ(written.value_or(0), piece.size());
    }
    const auto until = shard.now() + 10s;
    while (dirty_pages(path).value_or(0) * 4096 > most && shard.now() < until) co_await shard.sleep(1ms);
    EXPECT_LE(dirty_pages(path).value_or(0) * 4096, most);
}

TEST_P(FileTest, WhatIsAppendedDoesNotPileUpInThePageCache) {
    struct statfs place{};
    ASSERT_EQ(::statfs(folder_.c_str(), &place), 0);
    if (place.f_type == TMPFS_MAGIC) GTEST_SKIP() << GetParam() << " is in memory";
    on_shard([&](RingShard& shard) { return append_much(shard, files_, path("log"), 256 * 1024); });
    if (!dirty_pages(path("log"))) GTEST_SKIP() << "this kernel does not tell";
}

Task<void> write_and_read(FileSystem& files, std::string path, Durability durability) {
    constexpr std::size_t size = 1 << 20;
    auto file = files.open(path, Access::direct);
    EXPECT_TRUE(file.has_value()) << (file ? "" : file.error().text);
    if (!file) co_return;
    EXPECT_EQ((*file)->size(), std::uint64_t{size});
    const auto bytes = pattern(size / 2);
    const auto out = aligned(size), in = aligned(size);
    std::memcpy(out.get(), bytes.data(), bytes.size());
    const std::span<const std::byte> source(out.get(), bytes.size());
    const auto written = co_await (*file)->write(File::alignment, source, durability);
    EXPECT_EQ(written.value_or(0), bytes.size());
    const std::span target(in.get(), bytes.size());
    const auto read = co_await (*file)->read(File::alignment, target);
    EXPECT_EQ(read.value_or(0), bytes.size());
    EXPECT_EQ(std::memcmp(in.get(), bytes.data(), bytes.size()), 0);
    const auto synced = co_await (*file)->sync();
    EXPECT_TRUE(synced.has_value());
    const std::span whole(in.get(), size);
    const auto rest = co_await (*file)->read(size / 2, whole);  // reaches over the end
    EXPECT_EQ(rest.value_or(0), size / 2);
    const auto beyond = co_await (*file)->read(size, whole);
    EXPECT_EQ(beyond.value_or(1), 0u);
}

TEST_P(FileTest, WritesReadsSyncs) {
    ASSERT_TRUE(files_.create_filled(path("segment"), 1 << 20, nullptr).has_value());
    for (const auto durability : {Durability::none, Durability::synced})
        on_shard([&](RingShard&) { return write_and_read(files_, path("segment"), durability); });
}

Task<void> append_lines(FileSystem& files, std::string path) {
    auto file = files.open(path, Access::append);
    EXPECT_TRUE(file.has_value());
    std::uint64_t at = (*file)->size();
    for (int i = 0; i < 100; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        const auto durability = i % 10 == 0 ? Durability::synced : Durability::none;
        const auto written = co_await (*file)->write(at, std::as_bytes(std::span(line)), durability);
        EXPECT_EQ(written.value_or(0), line.size());
        at += line.size();
    }
    EXPECT_EQ((*file)->size(), at);
}

TEST_P(FileTest, AppendsUnalignedLines) {
    on_shard([&](RingShard&) { return append_lines(files_, path("log")); });
    on_shard([&](RingShard&) { return append_lines(files_, path("log")); });
    std::string text(10'000, '\0');
    const auto read = files_.read_blocking(path("log"), 0, std::as_writable_bytes(std::span(text)));
    ASSERT_TRUE(read.has_value());
    text.resize(*read);
    EXPECT_TRUE(text.starts_with("line 0\nline 1\n"));
    EXPECT_NE(text.find("line 99\nline 0\n"), std::string::npos);
}

// Many reads of one file at the same time.
Task<void> read_one(File& file, std::uint64_t page, int& right) {
    const auto block = aligned(File::alignment);
    const std::span target(block.get(), File::alignment);
    const auto read = co_await file.read(page * File::alignment, target);
    EXPECT_EQ(read.value_or(0), File::alignment);
    if (block.get()[17] == static_cast<std::byte>(page)) ++right;
}
Task<void> parallel_reads(FileSystem& files, std::string path) {
    constexpr std::size_t pages = 200;
    auto file = files.open(path, Access::direct);
    const auto block = aligned(pages * File::alignment);
    for (std::size_t page = 0; page < pages; ++page)
        std::memset(block.get() + page * File::alignment, static_cast<int>(page), File::alignment);
    const std::span<const std::byte> source(block.get(), pages * File::alignment);
    const auto written = co_await (*file)->write(0, source, Durability::synced);
    EXPECT_TRUE(written.has_value());
    int right = 0;
    Gate gate;
    for (std::size_t page = 0; page < pages; ++page) gate.hold(read_one(**file, page, right));
    co_await gate.closed();
    EXPECT_EQ(right, static_cast<int>(pages));
}
TEST_P(FileTest, ParallelReads) {
    ASSERT_TRUE(files_.create_filled(path("segment"), 200 * File::alignment, nullptr).has_value());
    on_shard([&](RingShard&) { return parallel_reads(files_, path("segment")); });
}

TEST_P(FileTest, CreateFilledWritesRealBytes) {
    ASSERT_TRUE(files_.create_filled(path("filled"), (3 << 20) + 100, nullptr).has_value());
    struct stat status{};
    ASSERT_EQ(::stat(path("filled").c_str(), &status), 0);
    EXPECT_EQ(status.st_size, (3 << 20) + 100);
    EXPECT_GE(status.st_blocks * 512, 3 << 20);  // allocated, not a hole
    EXPECT_FALSE(
        files_.create_filled(path("filled"), 4096, nullptr).has_value());  // never over an existing one
}

// A disk that others sync on at the same time is left to them in between, unless the file is waited for.
TEST_P(FileTest, CreateFilledRestsUntilThereIsHurry) {
    constexpr auto least = 3 * 15ms;  // behind each MiB but the last
    std::atomic<bool> hurry = false;
    const auto started = std::chrono::steady_clock::now();
    ASSERT_TRUE(files_.create_filled(path("at leisure"), 4 << 20, &hurry).has_value());
    EXPECT_GE(std::chrono::steady_clock::now() - started, least);
    hurry = true;
    ASSERT_TRUE(files_.create_filled(path("in a hurry"), 4 << 20, &hurry).has_value());
    for (const char* name : {"at leisure", "in a hurry"}) {
        EXPECT_EQ(files_.file_bytes(path(name)).value_or(0), 4u << 20);
    }
}

TEST_P(FileTest, NamesAndErrors) {
    ASSERT_TRUE(files_.create_directories(path("a/b")).has_value());
    ASSERT_TRUE(files_.create_filled(path("a/two"), 4096, nullptr).has_value());
    ASSERT_TRUE(files_.create_filled(path("a/one"), 4096, nullptr).has_value());
    const auto names = files_.list(path("a"));
    ASSERT_TRUE(names.has_value());
    EXPECT_EQ(*names, (std::vector<std::string>{"b", "one", "two"}));
    EXPECT_TRUE(files_.remove(path("a/one")).has_value());
    EXPECT_FALSE(files_.remove(path("a/one")).has_value());
    EXPECT_FALSE(files_.list(path("nowhere")).has_value());
    const auto missing = files_.open(path("missing"), Access::direct);
    ASSERT_FALSE(missing.has_value());
    EXPECT_NE(missing.error().text.find("missing: No such file"), std::string::npos);
    EXPECT_GT(files_.free_bytes(folder_).value_or(0), 0u);
    EXPECT_TRUE(files_.sync_blocking(folder_).has_value());
}

// --- a full disk ---

Task<void> write_to_full(FileSystem& files) {
    auto file = files.open("/dev/full", Access::append);
    EXPECT_TRUE(file.has_value());
    if (!file) co_return;
    const std::string bytes = "x";
    const auto written = co_await (*file)->write(0, std::as_bytes(std::span(bytes)), Durability::none);
    EXPECT_EQ(error_of(written), IoError::no_space);
}
TEST(FileErrors, AFullDiskIsNamed) {
    KernelFileSystem files;
    on_shard([&](RingShard&) { return write_to_full(files); });
}

INSTANTIATE_TEST_SUITE_P(Places, FileTest, ::testing::Values("/var/tmp", "/dev/shm"));

}  // namespace
}  // namespace angarium::runtime
