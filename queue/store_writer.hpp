// One shard's changes on their way into the store, applied in the order of issue by one worker. Outcomes of old deliveries
// gather into one batch while the worker is busy; a retired batch goes by itself. A failed batch stops the writer for good:
// what follows depends on it. Owning thread: the shard's.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "engine/runtime/event.hpp"
#include "engine/runtime/workers.hpp"
#include "metrics/sheet.hpp"
#include "queue/store.hpp"

namespace angarium::queue {

class StoreWriter {
  public:
    // Outcomes in one batch at most: keeps a batch, and the wait for it, short.
    static constexpr std::size_t most_effects = 512;

    StoreWriter(Store& store, runtime::Workers& worker, metrics::Sheet& sheet);
    ~StoreWriter();

    // `applied` runs on the shard once the store has the change. Not after a failure.
    void effect(OutcomeRecord record, std::function<void()> applied);
    void retire(StoreBatch batch, std::function<void()> applied);
    // Runs when everything issued before is in the store *and* flushed.
    void flush(std::function<void()> flushed);

    bool failed() const { return failed_; }
    std::function<void(std::string)> on_failure;
    runtime::Task<void> close();  // waits for all that was issued

  private:
    struct Item {
        enum class Kind : std::uint8_t { effect, retire, flush } kind;
        StoreBatch batch;  // retire: the batch; effect: one effect
        std::function<void()> done;
    };
    class Work;
    void next();
    void finished(Result<void> result);

    Store& store_;
    runtime::Workers& worker_;
    metrics::Sheet& sheet_;
    std::deque<Item> waiting_;
    std::unique_ptr<Work> work_;  // under way, or null
    bool failed_ = false;
    runtime::Event idle_;
    bool closing_ = false;
};

}  // namespace angarium::queue
