#include "engine/dkim/key_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "engine/base/base64.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::dkim {
namespace {

using Tags = std::map<std::string, std::string, std::less<>>;

// tag=value; tag=value (section 3.2). Nothing when a part is no such pair or a tag comes twice.
std::optional<Tags> parse_tags(std::string_view text) {
    Tags tags;
    while (!text.empty()) {
        const auto end = text.find(';');
        const auto part = smtp::trim(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (part.empty() && text.empty()) break;
        const auto equals = part.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const auto name = smtp::trim(part.substr(0, equals));
        if (name.empty() || !tags.emplace(name, smtp::trim(part.substr(equals + 1))).second)
            return std::nullopt;
    }
    return tags;
}

// A list separated by colons, such as h= and s=, names this word.
bool lists(std::string_view list, std::string_view wanted) {
    while (true) {
        const auto end = list.find(':');
        if (smtp::trim(list.substr(0, end)) == wanted) return true;
        if (end == std::string_view::npos) return false;
        list.remove_prefix(end + 1);
    }
}

RecordFinding judge(const PrivateKey& key, const Tags& tags) {
    const auto value = [&](std::string_view name, std::string_view otherwise) {
        const auto at = tags.find(name);
        return at == tags.end() ? otherwise : std::string_view(at->second);
    };
    const auto different = [](std::string detail) {
        return RecordFinding{RecordVerdict::different, std::move(detail)};
    };
    const auto published = tags.find("p");
    if (published == tags.end()) return different("the record has no p=");
    if (published->second.empty())
        return {RecordVerdict::revoked, "the record has an empty p=: verifiers take the key for withdrawn"};
    const auto type = value("k", "rsa");
    if (type != key_type_of(key.algorithm()))
        return different(
            fmt::format("the record is of a key of type {}, ours is {}", type, key_type_of(key.algorithm())));
    const auto bytes = decode_folded_base64(published->second);
    if (!bytes) return different("the record's p= is no base64: was it copied whole?");
    if (*bytes != key.public_key() && (*bytes != key.bare_public_key() || bytes->empty()))
        return different("the record holds another public key");
    if (!lists(value("h", "sha256"), "sha256")) return different("the record's h= does not allow sha256");
    const auto services = value("s", "*");
    if (!lists(services, "*") && !lists(services, "email"))
        return different("the record's s= does not allow email");
    if (lists(value("t", ""), "y"))
        return {RecordVerdict::ok, "t=y: verifiers are told that this domain is only testing"};
    return {RecordVerdict::ok, {}};
}

}  // namespace

std::string record_name(std::string_view selector, std::string_view domain) {
    return fmt::format("{}._domainkey.{}", selector, domain);
}

std::string record_text(const PrivateKey& key) {
    return fmt::format("v=DKIM1; k={}; p={}", key_type_of(key.algorithm()), base64(key.public_key()));
}

std::string zone_line(std::string_view selector, std::string_view domain, const PrivateKey& key) {
    constexpr std::size_t longest = 255;
    const auto text = record_text(key);
    std::string strings;
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(std::min(longest, rest.size())))
        strings += fmt::format("{}\"{}\"", strings.empty() ? "" : " ", rest.substr(0, longest));
    return fmt::format("{}. IN TXT ( {} )", record_name(selector, domain), strings);
}

std::string_view to_string(RecordVerdict verdict) {
    switch (verdict) {
        case RecordVerdict::ok:
            return "ok";
        case RecordVerdict::missing:
            return "missing";
        case RecordVerdict::different:
            return "different";
        case RecordVerdict::revoked:
            break;
    }
    return "revoked";
}

RecordFinding compare(const PrivateKey& key, const std::vector<std::string>& texts) {
    RecordFinding best{RecordVerdict::missing, "no such TXT record"};
    std::size_t found = 0;
    for (const auto& text : texts) {
        const auto tags = parse_tags(text);
        // Without v= it may be a key record all the same; with another v= it is something else (section 3.6.1).
        if (!tags || !(tags->contains("p") || tags->contains("v"))) continue;
        if (const auto version = tags->find("v"); version != tags->end() && version->second != "DKIM1")
            continue;
        ++found;
        best = judge(key, *tags);
    }
    if (found > 1)  // section 3.6.2.2: undefined which one a verifier takes
        return {RecordVerdict::different,
                fmt::format("there are {} key records at this name; keep one", found)};
    if (found == 0 && !texts.empty()) best.detail = "there are TXT records, but none is a DKIM key";
    return best;
}

}  // namespace angarium::dkim
