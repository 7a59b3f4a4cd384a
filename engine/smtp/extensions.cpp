// One table of flags serves rendering and parsing.
#include "engine/smtp/extensions.hpp"

#include <algorithm>
#include <array>

#include "engine/smtp/command.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::smtp {
namespace {

struct Flag {
    std::string_view keyword;
    bool Extensions::* member;
};
constexpr std::array flags{
    Flag{"PIPELINING", &Extensions::pipelining},
    Flag{"8BITMIME", &Extensions::eight_bit_mime},
    Flag{"CHUNKING", &Extensions::chunking},
    Flag{"SMTPUTF8", &Extensions::smtputf8},
    Flag{"DSN", &Extensions::dsn},
    Flag{"ENHANCEDSTATUSCODES", &Extensions::enhanced_status_codes},
    Flag{"STARTTLS", &Extensions::starttls},
    Flag{"HELP", &Extensions::help},
};

struct Mechanism {
    std::string_view name;
    AuthMechanisms value;
};
constexpr std::array mechanisms{
    Mechanism{"PLAIN", AuthMechanisms::plain},
    Mechanism{"LOGIN", AuthMechanisms::login},
    Mechanism{"CRAM-MD5", AuthMechanisms::cram_md5},
    Mechanism{"XOAUTH2", AuthMechanisms::xoauth2},
    Mechanism{"SCRAM-SHA-256", AuthMechanisms::scram_sha_256},
};

std::string_view take_word(std::string_view& text) {
    text = trim(text);
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

AuthMechanisms parse_mechanisms(std::string_view text) {
    auto set = AuthMechanisms::none;
    for (auto word = take_word(text); !word.empty(); word = take_word(text))
        for (const auto& mechanism : mechanisms)
            if (equals_ignoring_case(word, mechanism.name)) set = set | mechanism.value;
    return set;
}

void parse_line(Extensions& extensions, std::string_view line) {
    const auto keyword = take_word(line);
    for (const auto& flag : flags)
        if (equals_ignoring_case(keyword, flag.keyword)) extensions.*flag.member = true;
    if (equals_ignoring_case(keyword, "SIZE")) {
        extensions.size = true;
        extensions.size_limit = parse_decimal(take_word(line)).value_or(0);
    } else if (equals_ignoring_case(keyword, "AUTH")) {
        extensions.auth = extensions.auth | parse_mechanisms(line);
    } else if (starts_with_ignoring_case(keyword, "AUTH=")) {  // the form of old Exchange servers
        extensions.auth = extensions.auth | parse_mechanisms(keyword.substr(5)) | parse_mechanisms(line);
    }
}

}  // namespace

void append_ehlo_reply(std::string& out, std::string_view hostname, const Extensions& offered) {
    auto last = out.size();  // where the last line begins
    const auto begin_line = [&](std::string_view text) {
        last = out.size();
        out.append("250-").append(text);
    };
    begin_line(hostname);
    for (const auto& flag : flags) {
        if (!(offered.*flag.member)) continue;
        out.append("\r\n");
        begin_line(flag.keyword);
    }
    if (offered.size) {
        out.append("\r\n");
        begin_line("SIZE");
        if (offered.size_limit > 0) out.append(" ").append(std::to_string(offered.size_limit));
    }
    if (offered.auth != AuthMechanisms::none) {
        out.append("\r\n");
        begin_line("AUTH");
        for (const auto& mechanism : mechanisms)
            if (contains(offered.auth, mechanism.value)) out.append(" ").append(mechanism.name);
    }
    out.append("\r\n");
    out[last + 3] = ' ';
}

Extensions parse_ehlo_reply(const Reply& reply) {
    Extensions extensions;
    std::string_view rest = reply.text;
    for (auto newline = rest.find('\n'); newline != std::string_view::npos; newline = rest.find('\n')) {
        rest.remove_prefix(newline + 1);
        parse_line(extensions, rest.substr(0, rest.find('\n')));
    }
    return extensions;
}

}  // namespace angarium::smtp
