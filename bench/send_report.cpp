#include "bench/send_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/report.hpp"
#include "bench/text.hpp"

namespace angarium::bench {
namespace {

using nlohmann::ordered_json;

// "4KiB:70,32KiB:30 a message", "12 files".
std::string messages_text(const SendOptions& o) {
    if (o.files.empty()) return sizes_text(o.sizes) + " a message";
    return o.files.size() == 1 ? o.files.front()
                               : fmt::format("{} and {} more", o.files.front(), o.files.size() - 1);
}

std::string domains_text(const SendOptions& o) {
    if (!o.addresses.empty()) return o.addresses.front();
    const auto law = o.zipf > 0 ? fmt::format(" by Zipf's law ({})", o.zipf) : std::string();
    return fmt::format("{} domain{}{}", o.domains, o.domains == 1 ? "" : "s", law);
}

Cost cost_of(const SendSummary& summary) {
    return {summary.messages, summary.cpu, summary.ring, summary.peak_memory};
}

// Of sessions that end after some messages; of kept ones it says little.
double logins_rate(const SendOptions& o, const SendSummary& s) {
    if (o.messages_per_session == 0) return ratio(static_cast<double>(s.connections), s.seconds);
    return ratio(static_cast<double>(s.measured), s.seconds) / static_cast<double>(o.messages_per_session);
}

}  // namespace

std::string send_text(const SendOptions& o, const SendSummary& s) {
    TextReport report;
    const auto line = [&report](std::string_view what, const std::string& text) { report.line(what, text); };
    const auto loop = o.rate > 0 ? fmt::format("open loop at {:.0f} /s", o.rate) : std::string("closed loop");
    line("run", fmt::format("{:016x} to {}: {}, {} recipient{}, {}, {} session{}, {}", s.run, o.to.text(),
                            messages_text(o), o.recipients, o.recipients == 1 ? "" : "s", domains_text(o),
                            o.sessions, o.sessions == 1 ? "" : "s", loop));
    const auto bytes = static_cast<double>(s.bytes), measured = static_cast<double>(s.measured);
    line("accepted", fmt::format("{} messages of {}", s.messages,
                                 size_text(ratio(bytes, static_cast<double>(s.messages)))));
    line("rate", fmt::format("{:.0f} /s, {} /s: {} messages in {:.2f} s{}", ratio(measured, s.seconds),
                             size_text(ratio(static_cast<double>(s.measured_bytes), s.seconds)), s.measured,
                             s.seconds, o.warm_up > 0 ? ", after the warm-up" : ""));
    if (s.latency.count() > 0) line("latency", latency_text(s.latency));
    if (s.service.count() > 0) line("service", latency_text(s.service));
    if (s.behind > 0)
        line("behind", fmt::format("{} messages were due when time was over, and not begun", s.behind));
    line("not accepted",
         fmt::format("{} failed, {} retried after 4xx, {} unknown (connection lost, sent again), "
                     "{} interrupted",
                     s.failed, s.retried, s.unknown, s.interrupted));
    line("connections",
         fmt::format("{} ({:.1f} messages each), {} could not be made", s.connections,
                     ratio(static_cast<double>(s.messages), static_cast<double>(s.connections)),
                     s.connect_errors));
    if (o.auth) line("logins", fmt::format("{} ({:.0f} /s)", s.connections, logins_rate(o, s)));
    std::string_view label = "errors";
    for (const auto& error : s.errors.all()) {
        line(label, error.code != 0 ? fmt::format("{} x {}, at {}: {}", error.count, error.code,
                                                  to_string(error.phase), error.example)
                                    : fmt::format("{} x {}, at {}", error.count, to_string(error.reason),
                                                  to_string(error.phase)));
        label = "";
    }
    if (!s.trouble.empty()) line("trouble", s.trouble);
    report.handshakes(s.handshakes);
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
    out["measured"] = s.measured;  // messages that rate and latency count: all, but for a warm-up
    out["rate"] = ratio(static_cast<double>(s.measured), s.seconds);
    out["behind"] = s.behind;
    out["bytes"] = s.bytes;
    out["message_bytes"] = ratio(static_cast<double>(s.bytes), static_cast<double>(s.messages));
    out["latency_seconds"] = latency_json<ordered_json>(s.latency);
    if (s.service.count() > 0) out["service_seconds"] = latency_json<ordered_json>(s.service);
    out["connections"] = s.connections;
    out["connect_errors"] = s.connect_errors;
    if (o.auth) {
        out["logins"] = s.connections;
        out["logins_per_second"] = logins_rate(o, s);
    }
    out["refusals"] = ordered_json::object();  // by code
    out["errors"] = ordered_json::array();     // by step and code or reason
    for (const auto& error : s.errors.all()) {
        ordered_json one{{"at", to_string(error.phase)}};
        if (error.code != 0) {
            out["refusals"][std::to_string(error.code)] = s.errors.refusals(error.code);
            one["code"] = error.code;
            one["example"] = error.example;
        } else {
            one["reason"] = to_string(error.reason);
        }
        one["count"] = error.count;
        out["errors"].push_back(std::move(one));
    }
    out["trouble"] = s.trouble;
    if (o.tls != TlsMode::none) out["tls"] = handshakes_json<ordered_json>(o.tls, s.handshakes);
    add_cost(out, cost_of(s));
    out["options"] = {{"messages", o.messages},
                      {"duration_seconds", std::chrono::duration<double>(o.duration).count()},
                      {"sessions", o.sessions},
                      {"size", o.files.empty() ? sizes_text(o.sizes) : std::string()},
                      {"files", o.files},
                      {"recipients", o.recipients},
                      {"domains", o.domains},
                      {"zipf", o.zipf},
                      {"rate", o.rate},
                      {"pause_seconds", std::chrono::duration<double>(o.pause).count()},
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
