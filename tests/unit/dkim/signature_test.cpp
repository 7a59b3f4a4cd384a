#include "engine/dkim/signature.hpp"

#include <gtest/gtest.h>

#include "tests/unit/dkim/samples.hpp"

namespace angarium::dkim {
namespace {

using Names = std::vector<std::string_view>;

Form form_of(std::vector<std::string> headers, std::vector<std::string> oversign) {
    Form form;
    form.selector = "s1";
    form.headers = std::move(headers);
    form.oversign = std::move(oversign);
    return form;
}

Names names(const Form& form, std::string_view header) { return names_to_sign(form, *split_fields(header)); }

TEST(SignedNames, EachAsOftenAsItOccursAndOnceMore) {
    constexpr auto header = "From: a@b\r\nTo: x\r\nTO: y\r\nX-Other: z\r\n";
    EXPECT_EQ(names(form_of({"from", "to", "subject"}, {}), header), (Names{"from", "to", "to"}));
    EXPECT_EQ(names(form_of({"from", "to", "subject"}, {"to", "subject"}), header),
              (Names{"from", "to", "to", "to", "subject"}));
    EXPECT_EQ(names(form_of({"to"}, {"from", "cc"}), header), (Names{"from", "from", "to", "to", "cc"}));
    EXPECT_EQ(names(form_of({}, {}), header), (Names{"from"}));
}

TEST(SignedNames, TheDefaultsCoverWhatIsRead) {
    const auto form = form_of(default_headers(), default_oversign());  // the names are views of it
    const auto got = names(form, samples::header);
    EXPECT_EQ(got, (Names{"from", "from", "reply-to", "subject", "subject", "date", "date", "message-id",
                          "to", "to", "cc"}));
}

TEST(Composed, FieldIsFolded) {
    Form form = form_of(default_headers(), default_oversign());
    form.canonical = {Canonical::relaxed, Canonical::simple};
    form.expire = std::chrono::hours(24);
    const Names all(60, "content-transfer-encoding");
    auto field = compose(form, Algorithm::rsa_sha256, "example.net", all, Digest{},
                         std::chrono::sys_seconds(std::chrono::seconds(1'000'000)));
    EXPECT_TRUE(field.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.net;"));
    EXPECT_NE(field.find("t=1000000;"), std::string::npos);
    EXPECT_NE(field.find("x=1086400;"), std::string::npos);
    EXPECT_NE(field.find("bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;"), std::string::npos);
    EXPECT_TRUE(field.ends_with("\r\n\tb="));
    EXPECT_EQ(field.find("i="), std::string::npos);
    EXPECT_EQ(field.find("l="), std::string::npos);
    complete(field, std::string(256, 'x'));
    EXPECT_TRUE(field.ends_with("\r\n"));
    const auto fields = split_fields(field);
    ASSERT_TRUE(fields);
    EXPECT_EQ(fields->size(), 1u);
    std::size_t begin = 0;
    for (auto end = field.find("\r\n"); end != std::string::npos;
         begin = end + 2, end = field.find("\r\n", begin))
        EXPECT_LE(end - begin, 78u) << field.substr(begin, end - begin);
    const auto value = field.substr(field.find("\tb=") + 3);
    EXPECT_EQ(decode_folded_base64(value), std::string(256, 'x'));
}

// The digest of repeated fields takes the lowest first (RFC 6376 section 5.4.2), and those that are missing as nothing.
TEST(HeaderDigest, FromTheBottomUp) {
    const Library library;
    const auto digest = [&](std::string_view header, const Names& wanted) {
        return header_digest(library, *split_fields(header), wanted, "DKIM-Signature: b=", Canonical::simple);
    };
    const auto expected = [&](std::string_view input) {
        Sha256 hash(library);
        hash.update(input);
        return hash.finish();
    };
    constexpr auto header = "A: 1\r\nB: 2\r\na: 3\r\n";
    EXPECT_EQ(digest(header, {"a"}), expected("a: 3\r\nDKIM-Signature: b="));
    EXPECT_EQ(digest(header, {"a", "a"}), expected("a: 3\r\nA: 1\r\nDKIM-Signature: b="));
    EXPECT_EQ(digest(header, {"a", "b", "a", "a", "c"}),
              expected("a: 3\r\nB: 2\r\nA: 1\r\nDKIM-Signature: b="));
}

}  // namespace
}  // namespace angarium::dkim
