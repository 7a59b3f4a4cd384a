#include "queue/incoming.hpp"

#include <algorithm>
#include <functional>

#include "engine/base/assert.hpp"
#include "queue/durable_access.hpp"

namespace angarium::queue {
namespace {

// A record that one coroutine waits for.
class AwaitedRecord : public JournalRecord {
  public:
    void durable() override {
        on_durable();
        finish(true);
    }
    void failed() override { finish(false); }

    bool await_ready() const { return finished_; }
    void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
    bool await_resume() const { return durable_; }

  protected:
    virtual void on_durable() {}

  private:
    void finish(bool durable) {
        durable_ = durable;
        finished_ = true;
        if (waiter_) runtime::current_ready_list().push(runtime::resume_of(waiter_));
    }
    std::coroutine_handle<> waiter_;
    bool finished_ = false, durable_ = false;
};

class PartRecordEntry final : public AwaitedRecord {
  public:
    // `settle` hears where it lies when it is durable, in that very step: retire may look a moment later.
    PartRecordEntry(const MessageId& id, std::uint32_t part, std::string_view bytes,
                    std::function<void(Extent)> settle)
        : bytes_(bytes), settle_(std::move(settle)) {
        PartRecord record;
        record.id = id;
        record.part = part;
        record.bytes = bytes;
        encode_part_header(header_, record);
    }
    std::size_t bytes() const override { return record_header_size + header_.size() + bytes_.size(); }
    void write(GroupWriter& group) override {
        const std::string_view pieces[] = {header_, bytes_};
        extent_ = group.add(RecordKind::part, pieces);
    }
    Extent extent() const { return extent_; }

  private:
    void on_durable() override {
        if (settle_) settle_(extent_);
    }
    std::string header_;
    std::string_view bytes_;
    std::function<void(Extent)> settle_;
    Extent extent_;
};

}  // namespace

runtime::Task<IoResult<Extent>> append_part(Journal& journal, const MessageId& id, std::uint32_t part,
                                            std::string_view bytes, Precedence precedence,
                                            std::function<void(Extent)> settle) {
    PartRecordEntry entry(id, part, bytes, std::move(settle));
    journal.append(entry, precedence);
    if (!co_await entry) co_return std::unexpected(IoError::failed);
    co_return entry.extent();
}

class IncomingMessage::AcceptEntry final : public AwaitedRecord {
  public:
    AcceptEntry(Origin& origin, AcceptRecord record, BlockRef body)
        : origin_(origin), record_(std::move(record)), body_(std::move(body)) {
        encode_accept_header(header_, record_);
    }
    std::size_t bytes() const override { return record_header_size + header_.size() + body_->bytes().size(); }
    std::size_t header_bytes() const { return header_.size(); }
    void write(GroupWriter& group) override {
        const std::string_view pieces[] = {header_, body_->bytes()};
        extent_ = group.add(RecordKind::accept, pieces);
    }

  private:
    void on_durable() override { origin_.accepted(std::move(record_), extent_, std::move(body_)); }

