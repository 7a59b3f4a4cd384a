#include "engine/app/queue_page.hpp"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/runtime/awaited_job.hpp"
#include "engine/runtime/event.hpp"

namespace angarium::app {
namespace {

struct Line {
    queue::Owner::Report owner;
    std::size_t young = 0;
};
using Lines = absl::flat_hash_map<queue::DestinationName, Line>;

struct ShardAnswer {
    std::vector<queue::Owner::Report> destinations;
    std::vector<std::pair<queue::DestinationName, std::size_t>> young;
    std::size_t messages = 0;
};

class TotalsJob final : public runtime::AwaitedJob {
  public:
    explicit TotalsJob(queue::Store& store) : store_(store) {}
    void work() override { totals = store_.totals(); }
    queue::StoreTotals totals;

  private:
    queue::Store& store_;
};

// One shard's answer, brought to the asking shard.
runtime::Task<ShardAnswer> ask(runtime::ShardSet& shards, queue::QueueSet& queues, ShardId from,
                               ShardId self) {
    ShardAnswer answer;
    runtime::Event arrived;
    shards.call(from, [&shards, &queues, &answer, &arrived, from, self] {
        auto& queue = queues.of(from);
        answer.destinations = queue.owner().report();
        answer.young = queue.origin().young_by_destination();
        answer.messages = queue.origin().young_messages();
        shards.call(self, [&arrived] { arrived.signal(); });
    });
    co_await arrived.wait();
    co_return answer;
}

nlohmann::json line_json(const Line& line) {
    nlohmann::json out = {{"stream", line.owner.name.stream},
                          {"domain", line.owner.name.domain},
                          {"ready", line.owner.ready},
                          {"attempting", line.owner.attempting},
                          {"young", line.young},
                          {"more_in_store", line.owner.in_store}};
    if (line.owner.backing_off) {
        out["next_attempt_in_seconds"] =
            std::max<double>(0, static_cast<double>(line.owner.backing_off->count()) / 1e3);
        out["failures"] = line.owner.failures;
    }
    if (!line.owner.last_reason.empty()) out["last_reason"] = line.owner.last_reason;
    return out;
}

}  // namespace

runtime::Task<http::Response> QueuePage::answer(const http::Request&) {
    const auto self = runtime::Shard::current().id();
    Lines lines;
    std::size_t young_messages = 0;
    for (unsigned shard = 0; shard < shards_.size(); ++shard) {
        auto answer = co_await ask(shards_, queues_, ShardId{static_cast<std::uint8_t>(shard)}, self);
        young_messages += answer.messages;
        for (auto& report : answer.destinations) {
            auto& line = lines[report.name];
            line.owner = std::move(report);
        }
        for (auto& [name, count] : answer.young) {
            auto& line = lines[name];
            line.owner.name = name;
            line.young += count;
        }
    }
    TotalsJob job(queues_.store());
    readers_.submit(job);
    co_await job;

    std::vector<const Line*> sorted;
    for (const auto& [name, line] : lines) sorted.push_back(&line);
    const auto size = [](const Line* line) {
        return std::max(line->young, line->owner.ready) + line->owner.attempting;
    };
    std::sort(sorted.begin(), sorted.end(), [&](const Line* a, const Line* b) {
        return size(a) != size(b) ? size(a) > size(b) : a->owner.name < b->owner.name;
    });
    if (sorted.size() > most_destinations) sorted.resize(most_destinations);

    nlohmann::json out;
    out["young_messages"] = young_messages;
    out["stored"] = {{"messages", job.totals.messages},
                     {"ready", job.totals.ready},
                     {"deferred", job.totals.deferred},
                     {"disk_bytes", job.totals.disk_bytes}};
    out["destinations_known"] = lines.size();
    out["destinations"] = nlohmann::json::array();
    for (const auto* line : sorted) out["destinations"].push_back(line_json(*line));
    http::Response response;
    response.content_type = "application/json";
    response.body = out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    co_return response;
}

}  // namespace angarium::app
