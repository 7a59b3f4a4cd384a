// DKIM: the canonical forms of bodies against a plain reading of RFC 6376 section 3.4, in any pieces; header sections are split
// into what they consist of; and whatever message is signed, the field in front of it is one and clean. The input is a message
// whose lines end in LF here and in CRLF for the code under test.
#include <algorithm>

#include "engine/base/base64.hpp"
#include "engine/dkim/signer.hpp"
#include "engine/smtp/content.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using dkim::Canonical;

std::string with_crlf(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\r') continue;
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

std::string canonical_body(std::string_view body, Canonical how, std::size_t most) {
    dkim::BodyCanonical canonical(how);
    return through(
        body, most, [&](std::string_view piece, auto& found) { canonical.feed(piece, found); },
        [&](auto& found) { canonical.finish(found); });
}

std::string plain_body(std::string_view body, Canonical how) {
    std::string out;
    while (!body.empty()) {
        const auto end = std::min(body.find("\r\n"), body.size());
        std::string line(body.substr(0, end));
        body.remove_prefix(std::min(end + 2, body.size()));
        if (how == Canonical::relaxed) {
            std::string reduced;
            for (const char c : line) {
                if (c != ' ' && c != '\t')
                    reduced += c;
                else if (!reduced.ends_with(' '))
                    reduced += ' ';
            }
            if (reduced.ends_with(' ')) reduced.pop_back();
            line = std::move(reduced);
        }
        out += line + "\r\n";
    }
    while (out.ends_with("\r\n\r\n")) out.resize(out.size() - 2);
    if (out == "\r\n") out.clear();
    if (out.empty() && how == Canonical::simple) out = "\r\n";
    return out;
}

void check_bodies(std::string_view body) {
    for (const auto how : {Canonical::simple, Canonical::relaxed}) {
        const auto plain = plain_body(body, how);
        for (const std::size_t most : {body.size() + 1, std::size_t{1}, std::size_t{6}})
            require(canonical_body(body, how, most) == plain, "a body's canonical form");
    }
}

void check_fields(std::string_view section) {
    const auto fields = dkim::split_fields(section);
    if (!fields) return;
    std::string joined;
    for (const auto& field : *fields) {
        require(!field.name.empty() && field.text.starts_with(field.name), "a field begins with its name");
        joined.append(field.text).append("\r\n");
        std::string once, twice;
        dkim::append_field(once, field.text, Canonical::relaxed);
        dkim::append_field(twice, once, Canonical::relaxed);
        require(once == twice && once.find_first_of("\r\n") == std::string::npos,
                "relaxed is as relaxed as can be");
        std::string simple;
        dkim::append_field(simple, field.text, Canonical::simple);
        require(simple == field.text, "simple changes nothing");
    }
    require(joined == section || joined == std::string(section) + "\r\n", "the fields are the section");
    if (const auto author = dkim::author_of(*fields)) {
        require(!author->domain.empty() && !has_control(author->domain), "an author has a domain");
        for (const auto& address : author->addresses)
            require(address.find_first_of("\r\n") == std::string::npos, "and an address without folds");
    }
}

std::shared_ptr<const dkim::Signer> signer() {
    static const dkim::Library library;
    static const auto made = [] {
        dkim::Entry entry;
        entry.domains = {"hill.com"};
        entry.subdomains = true;
        entry.form.selector = "fuzz";
        entry.key = dkim::PrivateKey::generate(library, dkim::Algorithm::ed25519_sha256, 0)->pem();
        entry.key_name = "key";
        return *dkim::Signer::make(library, {&entry, 1});
    }();
    return made;
}

std::string sign(std::string_view message, std::size_t most) {
    dkim::MessageSigner signing(signer());
    for (Pieces pieces(message, most); !pieces.empty();) signing.feed(pieces.next());
    if (!signing.end()) return {};
    signing.prepare(WallTime{std::chrono::milliseconds{1'700'000'000'000}});
    require(signing.sign(), "a signature is made");
    const auto head = signing.head();
    smtp::ContentChecker checker;
    checker.check(head);
    checker.finish();
    require(checker.ok() && checker.ends_in_crlf(), "a signature is clean");
    const auto fields = dkim::split_fields(head);
    require(fields && fields->size() == 1 && (*fields)[0].name == "DKIM-Signature", "and one field");
    return head;
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    const auto input = text_of(data, size);
    const auto message = with_crlf(input);
    check_bodies(message);
    check_fields(message);
    check_fields(std::string_view(message).substr(0, message.find("\r\n\r\n")));
    const auto head = sign(message, message.size() + 1);
    require(sign(message, 9) == head, "however it is cut");
    dkim::CanonicalPair::parse(input);
    decode_folded_base64(input);
    return 0;
}
