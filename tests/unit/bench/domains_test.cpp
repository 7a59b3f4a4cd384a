#include "bench/domains.hpp"

#include <gtest/gtest.h>

namespace angarium::bench {
namespace {

TEST(Domains, HaveNamesOfEqualLength) {
    const Domains few(100, "example.test");
    EXPECT_EQ(few.name(7), "d007.example.test");
    EXPECT_EQ(few.name_size(), few.name(99).size());
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

}  // namespace
}  // namespace angarium::bench
