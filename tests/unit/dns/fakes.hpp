// A shard on a clock that the test moves, and a Lookup that answers from a table.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/lookup.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/shard.hpp"
#include "metrics/sheet.hpp"

namespace angarium::dns::test {

class ManualClock final : public Clock {
  public:
    MonoTime mono() override { return now; }
    WallTime wall() override {
        return WallTime{} + duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    }
    MonoTime now{1h};
};

class TestShard final : public runtime::Shard {
  public:
    explicit TestShard(ManualClock& clock) : Shard(ShardId{0}, 1, clock, Random(1)), clock_(clock) {
        enter();
    }
    ~TestShard() override { leave(); }
    void send(ShardId, std::unique_ptr<runtime::Letter> letter) override { letter.release()->arrive(); }
    bool congested(ShardId) const override { return false; }

    // Runs what is ready now.
    void run() {
        while (turn(1000)) {
        }
    }
    // Lets time pass in steps that no timer of the tests can jump over.
    void pass(Duration time, Duration step = 100ms) {
        for (const auto end = clock_.now + time; clock_.now < end;) {
            clock_.now = std::min(end, clock_.now + step);
            run();
        }
    }

  private:
    ManualClock& clock_;
};

class FakeLookup final : public Lookup {
  public:
    explicit FakeLookup(TestShard& shard) : shard_(shard) {}

    runtime::Task<Answer> ask(Question question) override {
        asked.push_back(question);
        if (canceled_) co_return Answer::failed(Failure::canceled);
        if (hold) {
            held_.emplace_back();
            auto& event = held_.back();
            auto waiting = event.wait();
            co_await waiting;
            if (canceled_) co_return Answer::failed(Failure::canceled);
        }
        if (delay > Duration{}) {
            auto sleeping = shard_.sleep(delay);
            co_await sleeping;
        }
        co_return answer(question);
    }
    void cancel() override {
        canceled_ = true;
        release_all();
    }
    // Lets the held questions go on, in their order; those that come later are held anew.
    void release_all() {
        while (released_ != held_.size()) std::next(held_.begin(), static_cast<long>(released_++))->signal();
    }
    void release_one() { std::next(held_.begin(), static_cast<long>(released_++))->signal(); }

    std::size_t times_asked(std::string_view name, RecordType type) const {
        std::size_t times = 0;
        for (const auto& question : asked) times += question.name == name && question.type == type;
        return times;
    }

    // ── the zone ──
    Answer& set(const std::string& name, RecordType type, Answer answer) {
        return zone[{name, type}] = std::move(answer);
    }
    void mx(const std::string& name, std::vector<MxRecord> records, std::chrono::seconds ttl = 300s) {
        Answer answer = positive(name, ttl);
        answer.exchangers = std::move(records);
        set(name, RecordType::mx, std::move(answer));
    }
    void a(const std::string& name, std::vector<std::string> addresses, std::chrono::seconds ttl = 300s) {
        put_addresses(name, RecordType::a, addresses, ttl);
    }
    void aaaa(const std::string& name, std::vector<std::string> addresses, std::chrono::seconds ttl = 300s) {
        put_addresses(name, RecordType::aaaa, addresses, ttl);
    }
    void fail(const std::string& name, RecordType type, Failure why) { set(name, type, Answer::failed(why)); }

    std::vector<Question> asked;
    std::map<std::pair<std::string, RecordType>, Answer> zone;
    std::optional<Failure> everything_fails;
    Failure unknown_names =
        Failure::no_such_domain;  // when the name stands in the zone with another type: no data
    std::chrono::seconds negative_ttl = 60s;
    Duration delay{};
    bool hold = false;

  private:
    static Answer positive(const std::string& name, std::chrono::seconds ttl) {
        Answer answer;
        answer.canonical = name;
        answer.ttl = ttl;
        answer.has_ttl = true;
        return answer;
    }
    void put_addresses(const std::string& name, RecordType type, const std::vector<std::string>& addresses,
                       std::chrono::seconds ttl) {
        Answer answer = positive(name, ttl);
        for (const auto& address : addresses) answer.addresses.push_back(IpAddress::parse(address).value());
        set(name, type, std::move(answer));
    }
    Answer answer(const Question& question) const {
        if (everything_fails) return Answer::failed(*everything_fails);
        const auto found = zone.find({question.name, question.type});
        if (found != zone.end()) return found->second;
        Answer negative = Answer::failed(unknown_names);
        for (const auto& [key, unused] : zone)
            if (key.first == question.name) negative.failure = Failure::no_data;
        negative.canonical = question.name;
        negative.ttl = negative_ttl;
        negative.has_ttl = true;
        return negative;
    }

    TestShard& shard_;
    std::list<runtime::Event> held_;
    std::size_t released_ = 0;
    bool canceled_ = false;
};

// Runs a task in the background and keeps its result.
template <class T>
class Running {
  public:
    explicit Running(runtime::Task<T> task) : task_(std::move(task)) { gate_.hold(wait()); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    bool done() const { return result_.has_value(); }
    const T& operator*() const { return *result_; }
    const T* operator->() const { return &*result_; }

  private:
    runtime::Task<void> wait() { result_.emplace(co_await task_); }
    runtime::Task<T> task_;
    std::optional<T> result_;
    runtime::Gate gate_;
};

}  // namespace angarium::dns::test
