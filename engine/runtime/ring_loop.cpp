#include "engine/runtime/ring_loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <thread>
#include <utility>

namespace angarium::runtime {
namespace {

// Rounds of the ready list in one turn: work that keeps itself ready may not starve the ring.
constexpr unsigned most_rounds = 16;
// The longest wait; only a bound, every event wakes the loop.
constexpr Duration longest_wait = 60s;

thread_local IoContext* current_context = nullptr;

constexpr std::uint64_t bit(ShardId shard) { return std::uint64_t{1} << index(shard); }

template <class Visit>
void for_each_shard(std::uint64_t set, Visit visit) {
    for (; set != 0; set &= set - 1) visit(ShardId(std::countr_zero(set)));
}

}  // namespace

IoContext& IoContext::current() {
    ANGARIUM_ASSERT(current_context != nullptr);
    return *current_context;
}

RingShards::RingShards(unsigned shards) : ending(shards) {}
RingShards::~RingShards() = default;

bool Ending::reached() const {
    const auto activations = activations_.load();
    if (active_.load() != 0) return false;
    std::uint64_t sent = 0, received = 0;
    for (const auto& counts : counts_) received += counts.received.load();
    for (const auto& counts : counts_) sent += counts.sent.load();
    return sent == received && active_.load() == 0 && activations_.load() == activations;
}

RingLoop::RingLoop(RingShards& set, ShardId id, unsigned shards, Clock& clock, std::unique_ptr<Ring> ring,
                   int wake_descriptor, const RingOptions& options)
    : RingShard(id, shards, clock, Random(kernel_random())),
      set_(set),
      clock_(clock),
      ring_(std::move(ring)),
      buffers_(*ring_, options.receive_buffers, options.receive_buffer_size),
      files_(*ring_),
      context_{*this, *ring_, buffers_, files_, set.claims},
      network_(context_),
      poller_(context_),
      mailbox_(shards),
      wake_descriptor_(wake_descriptor),
      wake_([](void* self, Completion) { static_cast<RingLoop*>(self)->on_wake(); }, this) {
    ring_->on_message_refused(
        [](void* self, ShardId to) {
            static_cast<RingLoop*>(self)->set_.loops[index(to)]->wake_from_outside();
        },
        this);
}

class RingLoop::Visit {
  public:
    explicit Visit(RingLoop& loop) : loop_(loop) { loop_.visitors_.fetch_add(1, std::memory_order_relaxed); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() { loop_.visitors_.fetch_sub(1, std::memory_order_release); }

  private:
    RingLoop& loop_;
};

RingLoop::~RingLoop() {
    while (visitors_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
    ::close(wake_descriptor_);
    while (own_first_ != nullptr) delete std::exchange(own_first_, own_first_->next_);
}

// --- mail ---

Lane& RingLoop::lane_to(ShardId to) const { return set_.loops[index(to)]->mailbox_.from(id()); }

void RingLoop::send(ShardId to, std::unique_ptr<Letter> letter) {
    if (to == id()) {
        Letter* const own = letter.release();
        own->next_ = nullptr;
        (own_first_ == nullptr ? own_first_ : own_last_->next_) = own;
        own_last_ = own;
        return;
    }
    set_.ending.sent(id(), ++sent_);
    ++ring_->counters().letters;
    written_to_ |= bit(to);
    if (lane_to(to).push(*letter.release())) return;
    ++ring_->counters().letters_held;
    overflowing_ |= bit(to);
}

bool RingLoop::congested(ShardId to) const {
    if (to == id()) return false;
    return (overflowing_ & bit(to)) != 0 || lane_to(to).full();
}

// Once a turn, before the ring is entered: the wake-ups travel with the same submission as everything else.
void RingLoop::send_mail() {
    for_each_shard(overflowing_, [this](ShardId to) {
        Lane& lane = lane_to(to);
        if (lane.flush()) written_to_ |= bit(to);
        if (!lane.overflowing()) overflowing_ &= ~bit(to);
    });
    for_each_shard(std::exchange(written_to_, 0), [this](ShardId to) {
        RingLoop& target = *set_.loops[index(to)];
        if (target.mailbox_.must_wake()) ring_->message(to, target.ring_->descriptor());
    });
}

void RingLoop::receive_mail() {
    if (!active_ && mailbox_.has_mail()) {
        active_ = true;
        set_.ending.activate();
    }
    for (Letter* letter = std::exchange(own_first_, nullptr); letter != nullptr;)
        std::exchange(letter, letter->next_)->arrive();
    const auto received = mailbox_.receive([this](ShardId waiting) {
        // Its lane to us has room again: the wake-up makes it flush.
        written_to_ |= bit(waiting);
    });
    jobs_out_ -= received.jobs;
    if (received.letters > 0) set_.ending.received(id(), received_ += received.letters);
}

void RingLoop::post(std::unique_ptr<Letter> letter) {
    const Visit visit(*this);
    mailbox_.post(std::move(letter));
    if (mailbox_.must_wake()) wake_from_outside();
}

void RingLoop::job_back(Job& job) {
    const Visit visit(*this);
    mailbox_.finished(job);
    if (mailbox_.must_wake()) wake_from_outside();
}

void RingLoop::wake_from_outside() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the owner is being woken anyway.
    [[maybe_unused]] const auto written = ::write(wake_descriptor_, &one, sizeof one);
}

void RingLoop::arm_wake() {
    ring_->read(wake_, wake_descriptor_, 0, std::as_writable_bytes(std::span(&wake_count_, 1)));
}

void RingLoop::on_wake() {
    if (!set_.stopping.load(std::memory_order_acquire)) arm_wake();
}

// --- the loop ---

void RingLoop::run(const std::function<Task<void>(RingShard&)>& main) {
    enter();
    current_context = &context_;
    ring_->enable();
    arm_wake();
    turn(0);  // the clocks still say when the shard was made
    gate().hold(main(*this));
    loop();
    wind_down();
    ring_->retire();
    current_context = nullptr;
    leave();
}

void RingLoop::loop() {
    bool busy = turn(most_rounds);
    while (true) {
        send_mail();
        buffers_.publish();
        judge_activity();
        if (set_.stopping.load(std::memory_order_acquire)) return;
        ring_->counters().busy += clock_.mono() - now();
        ring_->submit_and_wait(patience(busy));  // 1
        mailbox_.woken();
        ring_->collect();          // 2
        receive_mail();            // 3
        busy = turn(most_rounds);  // 4, 5
    }
}

// How long this turn may wait for a completion.
Duration RingLoop::patience(bool busy) {
    if (busy || own_first_ != nullptr) return Duration::zero();
    auto wait = longest_wait;
    if (const auto next = timers().next(); next != no_deadline) {
        wait = std::min<Duration>(wait, next - clock_.mono());
        if (wait <= Duration::zero()) return Duration::zero();
    }
    return mailbox_.prepare_to_sleep() ? wait : Duration::zero();
}

bool RingLoop::quiet() const {
    return gate().inside() == 0 && jobs_out_ == 0 && own_first_ == nullptr && overflowing_ == 0 &&
           ready().empty();
}

void RingLoop::judge_activity() {
    const bool quiet_now = quiet();
    if (active_ && quiet_now) {
        active_ = false;
        set_.ending.rest();
    } else if (!active_ && !quiet_now) {
        active_ = true;
        set_.ending.activate();
    }
    if (active_ || !set_.ending.reached() || set_.stopping.exchange(true)) return;
    for (const auto& other : set_.loops) other->wake_from_outside();
}

// Nothing will be waited for any more: take back what the kernel still holds.
void RingLoop::wind_down() {
    while (ring_->in_flight() > 0 || !ready().empty()) {
        ring_->cancel_all();
        ring_->submit_and_wait(100ms);
        ring_->collect();
        turn(most_rounds);
    }
    ring_->submit_and_wait(Duration::zero());
}

}  // namespace angarium::runtime
