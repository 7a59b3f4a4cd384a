#include "engine/dkim/header.hpp"

#include <gtest/gtest.h>

namespace angarium::dkim {
namespace {

using namespace std::string_literals;

TEST(Fields, AreSplitWithTheirFolds) {
    const auto fields = split_fields("From: a@b\r\nSubject:\r\n one\r\n\ttwo\r\nX : y\r\nEmpty:\r\n");
    ASSERT_TRUE(fields);
    ASSERT_EQ(fields->size(), 4u);
    EXPECT_EQ((*fields)[0].name, "From");
    EXPECT_EQ((*fields)[1].text, "Subject:\r\n one\r\n\ttwo");
    EXPECT_EQ((*fields)[2].name, "X");
    EXPECT_EQ((*fields)[2].text, "X : y");
    EXPECT_EQ((*fields)[3].text, "Empty:");
    EXPECT_EQ(split_fields("From: a@b\r\n c")->front().text, "From: a@b\r\n c");
    EXPECT_TRUE(split_fields("")->empty());
}

TEST(Fields, WhatIsNoneIsNotSigned) {
    for (const auto* section :
         {" From: a@b\r\n", "From a@b Mon\r\nFrom: a@b\r\n", "no colon\r\n", ": x\r\n", "\r\nFrom: a@b\r\n",
          "From: a@b\r\n\xc3\xa4: x\r\n", "From: a@b\r\nA b: c\r\n"})
        EXPECT_FALSE(split_fields(section)) << section;
}

std::string author(const std::string& header) {
    const auto fields = split_fields(header);
    if (!fields) return "malformed";
    const auto author = author_of(*fields);
    return author ? author->domain : "none";
}

TEST(Author, DomainOfTheFromField) {
    EXPECT_EQ(author("From: a@Example.NET\r\n"), "example.net");
    EXPECT_EQ(author("FROM:a@example.net"), "example.net");
    EXPECT_EQ(author("From: A B <a@example.net>\r\n"), "example.net");
    EXPECT_EQ(author("From: =?utf-8?q?x@y?= <a@example.net>\r\n"), "example.net");
    EXPECT_EQ(author("From: \"evil@other.test\" <a@example.net>\r\n"), "example.net");
    EXPECT_EQ(author("From: a@example.net <a@example.net> (A @ B)\r\n"), "example.net");
    EXPECT_EQ(author("From: \"a \\\" <b@other.test>, \" <a@example.net>\r\n"), "example.net");
    EXPECT_EQ(author("From: (evil@other.test (and) \\)) a@example.net (c)\r\n"), "example.net");
    EXPECT_EQ(author("From: A\r\n <a@\r\n example.net>\r\n"), "example.net");
    EXPECT_EQ(author("From: \"a@b\"@example.net\r\n"), "example.net");
    EXPECT_EQ(author("From: a@example.net, B <b@example.net>\r\n"), "example.net");
    EXPECT_EQ(author("From: People: a@example.net, b@example.net;\r\n"), "example.net");
    EXPECT_EQ(author("From: <@one.test,@two.test:a@example.net>\r\n"), "example.net");
    EXPECT_EQ(author("From: a@b\xc3\xbc"
                     "cher.example\r\n"),
              "xn--bcher-kva.example");
    EXPECT_EQ(author("To: x@y\r\nFrom: a@sub.example.net\r\n"), "sub.example.net");
}

TEST(Author, Addresses) {
    const auto author =
        author_of(*split_fields("From: A <a@Example.net>, \"b c\"@example.net (c), d @ example . net\r\n"));
    ASSERT_TRUE(author);
    EXPECT_EQ(author->addresses,
              (std::vector<std::string>{"a@Example.net", "\"b c\"@example.net", "d@example.net"}));
}

TEST(Author, NobodyInParticular) {
    for (const auto& header :
         {"To: a@b\r\n"s, "From:\r\n"s, "From: nobody\r\n"s, "From: a@b.test\r\nFrom: a@b.test\r\n"s,
          "From: a@b.test, c@d.test\r\n"s, "From: <a@b.test> <a@b.test>\r\n"s, "From: <a@b.test\r\n"s,
          "From: a@b.test>\r\n"s, "From: \"a@b.test\r\n"s, "From: (a@b.test\r\n"s, "From: a@b.test)\r\n"s,
          "From: <>\r\n"s, "From: a@[192.0.2.1]\r\n"s, "From: a@b.test\r\nfrom : x@y.test\r\n"s,
          "From: undisclosed:;\r\n"s, "From: a@-.test..\r\n"s, "From: a@\"b.test\"\r\n"s,
          // Two readers could see two authors.
          "From: x@y.test a@b.test\r\n"s, "From: <x@y.test a@b.test>\r\n"s, "From: <a@b.test> x@y.test\r\n"s,
          "From: <a@b.test> \"x\"\r\n"s, "From: x@y.test: a@b.test;\r\n"s})
        EXPECT_EQ(author(header), "none") << header;
}

}  // namespace
}  // namespace angarium::dkim
