#include "queue/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace angarium::queue {
namespace {

using State = YoungDelivery::State;

class Replay {
  public:
    Replay(Lsn tail, unsigned shards, Store& store, DeliveryLog* log)
        : tail_(tail), shards_(shards), store_(store), log_(log) {}

    void visit(const RecordView& view) {
        if (error_) return;
        ++records_;
        bool known = true;
        if (view.kind == RecordKind::accept) {
            const auto record = decode_accept(view.payload);
            known = record.has_value();
            if (known) accept(*record, view.extent);
        } else if (view.kind == RecordKind::outcome) {
            auto record = decode_outcome(view.payload);
            known = record.has_value();
            if (known) outcome(std::move(*record), view.extent);
        } else {
            known =
                view.kind == RecordKind::part;  // an accept says where they are; without one they are nothing
        }
        // The checksum was right, so this was written by a program that knows more than we do.
        if (!known)
            error_ = fmt::format(
                "the journal has a record of kind {} at {} that this version cannot read: start the version "
                "that wrote it",
                static_cast<int>(view.kind), view.extent.lsn);
    }

    Result<std::pair<YoungTable, std::uint64_t>> finish() {
        flush_effects();
        if (error_) return failure(*error_);
        return std::pair(std::move(young_), records_);
    }

  private:
    void accept(const AcceptRecord& record, Extent extent) {
        if (log_ != nullptr && EventNumber{extent.lsn, 0} > log_->last())
            record.bounce ? log_->bounce(record, extent.lsn) : log_->reception(record, extent.lsn);
        const Lsn first = first_lsn(extent, record.parts);
        if (first < tail_ || young_.find(record.id) != nullptr) return;  // in the store since, or ended
        Young message;
        message.id = record.id;
        message.first = first;
        message.accept = extent;
        message.parts = record.parts;
        for (const auto& facts : deliveries_of(record)) {
            YoungDelivery delivery;
            delivery.destination = &young_.destination({facts.stream, facts.domain}, shards_);
            ++delivery.destination->users;
            message.deliveries.push_back(std::move(delivery));
        }
        message.open = static_cast<std::uint32_t>(message.deliveries.size());
        young_.add(std::move(message));
    }

    void outcome(OutcomeRecord record, Extent extent) {
        if (log_ != nullptr &&
            EventNumber{extent.lsn, static_cast<std::uint32_t>(record.outcome.results.size())} > log_->last())
            log_->outcome(record, extent.lsn);
        Young* const message = young_.find(record.id);
        if (message == nullptr) {
            effects_.effects.push_back(std::move(record));
            if (effects_.effects.size() >= 512) flush_effects();
            return;
        }
        for (auto& delivery : message->deliveries) {
            const auto& name = delivery.destination->name;
            if (name.domain != record.domain || name.stream != record.stream) continue;
            if (!record.ends()) {
                note_deferral(delivery, record);
                delivery.state = State::deferred;
            } else if (delivery.state != State::ended) {
                delivery.state = State::ended;
                if (--message->open == 0) {
                    young_.remove(*message);
                    return;
                }
            }
        }
    }

    void flush_effects() {
        if (effects_.effects.empty() || error_) return;
        if (auto applied = store_.apply(effects_); !applied) error_ = applied.error().text;
        effects_ = {};
    }

    const Lsn tail_;
    const unsigned shards_;
    Store& store_;
    DeliveryLog* const log_;
    YoungTable young_;
    StoreBatch effects_;
    std::uint64_t records_ = 0;
    std::optional<std::string> error_;
};

// Reads one record's payload from the segment files (blocks).
class RecordFetcher {
  public:
    RecordFetcher(runtime::FileSystem& files, const JournalSource& source, const JournalEnd& end,
                  std::uint64_t segment_bytes)
        : files_(files), source_(source), end_(end), segment_bytes_(segment_bytes) {}
    Result<std::string> payload(Extent extent) {
        const Lsn begin = extent.lsn - record_header_size;
        const auto segment = end_.segments.find(begin / segment_bytes_);
        if (segment == end_.segments.end()) return failure("a journal segment is missing");
        std::string bytes(record_header_size + extent.length, '\0');
        auto got = files_.read_blocking(source_.directory + "/" + segment->second, begin % segment_bytes_,
                                        std::as_writable_bytes(std::span(bytes)));
        if (!got) return std::unexpected(got.error());
        const auto payload = verify_record(bytes, source_.key);
        if (!payload) return failure("a journal record is damaged");
        return std::string(*payload);
    }

