#include "bench/script.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "bench/address_range.hpp"

namespace angarium::bench {
namespace {

constexpr std::string_view form =
    "STAGE [WHERE]: [delay TIME[-TIME]] [tarpit TIME] [OUTCOME] [@PROBABILITY], as in "
    "'rcpt: 451 4.2.0 try later @0.1'";

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

// Takes the first word and the spaces behind it.
std::string_view next_word(std::string_view& text) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    text = trimmed(text);
    return word;
}

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
    return value;
}

// "250us", "5ms", "1.5s", "2m".
std::optional<Duration> time(std::string_view text) {
    for (const auto& [unit, nanoseconds] :
         {std::pair{"us", 1e3}, std::pair{"ms", 1e6}, std::pair{"s", 1e9}, std::pair{"m", 6e10}}) {
        if (!text.ends_with(unit)) continue;
        const auto value = number<double>(text.substr(0, text.size() - std::string_view(unit).size()));
        if (value && *value >= 0 && *value * nanoseconds < 1e15)
            return Duration(static_cast<std::int64_t>(*value * nanoseconds));
    }
    return std::nullopt;
}

// "d007" → 7.
std::optional<unsigned> domain_number(std::string_view text) {
    return text.starts_with('d') ? number<unsigned>(text.substr(1)) : std::nullopt;
}

Result<void> parse_place(std::string_view text, Rule& rule) {
    const auto dash = text.find('-');
    const auto first = domain_number(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : domain_number(text.substr(dash + 1));
    if (first && last) {
        if (*last < *first) return failure(fmt::format("the domains '{}' go backwards", text));
        rule.numbers.push_back({*first, *last});
    } else if (text.ends_with('%')) {
        const auto percent = number<double>(text.substr(0, text.size() - 1));
        if (!percent || *percent <= 0 || *percent > 100)
            return failure(fmt::format("'{}' is no share of the domains between 0% and 100%", text));
        rule.share = *percent / 100;
    } else if (auto addresses = parse_addresses(text)) {
        rule.addresses.insert(rule.addresses.end(), addresses->begin(), addresses->end());
        return {};
    } else if (text.find('.') != std::string_view::npos && text.find(' ') == std::string_view::npos) {
        rule.domains.emplace_back(text);
    } else {
        return failure(
            fmt::format("'{}' is neither a domain (d007.example.test), nor some of the generated ones "
                        "(d007, d000-d049, 10%), nor an address (127.0.1.1)",
                        text));
    }
    if (rule.stage < Stage::rcpt)
        return failure(
            fmt::format("at {} no recipient's domain is known yet: choose by the address that is "
                        "listened on, as in '{} 127.0.1.2: ...'",
                        stage_names[static_cast<std::size_t>(rule.stage)],
                        stage_names[static_cast<std::size_t>(rule.stage)]));
    return {};
}

Result<void> parse_delay(std::string_view text, Rule& rule) {
    const auto dash = text.find('-');
    const auto shortest = time(text.substr(0, dash));
    const auto longest = dash == std::string_view::npos ? shortest : time(text.substr(dash + 1));
    if (!shortest || !longest || *longest < *shortest)
        return failure(fmt::format("'{}' is no delay, as in 50ms or 10ms-1s", text));
    rule.delay = *shortest;
    rule.longest_delay = *longest;
    return {};
}

Result<void> parse_outcome(std::string_view text, Rule& rule) {
    constexpr std::pair<std::string_view, Outcome> smtp[]{{"disconnect", Outcome::disconnect},
                                                          {"stall", Outcome::stall}};
    constexpr std::pair<std::string_view, Outcome> dns[]{{"servfail", Outcome::servfail},
                                                         {"nxdomain", Outcome::nxdomain},
                                                         {"truncate", Outcome::truncate},
                                                         {"stall", Outcome::stall}};
    if (rule.stage == Stage::dns) {
        for (const auto& [word, outcome] : dns) {
            if (text != word) continue;
            rule.outcome = outcome;
            return {};
        }
        return failure(
            fmt::format("dns can servfail, nxdomain, truncate, stall or delay, but not '{}'", text));
    }
    for (const auto& [word, outcome] : smtp) {
        if (text != word) continue;
        rule.outcome = outcome;
        return {};
    }
    const auto code = number<unsigned>(text.substr(0, text.find(' ')));
    if (!code)
        return failure(fmt::format("'{}' is no reply (451 4.2.0 try later), disconnect or stall", text));
    if (*code < 400 || *code > 599)
        return failure(fmt::format("{} is no reply that defers (4xx) or rejects (5xx)", *code));
    rule.outcome = Outcome::reply;
    rule.reply = text.size() > 3 ? fmt::format("{}\r\n", text)
                                 : fmt::format("{} {}.0.0 Says the script\r\n", *code, *code / 100);
    return {};
}

Result<void> parse_rule(std::string_view text, Rule& rule) {
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; }))
        return failure("it contains control characters");
    const auto colon = text.find(": ");
    if (colon == std::string_view::npos) return failure(fmt::format("it should look like {}", form));
    auto head = trimmed(text.substr(0, colon));
    auto rest = trimmed(text.substr(colon + 2));

    const auto stage = next_word(head);
    const auto known = std::ranges::find(stage_names, stage);
    if (known == stage_names.end())
        return failure(fmt::format("'{}' is no stage; there are {}", stage, fmt::join(stage_names, ", ")));
    rule.stage = static_cast<Stage>(known - stage_names.begin());
    while (!head.empty()) {
        const auto comma = head.find(',');
        if (auto done = parse_place(trimmed(head.substr(0, comma)), rule); !done) return done;
        head = comma == std::string_view::npos ? std::string_view{} : head.substr(comma + 1);
    }

    const auto last = rest.substr(rest.rfind(' ') + 1);  // npos + 1 is 0: the whole text
    if (last.starts_with('@')) {
        const auto probability = number<double>(last.substr(1));
        if (!probability || *probability < 0 || *probability > 1)
            return failure(fmt::format("'{}' is no probability between @0 and @1", last));
        rule.probability = *probability;
        rest = trimmed(rest.substr(0, rest.size() - last.size()));
    }
    if (rest.empty()) return failure("it does nothing: name a delay, a tarpit or an outcome");
    while (rest.starts_with("delay ") || rest.starts_with("tarpit ")) {
        const auto what = next_word(rest);
        const auto value = next_word(rest);
        if (what == "delay") {
            if (auto done = parse_delay(value, rule); !done) return done;
            continue;
        }
        const auto pause = time(value);
        if (!pause) return failure(fmt::format("'{}' is no time between octets, as in 100ms", value));
        if (rule.stage == Stage::dns) return failure("a DNS response is one datagram: tarpit is for SMTP");
        rule.tarpit = *pause;
    }
    return rest.empty() ? Result<void>{} : parse_outcome(rest, rule);
}

}  // namespace

