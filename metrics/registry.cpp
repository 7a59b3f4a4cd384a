// The registry: sums sheets and writes them as Prometheus text. See registry.hpp for threads.
#include "metrics/registry.hpp"

#include <fmt/format.h>

#include "engine/base/assert.hpp"
#include "metrics/exposition.hpp"

namespace angarium::metrics {
namespace {

void head(Exposition& out, const Entry& entry, std::string_view type) {
    if (!entry.continues()) out.family(entry.name, type, entry.help);
}

// The number as shortest text that reads back the same; nanoseconds become seconds.
std::string number(Unit unit, std::uint64_t value) {
    return unit == Unit::seconds ? fmt::format("{}", static_cast<double>(value) / 1e9)
                                 : fmt::format("{}", value);
}

std::string shard_label(std::size_t shard) { return fmt::format("shard=\"{}\"", shard); }

using Sheets = std::vector<std::unique_ptr<Sheet>>;

void expose_count(Exposition& out, const Sheets& sheets, Count id) {
    const Entry& line = entry(id);
    head(out, line, "counter");
    std::uint64_t sum = 0;
    for (std::size_t shard = 0; shard < sheets.size(); ++shard) {
        const auto value = sheets[shard]->value(id);
        sum += value;
        if (line.per_shard()) out.sample(line.name, shard_label(shard), number(unit(line), value));
    }
    if (!line.per_shard()) out.sample(line.name, line.labels, number(unit(line), sum));
}

void expose_level(Exposition& out, const Sheets& sheets, Level id, const std::function<double()>& read) {
    const Entry& line = entry(id);
    head(out, line, "gauge");
    if (read) {
        out.sample(line.name, line.labels, read());
        return;
    }
    std::int64_t sum = 0;
    for (std::size_t shard = 0; shard < sheets.size(); ++shard) {
        const auto value = sheets[shard]->value(id);
        sum += value;
        if (line.per_shard()) out.sample(line.name, shard_label(shard), value);
    }
    if (!line.per_shard()) out.sample(line.name, line.labels, sum);
}

void expose_spread(Exposition& out, const Sheets& sheets, Spread id) {
    const Entry& line = entry(id);
    const auto bounds = bucket_bounds(unit(id));
    const auto separator = line.labels.empty() ? "" : ",";
    head(out, line, "histogram");
    std::uint64_t cumulative = 0;
    double sum = 0;
    for (const auto& sheet : sheets) sum += sheet->sum(id);
    for (std::size_t bucket = 0; bucket <= bounds.size(); ++bucket) {
        for (const auto& sheet : sheets) cumulative += sheet->bucket(id, bucket);
        const auto bound = bucket < bounds.size() ? number(unit(id), bounds[bucket]) : "+Inf";
        out.sample(fmt::format("{}_bucket", line.name),
                   fmt::format("{}{}le=\"{}\"", line.labels, separator, bound), cumulative);
    }
    out.sample(fmt::format("{}_sum", line.name), line.labels, unit(id) == Unit::seconds ? sum / 1e9 : sum);
    out.sample(fmt::format("{}_count", line.name), line.labels, cumulative);
}

}  // namespace

Registry::Registry(unsigned shards) {
    ANGARIUM_ASSERT(shards > 0);
    for (unsigned shard = 0; shard < shards; ++shard) sheets_.push_back(std::make_unique<Sheet>());
}

Sheet& Registry::sheet(ShardId shard) {
    ANGARIUM_ASSERT(angarium::index(shard) < sheets_.size());
    return *sheets_[angarium::index(shard)];
}

const Sheet& Registry::sheet(ShardId shard) const {
    ANGARIUM_ASSERT(angarium::index(shard) < sheets_.size());
    return *sheets_[angarium::index(shard)];
}

void Registry::gauge(Level id, std::function<double()> read) { gauges_[index(id)] = std::move(read); }

void Registry::build(std::string_view version, std::string_view compiler) {
    version_ = escaped(version);
    compiler_ = escaped(compiler);
}

std::uint64_t Registry::total(Count id) const {
    std::uint64_t sum = 0;
    for (const auto& sheet : sheets_) sum += sheet->value(id);
    return sum;
}

std::int64_t Registry::total(Level id) const {
    std::int64_t sum = 0;
    for (const auto& sheet : sheets_) sum += sheet->value(id);
    return sum;
}

std::uint64_t Registry::observations(Spread id) const {
    std::uint64_t sum = 0;
    for (const auto& sheet : sheets_)
        for (std::size_t bucket = 0; bucket < most_buckets; ++bucket) sum += sheet->bucket(id, bucket);
    return sum;
}

std::string Registry::exposition() const {
    Exposition out;
    for (std::size_t i = 0; i < counts; ++i) expose_count(out, sheets_, Count(i));
    for (std::size_t i = 0; i < levels; ++i) expose_level(out, sheets_, Level(i), gauges_[i]);
    for (std::size_t i = 0; i < spreads; ++i) expose_spread(out, sheets_, Spread(i));
    out.family("angarium_build_info", "gauge", "The running program.");
    out.sample("angarium_build_info", fmt::format("version=\"{}\",compiler=\"{}\"", version_, compiler_), 1);
    return out.text();
}

}  // namespace angarium::metrics
