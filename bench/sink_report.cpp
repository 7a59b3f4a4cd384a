#include "bench/sink_report.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/report.hpp"
#include "bench/text.hpp"

namespace angarium::bench {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t most_domains = 100;  // that JSON names: reports stay short whatever there is

// How the domains have fared.
struct DomainSpread {
    std::uint64_t seen = 0, least = 0, most = 0;
    double fairness = 0;           // Jain's index over those seen: 1 all alike, 1/n one has everything
    std::vector<std::size_t> top;  // those with the most copies
};

DomainSpread spread_of(const SinkSummary& summary) {
    DomainSpread spread;
    double sum = 0, squares = 0;
    for (std::size_t number = 0; number < summary.per_domain.size(); ++number) {
        const auto copies = summary.per_domain[number].copies;
        if (copies == 0) continue;
        spread.least = spread.seen == 0 ? copies : std::min(spread.least, copies);
        spread.most = std::max(spread.most, copies);
        ++spread.seen;
        sum += static_cast<double>(copies);
        squares += static_cast<double>(copies) * static_cast<double>(copies);
        spread.top.push_back(number);
    }
    spread.fairness = ratio(sum * sum, static_cast<double>(spread.seen) * squares);
    const auto end =
        spread.top.begin() + static_cast<std::ptrdiff_t>(std::min(spread.top.size(), most_domains));
    std::ranges::partial_sort(spread.top, end, [&](std::size_t a, std::size_t b) {
        const auto &one = summary.per_domain[a], &other = summary.per_domain[b];
        return one.copies != other.copies ? one.copies > other.copies : a < b;
    });
    spread.top.erase(end, spread.top.end());
    return spread;
}

double per_second(std::uint64_t count, const SinkSummary& summary) {
    return ratio(static_cast<double>(count), summary.seconds);
}

double each(std::uint64_t count, const SinkSummary& summary) {
    return ratio(static_cast<double>(count), static_cast<double>(summary.messages));
}

// "rcpt 12 deferred, 3 slowed; end-of-data ..."
std::string script_text(const SinkSummary& summary) {
    std::string text;
    for (std::size_t stage = 0; stage < mail_stages; ++stage) {
        std::string_view before = text.empty() ? "" : "; ";
        for (std::size_t deed = 0; deed < deed_names.size(); ++deed) {
            const auto count = summary.script[stage][deed];
            if (count == 0) continue;
            if (before != ", ")
                text += fmt::format("{}{} ", before, stage_names[stage]);
            else
                text += before;
            text += fmt::format("{} {}", count, deed_names[deed]);
            before = ", ";
        }
    }
    return text;
}

std::string dns_text(const SinkSummary& summary) {
    std::string text = fmt::format("{} queries", summary.queries());
    for (std::size_t type = 0; type < dns_type_names.size(); ++type)
        for (std::size_t result = 0; result < dns_result_names.size(); ++result)
            if (const auto count = summary.dns[type][result]; count > 0)
                text += fmt::format(", {} {} {}", count, dns_type_names[type], dns_result_names[result]);
    return text;
}

// Counts by two names, those that are not 0.
template <class Counts>
ordered_json by_names(const Counts& counts, std::span<const std::string_view> rows,
                      std::span<const std::string_view> columns) {
    auto out = ordered_json::object();
    for (std::size_t row = 0; row < counts.size(); ++row)
        for (std::size_t column = 0; column < columns.size(); ++column)
            if (counts[row][column] > 0)
                out[std::string(rows[row])][std::string(columns[column])] = counts[row][column];
    return out;
}

ordered_json domains_json(const SinkSummary& s) {
    const Domains names(static_cast<unsigned>(s.per_domain.size()), s.domain_suffix);
    const auto spread = spread_of(s);
    ordered_json out;
    out["seen"] = spread.seen;
    out["least_copies"] = spread.least;
    out["most_copies"] = spread.most;
    out["fairness"] = spread.fairness;
    out["suffix"] = s.domain_suffix;
    out["top"] = ordered_json::array();
    std::uint64_t copies = 0, measured = 0;
    for (const auto& domain : s.per_domain) {
        copies += domain.copies;
        measured += domain.measured;
    }
    for (const auto number : spread.top) {
        const auto& domain = s.per_domain[number];
        out["top"].push_back({{"name", names.name(static_cast<unsigned>(number))},
                              {"copies", domain.copies},
                              {"rate", per_second(domain.measured, s)}});
        copies -= domain.copies;
        measured -= domain.measured;
    }
    out["others"] = {
        {"domains", spread.seen - spread.top.size()}, {"copies", copies}, {"rate", per_second(measured, s)}};
    out["elsewhere_copies"] = s.other_domains;
    return out;
}

Cost cost_of(const SinkSummary& summary) {
    return {summary.messages, summary.cpu, summary.ring, summary.peak_memory};
}

}  // namespace

