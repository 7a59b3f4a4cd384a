// Attempt: one try of one delivery, which may take several transactions (many recipients) and, where an exchanger lets
// us down, a second connection. It holds the delivery and keeps, for each recipient, what has become of it. One object
// serves all deliveries of a connection, one after the other. Owning thread: the shard's. Errors: none.
//
//   a recipient:  open --batch--> in transaction --accepted--> taken --end of data--> ended (delivered, deferred, failed)
//                  ^                     |  refused, or the transaction or connection fails ---^    |
//                  +---- too many recipients; another exchanger is tried (reopen, deferred only) <--+
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/time.hpp"
#include "engine/outbound/verdict.hpp"
#include "queue/delivery.hpp"

namespace angarium::outbound {

class Attempt {
  public:
    // Nothing is under way.
    void begin(std::unique_ptr<queue::Delivery> delivery, MonoTime now);
    const queue::Delivery& delivery() const { return *delivery_; }
    const queue::DeliveryFacts& facts() const { return delivery_->facts; }
    queue::Outcome& outcome() { return delivery_->outcome; }

    // Picks up to `most` open recipients for the next transaction. False: none is left.
    bool next_batch(std::size_t most);
    // Their indices into facts().recipients.
    std::span<const std::uint16_t> batch() const { return batch_; }

    // RCPT was accepted. The position counts within the batch, here and below.
    void take(std::size_t position) { states_[batch_[position]] = State::taken; }
    // RCPT was refused because the transaction is full: for the next one.
    void postpone(std::size_t position) { states_[batch_[position]] = State::open; }
    void end(std::size_t position, const Judgement& judgement);
    // Ends all of the batch that have not ended and were not postponed.
    void end_batch(const Judgement& judgement);
    // Ends all taken ones as delivered; the reply to the end of data says so.
    void deliver(queue::Reason reason);
    // Ends everything that has not ended.
    void end_rest(const Judgement& judgement);

    // No recipient has ended: the delivery may be put back as if nothing had happened.
    bool untouched() const { return ended_ == 0; }
    // Nothing was delivered and nothing failed: all that ended was deferred in a way that another exchanger may better.
    bool hopeful() const { return ended_ > 0 && elsewhere_ == ended_; }
    // Makes the deferred recipients open again, for another exchanger. Only when hopeful().
    void reopen();

    // Completes the outcome and gives the delivery away. Every recipient has ended.
    std::unique_ptr<queue::Delivery> finish(MonoTime now);
    // Gives it away as it came. Only when untouched().
    std::unique_ptr<queue::Delivery> release();

  private:
    enum class State : std::uint8_t { open, in_transaction, taken, ended };

    std::uint16_t add(queue::Reason reason);
    void end_as(std::uint16_t recipient, const Judgement& judgement, std::uint16_t reason);
    template <class Predicate>
    void end_where(const Judgement& judgement, Predicate predicate);

    std::unique_ptr<queue::Delivery> delivery_;
    std::vector<State> states_;
    std::vector<std::uint16_t> batch_;
    std::size_t ended_ = 0;
    std::size_t elsewhere_ = 0;  // of those, deferred with Judgement::elsewhere
    MonoTime begun_{};
};

}  // namespace angarium::outbound
