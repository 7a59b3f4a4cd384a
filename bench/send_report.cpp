#include "bench/send_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/report.hpp"
#include "bench/text.hpp"

namespace angarium::bench {
namespace {

using nlohmann::ordered_json;

Cost cost_of(const SendSummary& summary) {
    return {summary.messages, summary.cpu, summary.ring, summary.peak_memory};
}

}  // namespace

std::string send_text(const SendOptions& o, const SendSummary& s) {
    TextReport report;
    const auto line = [&report](std::string_view what, const std::string& text) { report.line(what, text); };
    const auto loop = o.rate > 0 ? fmt::format("open loop at {:.0f} /s", o.rate) : std::string("closed loop");
    line("run",
         fmt::format("{:016x} to {}: {} a message, {} recipient{}, {} domain{}, {} sessions, {}", s.run,
                     o.to.text(), size_text(static_cast<double>(s.size)), o.recipients,
                     o.recipients == 1 ? "" : "s", o.domains, o.domains == 1 ? "" : "s", o.sessions, loop));
    line("accepted", fmt::format("{} messages in {:.2f} s: {:.0f} /s, {} /s", s.messages, s.seconds,
                                 ratio(static_cast<double>(s.messages), s.seconds),
                                 size_text(ratio(static_cast<double>(s.messages * s.size), s.seconds))));
    line("latency", latency_text(s.latency));
    if (s.service.count() > 0) line("service", latency_text(s.service));
    line("not accepted",
         fmt::format("{} failed, {} retried after 4xx, {} unknown (connection lost, sent again), "
                     "{} interrupted",
                     s.failed, s.retried, s.unknown, s.interrupted));
    line("connections",
         fmt::format("{} ({:.1f} messages each), {} could not be made", s.connections,
                     ratio(static_cast<double>(s.messages), static_cast<double>(s.connections)),
                     s.connect_errors));
    std::string refusals;
    for (std::size_t code = 0; code < s.refusals.size(); ++code)
        if (s.refusals[code] > 0) refusals += fmt::format("{}: {}   ", code, s.refusals[code]);
    if (!refusals.empty()) line("refusals", refusals);
    if (!s.trouble.empty()) line("trouble", s.trouble);
    report.cost(cost_of(s));
    return report.text();
}

std::string send_json(const SendOptions& o, const SendSummary& s) {
    ordered_json out;
    out["run"] = fmt::format("{:016x}", s.run);
    out["to"] = o.to.text();
    out["complete"] = s.complete;
    out["accepted"] = s.messages;
    out["accepted_recipients"] = s.recipients;
    out["failed"] = s.failed;
    out["retried"] = s.retried;
    out["unknown"] = s.unknown;
    out["interrupted"] = s.interrupted;
    out["seconds"] = s.seconds;
    out["rate"] = ratio(static_cast<double>(s.messages), s.seconds);
    out["message_bytes"] = s.size;
    out["latency_seconds"] = latency_json<ordered_json>(s.latency);
    if (s.service.count() > 0) out["service_seconds"] = latency_json<ordered_json>(s.service);
    out["connections"] = s.connections;
    out["connect_errors"] = s.connect_errors;
    out["refusals"] = ordered_json::object();
    for (std::size_t code = 0; code < s.refusals.size(); ++code)
        if (s.refusals[code] > 0) out["refusals"][fmt::format("{}", code)] = s.refusals[code];
    out["trouble"] = s.trouble;
    add_cost(out, cost_of(s));
    out["options"] = {{"messages", o.messages},
                      {"duration_seconds", std::chrono::duration<double>(o.duration).count()},
                      {"sessions", o.sessions},
                      {"recipients", o.recipients},
                      {"domains", o.domains},
                      {"rate", o.rate},
                      {"pipelining", o.pipelining},
                      {"chunking", o.chunking},
                      {"messages_per_session", o.messages_per_session},
                      {"shards", o.shards}};
    return out.dump() + "\n";
}

std::string send_progress_text(const SendProgress& before, const SendProgress& now) {
    const double rate =
        ratio(static_cast<double>(now.messages - before.messages), now.seconds - before.seconds);
    return fmt::format("{:6.1f} s  {} accepted  {:.0f} /s  {} failed  {} retried  {} unknown  {} open",
                       now.seconds, now.messages, rate, now.failed, now.retried, now.unknown, now.open);
}

}  // namespace angarium::bench