    Origin& origin_;
    AcceptRecord record_;
    BlockRef body_;
    std::string header_;
    Extent extent_;
};

IncomingMessage::IncomingMessage(Origin& origin, const MessageId& id, std::uint64_t declared)
    : origin_(origin), id_(id) {
    // The declared size with our Received: header, or a page of mail for a client that does not say.
    constexpr std::size_t trace_room = 512, undeclared = 4096;
    buffer_.reserve(std::min<std::uint64_t>(declared != 0 ? declared + trace_room : undeclared, part_size));
    charge();
}

IncomingMessage::~IncomingMessage() {
    origin_.bodies_->credit(charged_);
    std::erase(origin_.large_, this);
}

bool IncomingMessage::charge() {
    if (buffer_.capacity() == charged_) return true;
    const bool grows = buffer_.capacity() > charged_;
    auto& bodies = *origin_.bodies_;
    bodies.charge(buffer_.capacity());
    bodies.credit(charged_);
    charged_ = buffer_.capacity();
    return !grows || !bodies.full();
}

bool IncomingMessage::push(std::string_view bytes) {
    buffer_.append(bytes);
    size_ += bytes.size();
    if (!charge()) too_much_ = true;
    return buffer_.size() <= part_size && !too_much_;
}

runtime::Task<std::expected<void, Refusal>> IncomingMessage::room() {
    while (buffer_.size() > part_size) {
        const auto written = co_await write_part(std::string_view(buffer_).substr(0, part_size));
        if (!written) co_return std::unexpected(written.error());
        buffer_.erase(0, part_size);
    }
    if (std::exchange(too_much_, false)) {
        buffer_.shrink_to_fit();  // what went to the journal is free again
        charge();
        if (origin_.bodies_->full()) co_return std::unexpected(Refusal::memory);
    }
    co_return std::expected<void, Refusal>();
}

void IncomingMessage::head(std::string bytes) {
    ANGARIUM_ASSERT(head_.empty() && !headed_ && bytes.size() <= part_size);
    size_ += bytes.size();
    if (parts_.empty() && bytes.size() + buffer_.size() <= part_size) {
        buffer_.insert(0, bytes);
        charge();
    } else {
        head_ = std::move(bytes);
    }
}

// In the order of the body, which is the order of writing but for the head.
std::vector<Extent> IncomingMessage::parts_of_body() const {
    auto parts = parts_;
    if (headed_) std::rotate(parts.begin(), parts.end() - 1, parts.end());
    return parts;
}

runtime::Task<std::expected<void, Refusal>> IncomingMessage::write_part(std::string_view bytes) {
    const auto until = origin_.shard_.now() + Origin::patience;
    while (origin_.slow()) {
        const auto room = co_await origin_.wait_for_room(until);
        if (!room) co_return std::unexpected(room.error());
    }
    if (origin_.journal_.failed()) co_return std::unexpected(Refusal::journal_failed);
    if (parts_.empty()) origin_.large_.push_back(this);
    const auto part = static_cast<std::uint32_t>(parts_.size());
    const auto place = parts_.size();
    parts_.emplace_back();  // its place in the order, before anything can wait
    std::function<void(Extent)> settle = [this, place](Extent extent) { parts_[place] = extent; };
    const auto written =
        co_await append_part(origin_.journal_, id_, part, bytes, Precedence::accept, std::move(settle));
    if (!written) co_return std::unexpected(Refusal::journal_failed);
    origin_.room_again();
    co_return std::expected<void, Refusal>();
}

void IncomingMessage::parts_moved() {
    if (--moving_ == 0) moved_.signal();
}

runtime::Task<std::expected<Durable, Refusal>> IncomingMessage::commit(smtp::Envelope envelope, Trace trace) {
    AcceptRecord record;
    record.id = id_;
    record.envelope = std::move(envelope);
    record.trace = std::move(trace);
    record.size = size_;
    {
        // An envelope of a thousand long addresses leaves no room for a part beside it.
        std::string probe;
        if (record.envelope.recipients.size() > 100) encode_accept_header(probe, record);
        if (probe.size() > full_group_bytes / 2 && !buffer_.empty()) {
            const auto written = co_await write_part(buffer_);
            if (!written) co_return std::unexpected(written.error());
            buffer_.clear();
        }
        if (probe.size() > max_group_bytes / 2) co_return std::unexpected(Refusal::storage);
    }
    if (!head_.empty()) {
        headed_ = true;
        const auto written = co_await write_part(head_);
        if (!written) co_return std::unexpected(written.error());
    }
    const auto until = origin_.shard_.now() + Origin::patience;
    while (moving_ != 0 || origin_.slow()) {  // both hold in the step that appends
        if (moving_ != 0) {
            co_await moved_.wait();
            continue;
        }
        const auto room = co_await origin_.wait_for_room(until);
        if (!room) co_return std::unexpected(room.error());
    }
    committing_ = true;  // from here on the parts stay where they are
    record.parts = parts_of_body();
    origin_.bodies_->credit(std::exchange(charged_, 0));
    auto body = std::make_shared<const Block>(std::move(buffer_), origin_.bodies_);
    record.last_part = body->bytes();
    AcceptEntry entry(origin_, std::move(record), std::move(body));
    origin_.journal_.append(entry, Precedence::accept);
    const bool durable = co_await entry;
    std::erase(origin_.large_, this);
    if (!durable) co_return std::unexpected(Refusal::journal_failed);
    co_return DurableAccess::make(id_);
}

}  // namespace angarium::queue
