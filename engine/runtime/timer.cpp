// The wheel's mechanics. Advancing first unhooks everything that is due, with the clock already at its new place, and
// then runs the callbacks: they may arm (also in the past: that fires in the next turn) and disarm any timer, also one
// that is due in this very turn.
#include "engine/runtime/timer.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/base/assert.hpp"

namespace angarium::runtime {

void Timer::arm(TimerWheel& wheel, MonoTime when) {
    disarm();
    if (when == no_deadline) return;
    when_ = when;
    wheel_ = &wheel;
    ++wheel.armed_;
    wheel.insert(*this);
}

void Timer::disarm() {
    if (wheel_ == nullptr) return;
    wheel_->remove(*this);
    --wheel_->armed_;
    wheel_ = nullptr;
}

TimerWheel::TimerWheel(MonoTime now) : start_(now) {}

TimerWheel::~TimerWheel() {
    for (unsigned level = 0; level < levels; ++level) {
        for (unsigned slot = 0; slot < slots; ++slot) {
            for (Timer* timer = take(level, slot); timer != nullptr;
                 timer = std::exchange(timer->next_, nullptr))
                timer->wheel_ = nullptr;
        }
    }
}

std::uint64_t TimerWheel::ticks(MonoTime when) const {
    if (when <= start_) return 0;
    const auto distance = static_cast<std::uint64_t>((when - start_).count());
    const auto length = static_cast<std::uint64_t>(tick.count());
    return std::min((distance + length - 1) / length, last_tick);
}

void TimerWheel::hang(Timer& timer, Timer*& head, std::uint16_t slot) {
    timer.next_ = head;
    timer.link_ = &head;
    timer.slot_ = slot;
    if (head != nullptr) head->link_ = &timer.next_;
    head = &timer;
}

void TimerWheel::insert(Timer& timer) {
    const auto due = std::max(ticks(timer.when_), now_);
    const auto differing = due ^ now_;
    const unsigned level =
        differing == 0 ? 0 : (63 - static_cast<unsigned>(std::countl_zero(differing))) / bits;
    const auto slot = static_cast<unsigned>(due >> (level * bits)) & (slots - 1);
    hang(timer, wheel_[level][slot], static_cast<std::uint16_t>(level * slots + slot));
    occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::remove(Timer& timer) {
    *timer.link_ = timer.next_;
    if (timer.next_ != nullptr) timer.next_->link_ = timer.link_;
    timer.next_ = nullptr;
    if (timer.slot_ == off_wheel) return;
    const unsigned level = timer.slot_ / slots, slot = timer.slot_ % slots;
    if (wheel_[level][slot] == nullptr) occupied_[level] &= ~(std::uint64_t{1} << slot);
}

Timer* TimerWheel::take(unsigned level, unsigned slot) {
    occupied_[level] &= ~(std::uint64_t{1} << slot);
    return std::exchange(wheel_[level][slot], nullptr);
}

void TimerWheel::collect(std::uint64_t target, Timer** due_tail) {
    while (true) {
        // Due now: to the end of the list, so that earlier ticks fire first.
        for (Timer* timer = take(0, static_cast<unsigned>(now_) & (slots - 1)); timer != nullptr;) {
            Timer* const next = timer->next_;
            timer->next_ = nullptr;
            hang(*timer, *due_tail, off_wheel);
            due_tail = &timer->next_;
            timer = next;
        }
        // The next slot in use: an exact tick at level 0, the start of a block to spread out at the others.
        unsigned level = 0;
        while (level < levels && occupied_[level] == 0) ++level;
        if (level == levels) break;
        const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
        const auto shift = level * bits;
        const auto next_tick = ((now_ >> (shift + bits)) << (shift + bits)) | (std::uint64_t{slot} << shift);
        if (next_tick > target) break;
        now_ = next_tick;
        if (level == 0) continue;
        for (Timer* timer = take(level, slot); timer != nullptr;) {
            Timer* const next = timer->next_;
            insert(*timer);
            timer = next;
        }
    }
    now_ = std::max(now_, target);
}

std::size_t TimerWheel::advance(MonoTime now) {
    const auto target = now <= start_ ? 0 : static_cast<std::uint64_t>((now - start_) / tick);
    Timer* due = nullptr;
    collect(target, &due);
    std::size_t fired = 0;
    while (due != nullptr) {
        Timer& timer = *due;
        timer.disarm();
        ++fired;
        timer.callback_(timer.argument_);
    }
    return fired;
}

MonoTime TimerWheel::next() const {
    const auto at = [this](std::uint64_t ticks_ahead) {
        return start_ + tick * static_cast<std::int64_t>(ticks_ahead);
    };
    for (unsigned level = 0; level < levels; ++level) {
        if (occupied_[level] == 0) continue;
        const auto shift = level * bits;
        const auto slot = static_cast<std::uint64_t>(std::countr_zero(occupied_[level]));
        return at(((now_ >> (shift + bits)) << (shift + bits)) | (slot << shift));
    }
    return no_deadline;
}

}  // namespace angarium::runtime
