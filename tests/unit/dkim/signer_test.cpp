#include "engine/dkim/signer.hpp"

#include <gtest/gtest.h>

#include "tests/unit/dkim/samples.hpp"

namespace angarium::dkim {
namespace {

Entry entry(std::vector<std::string> domains, std::string selector,
            std::string key = samples::ed25519_pem()) {
    Entry made;
    made.domains = std::move(domains);
    made.form.selector = std::move(selector);
    made.key = std::move(key);
    made.key_name = "key.pem";
    return made;
}

std::shared_ptr<const Signer> signer_of(const std::vector<Entry>& entries) {
    static const Library library;
    auto signer = Signer::make(library, entries);
    EXPECT_TRUE(signer) << signer.error().text;
    return *signer;
}

std::string chosen(const Signer& signer, std::string_view author) {
    const auto choice = signer.choose(author);
    if (!choice) return "nobody";
    std::string out(choice->domain);
    for (const auto* key : choice->keys) out += " " + key->form.selector;
    return out;
}

TEST(Signer, ExactDomainElseTheNearestAboveThatSignsForSubdomains) {
    auto above = entry({"example.net"}, "above");
    above.subdomains = true;
    auto deep = entry({"deep.a.example.net"}, "deep");
    deep.subdomains = true;
    const auto signer =
        signer_of({entry({"example.net", "other.test"}, "one"), above, entry({"a.example.net"}, "a"), deep});
    EXPECT_EQ(chosen(*signer, "example.net"), "example.net one above");
    EXPECT_EQ(chosen(*signer, "other.test"), "other.test one");
    EXPECT_EQ(chosen(*signer, "a.example.net"), "a.example.net a");
    EXPECT_EQ(chosen(*signer, "b.a.example.net"), "example.net above");
    EXPECT_EQ(chosen(*signer, "x.deep.a.example.net"), "deep.a.example.net deep");
    EXPECT_EQ(chosen(*signer, "x.other.test"), "nobody");
    EXPECT_EQ(chosen(*signer, "notexample.net"), "nobody");
    EXPECT_EQ(chosen(*signer, "net"), "nobody");
}

TEST(Signer, ABadKeyIsNamed) {
    const auto signer = Signer::make(Library(), std::vector{entry({"example.net"}, "s", "no key")});
    ASSERT_FALSE(signer);
    EXPECT_TRUE(signer.error().text.starts_with("key.pem holds no private key"));
}

// Signs in pieces of `step` and verifies each field: the head, or why there is none.
std::string head_of(const std::shared_ptr<const Signer>& signer, std::string_view content,
                    std::size_t step = std::string_view::npos) {
    MessageSigner message(signer);
    for (std::size_t at = 0; at < content.size();) {
        const auto piece = content.substr(at, step);
        message.feed(piece);
        at += piece.size();
    }
    if (!message.end()) return message.unsigned_because() == Unsigned::no_key ? "no key" : "malformed";
    message.prepare(WallTime{std::chrono::milliseconds(1'528'637'909'999)});
    EXPECT_TRUE(message.sign());
    return message.head();
}

std::string football() { return std::string(samples::header) + "\r\n" + std::string(samples::body); }

// It would fill more than the queue takes in front of a message, and keep the shard busy for seconds.
TEST(MessageSigner, ThousandsOfFieldsAreNotSigned) {
    const auto signer = signer_of({entry({"example.net"}, "one"), entry({"example.net"}, "two")});
    const auto with = [](unsigned more) {
        std::string content = "From: jill@example.net\r\n";
        for (unsigned i = 0; i < more; ++i) content += "List-Unsubscribe-Post:\r\n";
        return content + "\r\nhello\r\n";
    };
    const auto head = head_of(signer, with(1000));
    EXPECT_TRUE(head.starts_with("DKIM-Signature:")) << head;
    EXPECT_GT(head.size(), 2 * 22 * 1000u);
    EXPECT_EQ(head_of(signer, with(10'000)), "malformed");
}

TEST(MessageSigner, SignsWithEveryKeyOfTheDomain) {
    auto simple = entry({"football.example.com"}, "third");
    simple.form.canonical = {Canonical::simple, Canonical::simple};
    const auto signer = signer_of({entry({"football.example.com"}, "brisbane"),
                                   entry({"football.example.com"}, "test", samples::rsa_pem), simple});
    const auto head = head_of(signer, football());
    const auto fields = split_fields(head);
    ASSERT_TRUE(fields);
    ASSERT_EQ(fields->size(), 3u);
    EXPECT_TRUE(head.ends_with("\r\n"));
    const std::string pems[] = {samples::ed25519_pem(), samples::rsa_pem, samples::ed25519_pem()};
    const char* const begins[] = {"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;",
                                  "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;",
                                  "DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple;"};
    for (std::size_t i = 0; i < 3; ++i) {
        const auto text = (*fields)[i].text;
        EXPECT_TRUE(text.starts_with(begins[i])) << text;
        EXPECT_NE(text.find("t=1528637909;"), std::string::npos);
        const auto value = text.find("\tb=") + 3;
        const auto signature = decode_folded_base64(text.substr(value));
        ASSERT_TRUE(signature);
        const auto own = split_fields(samples::header);
        const auto& form = signer->keys()[i]->form;
        const auto digest = header_digest(signer->library(), *own, names_to_sign(form, *own),
                                          text.substr(0, value), form.canonical.header);
        EXPECT_TRUE(samples::verifies(pems[i], digest, *signature));
    }
    EXPECT_NE(head.find("bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="), std::string::npos);
}

TEST(MessageSigner, PiecesOfAnySize) {
    const auto signer = signer_of({entry({"football.example.com"}, "brisbane")});
    const auto whole = head_of(signer, football());
    EXPECT_TRUE(whole.starts_with("DKIM-Signature:"));
    for (std::size_t step = 1; step < 300; ++step)
        EXPECT_EQ(head_of(signer, football(), step), whole) << step;
}

TEST(MessageSigner, WithoutABody) {
    const auto signer = signer_of({entry({"football.example.com"}, "brisbane")});
    const std::string header(samples::header);
    const auto empty = head_of(signer, header + "\r\n");
    EXPECT_NE(empty.find("bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), std::string::npos) << empty;
    EXPECT_EQ(head_of(signer, header), empty);                               // not even the empty line
    EXPECT_EQ(head_of(signer, header.substr(0, header.size() - 2)), empty);  // nor the end of the last one
    for (std::size_t step = 1; step < 5; ++step) EXPECT_EQ(head_of(signer, header + "\r\n", step), empty);
}

TEST(MessageSigner, WhatIsNotSigned) {
    const auto signer = signer_of({entry({"football.example.com"}, "brisbane")});
    EXPECT_EQ(head_of(signer, "From: a@other.test\r\n\r\ntext\r\n"), "no key");
    for (const auto* content :
         {"", "\r\n", "\r\nFrom: a@football.example.com\r\n\r\n", "Subject: x\r\n\r\n", "just text\r\n",
          "From: a@football.example.com\r\nFrom: b@football.example.com\r\n\r\ntext\r\n"})
        EXPECT_EQ(head_of(signer, content), "malformed") << content;
    for (const std::size_t step : {std::size_t{1000}, std::size_t{16384}, std::string_view::npos}) {
        std::string large = "From: a@football.example.com\r\n";
        while (large.size() < most_header - 100) large += "X: " + std::string(90, 'x') + "\r\n";
        EXPECT_TRUE(head_of(signer, large + "\r\nbody\r\n", step).starts_with("DKIM-Signature:")) << step;
        while (large.size() < most_header + 100) large += "X: " + std::string(90, 'x') + "\r\n";
        EXPECT_EQ(head_of(signer, large + "\r\nbody\r\n", step), "malformed") << step;
        EXPECT_EQ(head_of(signer, large + large, step), "malformed") << step;
    }
}

TEST(MessageSigner, RsaTakesLong) {
    for (const bool rsa : {false, true}) {
        MessageSigner message(signer_of(
            {entry({"football.example.com"}, "s", rsa ? samples::rsa_pem : samples::ed25519_pem())}));
        message.feed(football());
        ASSERT_TRUE(message.end());
        EXPECT_EQ(message.domain(), "football.example.com");
        EXPECT_EQ(message.takes_long(), rsa);
    }
}

}  // namespace
}  // namespace angarium::dkim
