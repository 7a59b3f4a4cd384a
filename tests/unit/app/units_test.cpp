// Durations and sizes: units are mandatory, and what is printed reads back.
#include "engine/app/units.hpp"

#include <gtest/gtest.h>

#include "engine/base/random.hpp"

namespace angarium::app {
namespace {

TEST(Units, ReadsDurations) {
    EXPECT_EQ(parse_duration("250ms").value(), 250ms);
    EXPECT_EQ(parse_duration("30s").value(), 30s);
    EXPECT_EQ(parse_duration("5m").value(), 5min);
    EXPECT_EQ(parse_duration("4h").value(), 4h);
    EXPECT_EQ(parse_duration("5d").value(), 120h);
    EXPECT_EQ(parse_duration("1h30m").value(), 90min);
    EXPECT_EQ(parse_duration("0s").value(), 0s);
}

TEST(Units, RefusesOtherDurations) {
    for (const auto* text : {"", "30", "s", "-5s", "5 s", "5S", "5sec", "1.5h", "5m5m", "5m1h",
                             "99999999999999999999s", "40000d", "1h30", "5s "})
        EXPECT_FALSE(parse_duration(text)) << text;
    EXPECT_NE(parse_duration("30").error().text.find("has no unit"), std::string::npos);
}

TEST(Units, ReadsSizes) {
    EXPECT_EQ(parse_size("512B").value().count, 512u);
    EXPECT_EQ(parse_size("64KiB").value().count, 65536u);
    EXPECT_EQ(parse_size("64MiB").value(), mib(64));
    EXPECT_EQ(parse_size("50MB").value().count, 50'000'000u);
    EXPECT_EQ(parse_size("1GiB").value(), gib(1));
    EXPECT_EQ(parse_size("2TiB").value(), gib(2048));
}

TEST(Units, RefusesOtherSizes) {
    for (const auto* text : {"", "64", "MiB", "-1MiB", "64 MiB", "64mib", "64Mb", "1.5GiB",
                             "99999999999999999999B", "99999999TiB", "9223372036854775808B"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Units, PrintsShortForms) {
    EXPECT_EQ(format_duration(90min), "1h30m");
    EXPECT_EQ(format_duration(120h), "5d");
    EXPECT_EQ(format_duration(0s), "0s");
    EXPECT_EQ(format_duration(1500ms), "1s500ms");
    EXPECT_EQ(format_size(mib(50)), "50MiB");
    EXPECT_EQ(format_size({50'000'000}), "50MB");
    EXPECT_EQ(format_size({}), "0B");
    EXPECT_EQ(format_size({1537}), "1537B");
}

TEST(Units, WhatIsPrintedReadsBack) {
    Random random(3);
    for (int i = 0; i < 20000; ++i) {
        const Duration duration =
            std::chrono::milliseconds(random.next() % 3'000'000'000'000 >> random.below(40));
        EXPECT_EQ(parse_duration(format_duration(duration)).value(), duration);
        const Bytes size{random.next() >> (1 + random.below(62)) << random.below(2) * 10 & INT64_MAX};
        EXPECT_EQ(parse_size(format_size(size)).value(), size);
    }
}

}  // namespace
}  // namespace angarium::app