  private:
    runtime::FileSystem& files_;
    const JournalSource& source_;
    const JournalEnd& end_;
    const std::uint64_t segment_bytes_;
};

Result<Survivor> survivor_of(RecordFetcher& fetcher, const Young& message) {
    Survivor out;
    out.id = message.id;
    for (const auto& extent : message.parts) {
        auto payload = fetcher.payload(extent);
        if (!payload) return std::unexpected(payload.error());
        const auto part = decode_part(*payload);
        if (!part) return failure("a part in the journal cannot be decoded");
        out.parts.emplace_back(part->bytes);
    }
    auto payload = fetcher.payload(message.accept);
    if (!payload) return std::unexpected(payload.error());
    auto record = decode_accept(*payload);
    if (!record) return failure("a message in the journal cannot be decoded");
    out.parts.emplace_back(record->last_part);
    auto facts = deliveries_of(*std::move(record));
    for (std::size_t i = 0; i < facts.size(); ++i) {
        const auto& young = message.deliveries[i];
        if (young.state == State::ended) continue;
        catch_up(facts[i], young);
        out.deliveries.push_back({young.place, std::move(facts[i])});
    }
    return out;
}

}  // namespace

Result<Recovered> recover(runtime::FileSystem& files, const JournalSource& source,
                          std::uint64_t segment_bytes, unsigned shards, Store& store, DeliveryLog* log) {
    Replay replay(source.tail, shards, store, log);
    auto end =
        read_journal(files, source, segment_bytes, [&](const RecordView& view) { replay.visit(view); });
    if (!end) return std::unexpected(end.error());
    auto result = replay.finish();
    if (!result) return std::unexpected(result.error());
    Recovered out{std::move(*end), std::move(result->first), result->second};
    // What is not deferred waits to be asked for.
    for (Young* message = out.young.oldest(); message != nullptr; message = message->next)
        for (auto& delivery : message->deliveries)
            if (delivery.state == State::waiting) delivery.destination->waiting.push_back(message->id);
    return out;
}

Result<Lsn> drain(runtime::FileSystem& files, const JournalSource& source, std::uint64_t segment_bytes,
                  ShardId shard, Store& store, Recovered recovered) {
    constexpr std::size_t batch_bytes = 8u << 20;
    RecordFetcher fetcher(files, source, recovered.end, segment_bytes);
    StoreBatch batch;
    std::size_t bytes = 0;
    const auto apply = [&](Lsn tail) {
        batch.tail = std::pair(shard, tail);
        auto applied = store.apply(batch);
        batch = {};
        bytes = 0;
        return applied;
    };
    for (Young* message = recovered.young.oldest(); message != nullptr; message = message->next) {
        if (bytes >= batch_bytes)
            if (auto applied = apply(message->first); !applied) return std::unexpected(applied.error());
        auto survivor = survivor_of(fetcher, *message);
        if (!survivor && source.repair) {  // a part of it lay in what was skipped
            source.warn(fmt::format("journal {}: message {} is lost: {}", source.directory,
                                    message->id.text(), survivor.error().text));
            continue;
        }
        if (!survivor) return std::unexpected(survivor.error());
        for (const auto& part : survivor->parts) bytes += part.size();
        batch.survivors.push_back(std::move(*survivor));
    }
    if (auto applied = apply(recovered.end.next); !applied) return std::unexpected(applied.error());
    return recovered.end.next;
}

}  // namespace angarium::queue
