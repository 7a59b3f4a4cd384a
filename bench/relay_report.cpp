#include "bench/relay_report.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/report.hpp"
#include "bench/text.hpp"

namespace angarium::bench {
namespace {

using nlohmann::ordered_json;

double microseconds(double seconds, const RelayPart& part) { return ratio(seconds * 1e6, part.messages); }

std::array<std::pair<const char*, const RelayPart*>, 3> parts_of(const RelaySummary& s) {
    return {{{"generator", &s.generator}, {"relay", &s.relay}, {"sink", &s.sink}}};
}

// What all three use together for one message.
struct Sum {
    double user = 0, system = 0, enters = 0;  // microseconds
    std::uint64_t memory = 0;
};

Sum sum_of(const RelaySummary& s) {
    Sum sum;
    for (const auto& [name, part] : parts_of(s)) {
        sum.user += microseconds(part->cpu.user, *part);
        sum.system += microseconds(part->cpu.system, *part);
        sum.enters += part->enters_per_message;
        sum.memory += part->memory;
    }
    return sum;
}

double written_per_byte(const RelaySummary& s) {
    return ratio(static_cast<double>(s.relay.written), s.relay.received);
}

std::string time_of(double seconds) { return time_text(static_cast<std::uint64_t>(seconds * 1e9)); }

ordered_json percentiles_json(const Percentiles& p) {
    return {{"p50", p.p50}, {"p99", p.p99}, {"p99.9", p.p999}};
}

}  // namespace

std::string relay_text(const RelayOptions& o, const RelaySummary& s) {
    fmt::memory_buffer out;
    const auto row = [&out]<class... T>(const T&... cells) {
        fmt::format_to(std::back_inserter(out),
                       "{:<10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>10} {:>10} {:>8} {:>8}\n",
                       cells...);
    };
    row("part", "messages/s", "p50", "p99", "p99.9", "CPU us", "user", "system", "memory", "written/B",
        "syncs", "enters");
    for (const auto& [name, part] : parts_of(s)) {
        const bool is_relay = part == &s.relay;
        row(name, fmt::format("{:.0f}", part->rate), time_of(part->latency.p50), time_of(part->latency.p99),
            time_of(part->latency.p999), fmt::format("{:.1f}", microseconds(part->cpu.total(), *part)),
            fmt::format("{:.1f}", microseconds(part->cpu.user, *part)),
            fmt::format("{:.1f}", microseconds(part->cpu.system, *part)),
            size_text(static_cast<double>(part->memory)),
            is_relay ? fmt::format("{:.2f}", written_per_byte(s)) : "-",
            is_relay ? fmt::format("{:.3f}", ratio(part->syncs, part->messages)) : "-",
            fmt::format("{:.2f}", part->enters_per_message));
    }
    const auto sum = sum_of(s);
    row("sum", "", "", "", "", fmt::format("{:.1f}", sum.user + sum.system), fmt::format("{:.1f}", sum.user),
        fmt::format("{:.1f}", sum.system), size_text(static_cast<double>(sum.memory)),
        fmt::format("{:.2f}", written_per_byte(s)), "", fmt::format("{:.2f}", sum.enters));
    TextReport lines;
    const auto latency = [](const Percentiles& p) {
        return fmt::format("p50 {}   p99 {}   p99.9 {}", time_of(p.p50), time_of(p.p99), time_of(p.p999));
    };
    lines.line("accepted",
               fmt::format("{} messages, {:.0f} /s, each answered 250 after it was synced to disk",
                           s.accepted, s.generator.rate));
    lines.line("", "until the 250: " + latency(s.generator.latency));
    lines.line("delivered", fmt::format("{} copies, {:.0f} messages/s {}", s.delivered, s.sink.rate,
                                        o.by_mx ? fmt::format("to {} domains by MX", s.domains)
                                                : std::string("to a smarthost")));
    lines.line("", "accepted to delivered: " + latency(s.relay.latency));
    lines.line("connections", fmt::format("{} to the sink, {:.1f} messages each; {} DNS queries",
                                          s.connections, s.messages_per_connection, s.dns_queries));
    if (o.waiting > 0) lines.line("waiting", fmt::format("{} messages for dead destinations", s.waiting));
    lines.line("exactly once", fmt::format("{}: {} of {} arrived, {} lost, {} duplicated, {} damaged",
                                           s.exact() ? "yes" : "NO", s.delivered, s.copies, s.lost(),
                                           s.duplicated, s.damaged));
    if (o.keep || !s.exact()) lines.line("files", s.folder);
    return fmt::to_string(out) + "\n" + lines.text();
}

std::string relay_json(const RelayOptions& o, const RelaySummary& s) {
    ordered_json out;
    out["exact"] = s.exact();
    out["accepted"] = s.accepted;
    out["copies"] = s.copies;
    out["delivered"] = s.delivered;
    out["lost"] = s.lost();
    out["duplicated"] = s.duplicated;
    out["damaged"] = s.damaged;
    out["foreign"] = s.foreign;
    out["waiting"] = s.waiting;
    out["accept_rate"] = s.generator.rate;
    out["relay_rate"] = s.relay.rate;
    out["accept_seconds"] = percentiles_json(s.generator.latency);
    out["accept_to_delivery_seconds"] = percentiles_json(s.relay.latency);
    out["send_to_receipt_seconds"] = percentiles_json(s.sink.latency);
    auto& parts = out["parts"];
    for (const auto& [name, part] : parts_of(s))
        parts[name] = {{"messages", part->messages},
                       {"cpu_microseconds_per_message", microseconds(part->cpu.total(), *part)},
                       {"user_microseconds_per_message", microseconds(part->cpu.user, *part)},
                       {"system_microseconds_per_message", microseconds(part->cpu.system, *part)},
                       {"peak_memory_bytes", part->memory},
                       {"ring_enters_per_message", part->enters_per_message}};
    auto& relay = parts["relay"];
    relay["written_bytes"] = s.relay.written;
    relay["written_bytes_per_message_byte"] = written_per_byte(s);
    relay["syncs_per_message"] = ratio(s.relay.syncs, s.relay.messages);
    const auto sum = sum_of(s);
    parts["sum"] = {{"cpu_microseconds_per_message", sum.user + sum.system},
                    {"peak_memory_bytes", sum.memory}};
    out["send"] = ordered_json::parse(s.sent, nullptr, false);
    out["sink"] = ordered_json::parse(s.received, nullptr, false);
    out["options"] = {{"messages", o.messages},
                      {"duration_seconds", std::chrono::duration<double>(o.duration).count()},
                      {"warmup", o.warm_up},
                      {"sessions", o.sessions},
                      {"size", o.size},
                      {"recipients", o.recipients},
                      {"domains", o.domains},
                      {"rate", o.rate},
                      {"route", o.by_mx ? "mx" : "smarthost"},
                      {"waiting", o.waiting},
                      {"shards", o.shards},
                      {"settings", o.settings}};
    if (o.keep || !s.exact()) out["folder"] = s.folder;
    return out.dump() + "\n";
}

}  // namespace angarium::bench
