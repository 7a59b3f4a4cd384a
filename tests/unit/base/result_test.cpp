// Errors of the operating system as the few that callers tell apart, and the generator of random numbers.
#include "engine/base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "engine/base/random.hpp"

namespace angarium {
namespace {

TEST(IoError, MapsWhatCallersTellApart) {
    EXPECT_EQ(io_error_from_errno(ECONNRESET), IoError::reset);
    EXPECT_EQ(io_error_from_errno(EPIPE), IoError::reset);
    EXPECT_EQ(io_error_from_errno(ETIMEDOUT), IoError::timed_out);
    EXPECT_EQ(io_error_from_errno(ECANCELED), IoError::canceled);
    EXPECT_EQ(io_error_from_errno(ECONNREFUSED), IoError::refused);
    EXPECT_EQ(io_error_from_errno(EHOSTUNREACH), IoError::unreachable);
    EXPECT_EQ(io_error_from_errno(EMFILE), IoError::no_descriptors);
    EXPECT_EQ(io_error_from_errno(ENOSPC), IoError::no_space);
    EXPECT_EQ(io_error_from_errno(EIO), IoError::failed);
}

TEST(IoError, EveryOneHasItsOwnText) {
    std::set<std::string_view> texts;
    for (int i = 0; i <= static_cast<int>(IoError::failed); ++i)
        texts.insert(to_string(static_cast<IoError>(i)));
    EXPECT_EQ(texts.size(), static_cast<std::size_t>(IoError::failed) + 1);
}

TEST(Random, TheSeedDecides) {
    Random one(7), two(7), other(8);
    EXPECT_EQ(one.next(), two.next());
    EXPECT_NE(one.next(), other.next());
}

TEST(Random, StaysInItsBounds) {
    Random random(9);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 10'000; ++i) {
        seen.insert(random.below(7));
        const auto unit = random.unit();
        ASSERT_TRUE(unit >= 0.0 && unit < 1.0);
    }
    EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
    EXPECT_NE(kernel_random(), kernel_random());
}

}  // namespace
}  // namespace angarium
