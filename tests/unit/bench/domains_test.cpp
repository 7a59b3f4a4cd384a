#include "bench/domains.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace angarium::bench {
namespace {

TEST(Domains, HaveNamesOfEqualLength) {
    const Domains few(100, "example.test");
    EXPECT_EQ(few.name(7), "d007.example.test");
    EXPECT_EQ(few.pattern().size(), few.name(99).size());
    const Domains many(100'000, "example.test");
    EXPECT_EQ(many.name(7), "d00007.example.test");
    EXPECT_EQ(many.name(99'999), "d99999.example.test");
}

TEST(Domains, AreFoundByName) {
    const Domains domains(100, "example.test");
    EXPECT_EQ(domains.number("d000.example.test"), 0u);
    EXPECT_EQ(domains.number("D042.EXAMPLE.test"), 42u);
    for (const char* name : {"d100.example.test", "d1x.example.test", "d.example.test", "example.test", "",
                             "d001", "x001.example.test", "d001.example.org", "d001-example.test",
                             "a.d001.example.test", "d-1.example.test", "d99999999999999999999.example.test"})
        EXPECT_EQ(domains.number(name), std::nullopt) << name;
}

TEST(Domains, PutTheirNameInPlace) {
    const Domains domains(1000, "example.test");
    std::string text = "<r0@" + domains.name(0) + ">";
    domains.put_name(text.data() + 4, 731);
    EXPECT_EQ(text, "<r0@d731.example.test>");
}

TEST(Domains, AreFoundAmongAHundredThousand) {
    const Domains domains(100'000, "example.test");
    for (const unsigned number : {0u, 99u, 4711u, 99'999u})
        EXPECT_EQ(domains.number(domains.name(number)), number);
    EXPECT_EQ(domains.number("d007.example.test"), 7u);  // as a run with fewer domains writes it
}

// The most frequent of n domains has 1 / H(n) of the mail, rank r the r-th part of that.
TEST(Domains, AreChosenByZipfsLaw) {
    constexpr unsigned count = 100'000, draws = 1'000'000;
    const DomainChoice choice(count, 1.0);
    Random random(1);
    std::vector<unsigned> seen(count);
    for (unsigned i = 0; i < draws; ++i) ++seen[choice.draw(random)];
    const double first = draws / 12.090146;  // H(100,000)
    for (const unsigned rank : {1u, 2u, 3u, 10u, 100u})
        EXPECT_NEAR(seen[rank - 1], first / rank, 5 * std::sqrt(first / rank)) << rank;
    const auto head = std::accumulate(seen.begin(), seen.begin() + 1000, 0.0);
    EXPECT_NEAR(head / draws, 7.485471 / 12.090146, 0.003);               // H(1,000) / H(100,000)
    EXPECT_GT(std::accumulate(seen.end() - 1000, seen.end(), 0u), 300u);  // nobody is left out: 827 expected
}

TEST(Domains, AreChosenUniformlyWithoutALaw) {
    const DomainChoice choice(10, 0);
    Random random(2);
    std::vector<unsigned> seen(10);
    for (unsigned i = 0; i < 100'000; ++i) ++seen[choice.draw(random)];
    for (const auto times : seen) EXPECT_NEAR(times, 10'000, 500);
}

}  // namespace
}  // namespace angarium::bench