std::string sink_text(const SinkSummary& s) {
    TextReport report;
    const auto line = [&report](std::string_view what, const std::string& text) { report.line(what, text); };
    line("received", fmt::format("{} messages, {}", s.messages, size_text(static_cast<double>(s.bytes))));
    const std::string_view since = s.warm_up == 0      ? ""
                                   : s.warm_since == 0 ? ": still warming up"
                                                       : ", once warm";
    line("rate", fmt::format("{:.0f} messages/s, {}/s: {} in {:.2f} s{}", per_second(s.measured, s),
                             size_text(per_second(s.measured_bytes, s)), s.measured, s.seconds, since));
    line("copies", fmt::format("{} unique, {} duplicated, {} damaged, {} from elsewhere{}", s.unique,
                               s.duplicated, s.damaged, s.foreign,
                               s.untracked > 0 ? fmt::format(", {} not tracked", s.untracked) : ""));
    if (s.expected > 0) line("expected", fmt::format("{}, {} lost", s.expected, s.lost()));
    if (s.latency.count() > 0) line("latency", latency_text(s.latency));
    line("connections", fmt::format("{}, at most {} at a time, {} without any message", s.connections,
                                    s.most_open, s.empty_connections));
    const auto& reuse = s.messages_each;
    line("reuse", fmt::format("{:.1f} messages each: p50 {}, p90 {}, p99 {}, most {}", reuse.mean(),
                              reuse.percentile(50), reuse.percentile(90), reuse.percentile(99), reuse.max()));
    line("dialogue", fmt::format("{:.2f} commands and {:.2f} flights of replies a message",
                                 each(s.commands, s), each(s.flights, s)));
    const auto spread = spread_of(s);
    line("domains",
         fmt::format("{} of {} seen, {} to {} copies each, fairness {:.3f}, {} copies elsewhere", spread.seen,
                     s.per_domain.size(), spread.least, spread.most, spread.fairness, s.other_domains));
    const Domains names(static_cast<unsigned>(s.per_domain.size()), s.domain_suffix);
    for (std::size_t i = 0; i < std::min<std::size_t>(spread.top.size(), 3) && spread.seen > 1; ++i) {
        const auto& domain = s.per_domain[spread.top[i]];
        line("", fmt::format("{} {} copies, {:.0f} /s", names.name(static_cast<unsigned>(spread.top[i])),
                             domain.copies, per_second(domain.measured, s)));
    }
    if (s.queries() > 0) line("dns", dns_text(s));
    if (const auto script = script_text(s); !script.empty()) line("script", script);
    if (s.refused_messages > 0)
        line("refused", fmt::format("{} messages (size, line ends)", s.refused_messages));
    report.handshakes(s.handshakes);
    report.cost(cost_of(s));
    return report.text();
}

std::string sink_json(const SinkSummary& s) {
    ordered_json out;
    out["expected"] = s.expected;
    out["lost"] = s.lost();
    out["clean"] = s.clean();
    out["messages"] = s.messages;
    out["bytes"] = s.bytes;
    out["recipients"] = s.recipients;
    out["unique"] = s.unique;
    out["duplicated"] = s.duplicated;
    out["damaged"] = s.damaged;
    out["untracked"] = s.untracked;
    out["foreign"] = s.foreign;
    out["refused"] = s.refused_messages;
    out["seconds"] = s.seconds;
    out["last_arrival"] = static_cast<double>(s.last_arrival) / 1e6;  // since 1970
    out["rate"] = per_second(s.measured, s);
    out["measured"] = s.measured;  // messages that rate and latency count: all, but for a warm-up
    if (s.warm_up > 0)
        out["warm_up"] = {{"copies", s.warm_up}, {"since", static_cast<double>(s.warm_since) / 1e6}};
    out["latency_seconds"] = latency_json<ordered_json>(s.latency);
    auto& connections = out["connections"];
    connections["total"] = s.connections;
    connections["most_at_a_time"] = s.most_open;
    connections["without_messages"] = s.empty_connections;
    const auto& reuse = s.messages_each;
    connections["messages_each"] = reuse.mean();  // of those that had any
    connections["messages_each_percentiles"] = {{"p50", reuse.percentile(50)},
                                                {"p90", reuse.percentile(90)},
                                                {"p99", reuse.percentile(99)},
                                                {"max", reuse.max()}};
    out["commands_per_message"] = each(s.commands, s);
    out["flights_per_message"] = each(s.flights, s);
    out["script"] = by_names(s.script, stage_names, deed_names);
    out["domains"] = domains_json(s);
    out["dns_queries"] = s.queries();
    out["dns"] = by_names(s.dns, dns_type_names, dns_result_names);
    out["runs"] = ordered_json::array();
    for (const auto& run : s.runs)
        out["runs"].push_back({{"run", fmt::format("{:016x}", run.run)},
                               {"unique", run.unique},
                               {"missing_below_highest", run.highest + 1 - run.unique}});
    if (s.tls != TlsMode::none) out["tls"] = handshakes_json<ordered_json>(s.tls, s.handshakes);
    add_cost(out, cost_of(s));
    return out.dump() + "\n";
}

std::string sink_progress_json(const Ledger& ledger, double seconds) {
    ordered_json out;
    out["seconds"] = seconds;
    out["messages"] = ledger.total(&Tally::messages);
    out["unique"] = ledger.total(&Tally::unique);
    out["duplicated"] = ledger.total(&Tally::duplicated);
    out["damaged"] = ledger.total(&Tally::damaged);
    out["foreign"] = ledger.total(&Tally::foreign);
    out["connections"] = ledger.total(&Tally::connections) + ledger.open_connections();
    out["open"] = ledger.open_connections();
    if (ledger.warm_up() > 0) out["warm"] = ledger.warm_since() != 0;
    return out.dump() + "\n";
}

}  // namespace angarium::bench
