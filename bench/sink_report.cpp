#include "bench/sink_report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/report.hpp"
#include "bench/text.hpp"

namespace angarium::bench {
namespace {

using nlohmann::ordered_json;

struct Spread {
    std::uint64_t seen = 0, least = 0, most = 0;
};

Spread domain_spread(const SinkSummary& summary) {
    Spread spread;
    for (const auto copies : summary.per_domain) {
        if (copies == 0) continue;
        spread.least = spread.seen == 0 ? copies : std::min(spread.least, copies);
        spread.most = std::max(spread.most, copies);
        ++spread.seen;
    }
    return spread;
}

double per_connection(const SinkSummary& summary) {
    return ratio(static_cast<double>(summary.messages),
                 static_cast<double>(summary.connections - summary.empty_connections));
}

Cost cost_of(const SinkSummary& summary) {
    return {summary.messages, summary.cpu, summary.ring, summary.peak_memory};
}

}  // namespace

std::string sink_text(const SinkSummary& s) {
    TextReport report;
    const auto line = [&report](std::string_view what, const std::string& text) { report.line(what, text); };
    line("received", fmt::format("{} messages, {}, in {:.2f} s: {:.0f} /s", s.messages,
                                 size_text(static_cast<double>(s.bytes)), s.seconds,
                                 ratio(static_cast<double>(s.messages), s.seconds)));
    line("copies", fmt::format("{} unique, {} duplicated, {} damaged, {} from elsewhere{}", s.unique,
                               s.duplicated, s.damaged, s.foreign,
                               s.untracked > 0 ? fmt::format(", {} not tracked", s.untracked) : ""));
    if (s.expected > 0) line("expected", fmt::format("{}, {} lost", s.expected, s.lost()));
    if (s.latency.count() > 0) line("latency", latency_text(s.latency));
    line("connections",
         fmt::format("{}, at most {} at a time, {:.1f} messages each (most {}), {} without any",
                     s.connections, s.most_open, per_connection(s), s.most_messages, s.empty_connections));
    const auto spread = domain_spread(s);
    line("domains", fmt::format("{} of {} seen, {} to {} copies each, {} copies for others", spread.seen,
                                s.per_domain.size(), spread.least, spread.most, s.other_domains));
    if (s.queries > 0) line("dns", fmt::format("{} queries", s.queries));
    if (s.rejected_recipients + s.deferred_recipients + s.deferred_messages + s.disconnects > 0)
        line("script",
             fmt::format("{} recipients rejected, {} deferred; {} messages deferred, {} disconnects",
                         s.rejected_recipients, s.deferred_recipients, s.deferred_messages, s.disconnects));
    if (s.refused_messages > 0)
        line("refused", fmt::format("{} messages (size, line ends)", s.refused_messages));
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
    out["rate"] = ratio(static_cast<double>(s.messages), s.seconds);
    out["latency_seconds"] = latency_json<ordered_json>(s.latency);
    auto& connections = out["connections"];
    connections["total"] = s.connections;
    connections["most_at_a_time"] = s.most_open;
    connections["without_messages"] = s.empty_connections;
    connections["messages_each"] = per_connection(s);
    connections["most_messages"] = s.most_messages;
    auto& script = out["script"];
    script["rejected_recipients"] = s.rejected_recipients;
    script["deferred_recipients"] = s.deferred_recipients;
    script["deferred_messages"] = s.deferred_messages;
    script["disconnects"] = s.disconnects;
    const auto spread = domain_spread(s);
    auto& domains = out["domains"];
    domains["seen"] = spread.seen;
    domains["least_copies"] = spread.least;
    domains["most_copies"] = spread.most;
    domains["suffix"] = s.domain_suffix;
    domains["copies"] = s.per_domain;  // by the domain's number
    domains["other_copies"] = s.other_domains;
    out["dns_queries"] = s.queries;
    out["runs"] = ordered_json::array();
    for (const auto& run : s.runs)
        out["runs"].push_back({{"run", fmt::format("{:016x}", run.run)},
                               {"unique", run.unique},
                               {"missing_below_highest", run.highest + 1 - run.unique}});
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
    return out.dump() + "\n";
}

}  // namespace angarium::bench