Result<Rule> Rule::parse(std::string_view text) {
    Rule rule;
    if (auto done = parse_rule(text, rule); !done)
        return failure(fmt::format("script rule '{}': {}", text, done.error().text));
    return rule;
}

Script::Script(const std::vector<Rule>& rules, Domains domains)
    : empty_(rules.empty()), domains_(std::move(domains)) {
    for (const auto& rule : rules) stages_[static_cast<std::size_t>(rule.stage)].push_back(rule);
}

const Rule* Script::draw_from(const std::vector<Rule>& rules, std::string_view domain, const IpAddress& local,
                              Random& random) const {
    for (const auto& rule : rules)
        if (applies(rule, domain, local) && (rule.probability == 1 || random.unit() < rule.probability))
            return &rule;
    return nullptr;
}

bool Script::applies(const Rule& rule, std::string_view domain, const IpAddress& local) const {
    if (rule.everywhere() || std::ranges::find(rule.addresses, local) != rule.addresses.end()) return true;
    if (std::ranges::any_of(rule.domains,
                            [&](const auto& name) { return equal_ignoring_case(name, domain); }))
        return true;
    if (rule.numbers.empty() && rule.share == 0) return false;
    const auto found = domains_.number(domain);
    return found && (*found < rule.share * domains_.count() ||
                     std::ranges::any_of(
                         rule.numbers,
                         [&](const auto& range) { return range.first <= *found && *found <= range.last; }));
}

Duration Script::delay(const Rule& rule, Random& random) {
    const auto span = static_cast<std::uint64_t>((rule.longest_delay - rule.delay).count());
    return span == 0 ? rule.delay : rule.delay + Duration(static_cast<std::int64_t>(random.below(span)));
}

}  // namespace angarium::bench
