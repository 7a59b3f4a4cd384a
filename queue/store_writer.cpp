#include "queue/store_writer.hpp"

#include "engine/base/assert.hpp"

namespace angarium::queue {

using metrics::Count;

class StoreWriter::Work final : public runtime::Job {
  public:
    explicit Work(StoreWriter& writer) : writer_(writer) {}
    void work() override { result_ = flush ? writer_.store_.flush() : writer_.store_.apply(batch); }
    void done() override { writer_.finished(std::move(result_)); }

    bool flush = false;
    StoreBatch batch;
    std::vector<std::function<void()>> callbacks;

  private:
    StoreWriter& writer_;
    Result<void> result_;
};

StoreWriter::StoreWriter(Store& store, runtime::Workers& worker, metrics::Sheet& sheet)
    : store_(store), worker_(worker), sheet_(sheet) {}

StoreWriter::~StoreWriter() { ANGARIUM_ASSERT(!work_); }

void StoreWriter::effect(OutcomeRecord record, std::function<void()> applied) {
    Item item{Item::Kind::effect, {}, std::move(applied)};
    item.batch.effects.push_back(std::move(record));
    waiting_.push_back(std::move(item));
    next();
}

void StoreWriter::retire(StoreBatch batch, std::function<void()> applied) {
    waiting_.push_back(Item{Item::Kind::retire, std::move(batch), std::move(applied)});
    next();
}

void StoreWriter::flush(std::function<void()> flushed) {
    waiting_.push_back(Item{Item::Kind::flush, {}, std::move(flushed)});
    next();
}

void StoreWriter::next() {
    if (work_ || failed_ || waiting_.empty()) return;
    auto work = std::make_unique<Work>(*this);
    const auto kind = waiting_.front().kind;
    do {
        auto& item = waiting_.front();
        if (kind == Item::Kind::effect)
            work->batch.effects.push_back(std::move(item.batch.effects.front()));
        else
            work->batch = std::move(item.batch);
        work->callbacks.push_back(std::move(item.done));
        waiting_.pop_front();
    } while (kind == Item::Kind::effect && !waiting_.empty() && waiting_.front().kind == kind &&
             work->batch.effects.size() < most_effects);
    work->flush = kind == Item::Kind::flush;
    work_ = std::move(work);
    worker_.submit(*work_);
}

void StoreWriter::finished(Result<void> result) {
    const auto work = std::move(work_);
    if (result) {
        if (!work->flush) sheet_.add(Count::store_batches);
        for (auto& callback : work->callbacks)
            if (callback) callback();
        next();
    } else {
        failed_ = true;
        sheet_.add(Count::store_failures);
        sheet_.set(metrics::Level::store_failed, 1);
        waiting_.clear();
        if (on_failure) on_failure(result.error().text);
    }
    if (!work_ && closing_) idle_.signal();
}

runtime::Task<void> StoreWriter::close() {
    closing_ = true;
    while (work_) co_await idle_.wait();
}

}  // namespace angarium::queue
