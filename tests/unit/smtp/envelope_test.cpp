// DSN values: there and back, and no control gets in.
#include "engine/smtp/envelope.hpp"

#include <gtest/gtest.h>

namespace angarium::smtp {
namespace {

using namespace std::string_literals;

TEST(Notify, ReadsAndWritesSets) {
    EXPECT_EQ(parse_notify("NEVER"), Notify::never);
    EXPECT_EQ(parse_notify("success,Failure"), Notify::success | Notify::failure);
    EXPECT_EQ(notify_text(*parse_notify("DELAY,FAILURE,SUCCESS")), "SUCCESS,FAILURE,DELAY");
    EXPECT_EQ(notify_text(Notify::never), "NEVER");
    EXPECT_EQ(notify_text(Notify::unspecified), "");
    for (const auto* text :
         {"", ",", "NEVER,SUCCESS", "SUCCESS,", ",SUCCESS", "SUCCESS,,DELAY", "SOMETIMES", "SUCCESS "})
        EXPECT_FALSE(parse_notify(text)) << text;
    EXPECT_TRUE(wants_failure(Notify::unspecified));
    EXPECT_FALSE(wants_failure(Notify::success));
    EXPECT_FALSE(wants_failure(Notify::never));
}

TEST(Xtext, GoesThereAndBack) {
    EXPECT_EQ(Xtext::decode("a+2Bb+3Dc+20d")->text(), "a+b=c d");
    EXPECT_EQ(Xtext::decode("a+2Bb+3Dc+20d")->encoded(), "a+2Bb+3Dc+20d");
    EXPECT_EQ(Xtext::decode("")->text(), "");
    std::string printable;
    for (char c = 0x20; c < 0x7f; ++c) printable += c;
    EXPECT_EQ(Xtext::decode(Xtext::make(printable)->encoded())->text(), printable);
}

TEST(Xtext, HoldsNoControl) {
    for (const auto* text :
         {"+", "+2", "+2G", "+2b", "a=b", "a b", "a+0D+0A", "a+0A", "+00", "+7F", "+09", "a\r", "a\n"})
        EXPECT_FALSE(Xtext::decode(text)) << text;
    EXPECT_FALSE(Xtext::decode("a\0"s));
    EXPECT_FALSE(Xtext::decode("+C3+BC"));
    EXPECT_TRUE(Xtext::decode("+C3+BC", Utf8::allowed));
    EXPECT_FALSE(Xtext::decode("+FF", Utf8::allowed));
    EXPECT_FALSE(Xtext::make("a\r\nb"));
}

TEST(OriginalRecipient, GoesThereAndBack) {
    const auto original = OriginalRecipient::decode("rfc822;jill+2Bx@hill.com");
    ASSERT_TRUE(original);
    EXPECT_EQ(original->type(), "rfc822");
    EXPECT_EQ(original->address(), "jill+x@hill.com");
    EXPECT_EQ(original->text(), "rfc822;jill+x@hill.com");
    EXPECT_EQ(original->encoded(), "rfc822;jill+2Bx@hill.com");
    EXPECT_EQ(OriginalRecipient::make(original->text()), original);
    for (const auto* text :
         {"", "jill@hill.com", ";a", "rfc822;", "rfc 822;a", "rfc822;a+0Ab", "rfc+0A;a", "rfc822;a=b"})
        EXPECT_FALSE(OriginalRecipient::decode(text)) << text;
}

}  // namespace
}  // namespace angarium::smtp
