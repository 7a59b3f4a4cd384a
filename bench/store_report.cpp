#include "bench/store_report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/text.hpp"

namespace angarium::bench {
namespace {

using nlohmann::ordered_json;

ordered_json figure_json(const StoreFigure& figure) {
    return {{"rate", figure.rate},
            {"cpu_microseconds_per_message", figure.cpu_microseconds},
            {"p50_seconds", static_cast<double>(figure.p50) / 1e9},
            {"p99_seconds", static_cast<double>(figure.p99) / 1e9}};
}

}  // namespace

void StoreFigure::set(std::uint64_t messages, double seconds, double cpu_seconds, const Histogram& latency) {
    rate = ratio(static_cast<double>(messages), seconds);
    cpu_microseconds = ratio(cpu_seconds * 1e6, static_cast<double>(messages));
    p50 = latency.percentile(50);
    p99 = latency.percentile(99);
}

std::string store_text(const StoreOptions& options, const StoreResults& results) {
    fmt::memory_buffer out;
    const auto add = std::back_inserter(out);
    fmt::format_to(add, "{}: one synced write of 4 KiB takes p50 {}, p99 {}\n\n", options.path,
                   time_text(results.sync.percentile(50)), time_text(results.sync.percentile(99)));
    fmt::format_to(add, "{:>20}{:>18}{:>42}{:>31}\n", "", "", "journal -----------------------------",
                   "raw writes --------------");
    fmt::format_to(add, "{:>10}{:>10}{:>9}{:>9}{:>12}{:>9}{:>10}{:>11}{:>12}{:>9}{:>10}\n", "message",
                   "under way", "a group", "x bytes", "messages/s", "us cpu", "p50", "p99", "messages/s",
                   "us cpu", "p50");
    for (const auto& row : results.rows)
        fmt::format_to(
            add, "{:>10}{:>10}{:>9.1f}{:>9.2f}{:>12.0f}{:>9.1f}{:>10}{:>11}{:>12.0f}{:>9.1f}{:>10}\n",
            size_text(static_cast<double>(row.size)), row.group, row.messages_per_group, row.written_per_byte,
            row.journal.rate, row.journal.cpu_microseconds, time_text(row.journal.p50),
            time_text(row.journal.p99), row.raw.rate, row.raw.cpu_microseconds, time_text(row.raw.p50));
    fmt::format_to(
        add,
        "\na group: messages that shared one synced write.  x bytes: written for each byte of message.\n"
        "Raw writes are as long as the journal's, one in flight, past the page cache where the disk allows "
        "it.\n\n");
    fmt::format_to(add, "{:>20}{:>51}\n", "", "RocksDB, as mail that waits is moved into it -----");
    fmt::format_to(add, "{:>10}{:>10}{:>9}{:>12}{:>9}{:>10}{:>11}\n", "message", "a batch", "x bytes",
                   "messages/s", "us cpu", "p50", "a flush");
    for (const auto& row : results.batches)
        fmt::format_to(add, "{:>10}{:>10}{:>9.2f}{:>12.0f}{:>9.1f}{:>10}{:>11}\n",
                       size_text(static_cast<double>(row.size)), row.batch, row.written_per_byte,
                       row.figure.rate, row.figure.cpu_microseconds, time_text(row.figure.p50),
                       time_text(row.flush_p50));
    fmt::format_to(
        add, "\nA flush after every 64 MiB of messages, which syncs them; p50 of a batch without it.\n");
    return fmt::to_string(out);
}

std::string store_json(const StoreOptions& options, const StoreResults& results) {
    ordered_json out;
    out["path"] = options.path;
    out["sync_seconds"] = {{"p50", static_cast<double>(results.sync.percentile(50)) / 1e9},
                           {"p99", static_cast<double>(results.sync.percentile(99)) / 1e9},
                           {"max", static_cast<double>(results.sync.max()) / 1e9}};
    out["rows"] = ordered_json::array();
    for (const auto& row : results.rows)
        out["rows"].push_back({{"message_bytes", row.size},
                               {"under_way", row.group},
                               {"messages_per_group", row.messages_per_group},
                               {"written_per_byte", row.written_per_byte},
                               {"journal", figure_json(row.journal)},
                               {"raw", figure_json(row.raw)}});
    out["batches"] = ordered_json::array();
    for (const auto& row : results.batches)
        out["batches"].push_back({{"message_bytes", row.size},
                                  {"batch", row.batch},
                                  {"written_per_byte", row.written_per_byte},
                                  {"store", figure_json(row.figure)},
                                  {"flush_p50_seconds", static_cast<double>(row.flush_p50) / 1e9}});
    return out.dump() + "\n";
}

}  // namespace angarium::bench
