#include "bench/mail_file.hpp"

#include <gtest/gtest.h>

namespace angarium::bench {
namespace {

TEST(MailFile, GetsSmtpsLineEnds) {
    const auto file = MailFile::parse("Subject: a\r\nTo: b\n\tc\n\nline\r\n\nlast", "f");
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(file->plain, "Subject: a\r\nTo: b\r\n\tc\r\n\r\nline\r\n\r\nlast\r\n");
    EXPECT_EQ(file->plain.substr(file->body_at), "line\r\n\r\nlast\r\n");
    EXPECT_FALSE(file->eight_bit);
    EXPECT_TRUE(MailFile::parse("Subject: \xc3\xbc\n\n", "f")->eight_bit);
}

TEST(MailFile, MayHaveNoBody) {
    const auto file = MailFile::parse("Subject: a\n", "f");
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(file->plain, "Subject: a\r\n\r\n");
    EXPECT_EQ(file->body_at, file->plain.size());
}

TEST(MailFile, LosesFieldsThatWouldBeTakenForOurs) {
    const auto file =
        MailFile::parse("X-Angarium-Check: 1\n 2\nSubject: a\n\nX-Angarium-Check: stays\n", "f");
    ASSERT_TRUE(file.has_value());
    EXPECT_EQ(file->plain, "Subject: a\r\n\r\nX-Angarium-Check: stays\r\n");
}

TEST(MailFile, IsRefusedWithFileLineAndReason) {
    const std::string header = "Subject: a\n\n";
    for (const auto& [text, what] :
         {std::pair{header + std::string(999, 'x') + "\n", "f, line 3: 999 octets"},
          {header + "a\rb\n", "f, line 3: a CR"},
          {header + std::string("a\0b\n", 4), "f, line 3: a NUL"},
          {std::string("From me Thu Jan  1\nSubject: a\n"), "f, line 1: no header field"},
          {std::string("\tfolded\n"), "f, line 1: no header field"},
          {std::string("Subject: a\nhello there\n"), "f, line 2: no header field"},
          {std::string(), "f is empty"}}) {
        const auto file = MailFile::parse(text, "f");
        ASSERT_FALSE(file.has_value()) << what;
        EXPECT_TRUE(file.error().text.starts_with(what)) << file.error().text;
    }
    EXPECT_TRUE(MailFile::parse(header + std::string(998, 'x'), "f").has_value());
}

}  // namespace
}  // namespace angarium::bench
