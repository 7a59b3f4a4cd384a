// What surrounds outbound in its tests: a network of peers, names, and a queue that remembers what it is told.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dns/lookup.hpp"
#include "engine/runtime/stream.hpp"
#include "queue/carrier.hpp"
#include "tests/support/manual_shard.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/unit/outbound/peer.hpp"

namespace angarium::outbound::test {

inline Endpoint endpoint(const std::string& text) { return Endpoint::parse(text).value(); }

// Hosts by endpoint; where there is none, the connection is refused, or times out where `black_holes` says so.
class FakeNetwork final : public runtime::Network {
  public:
    explicit FakeNetwork(support::ManualShard& shard) : shard_(shard) {}
    ~FakeNetwork() override {
        for (const auto& peer : peers) peer->end();
        shard_.settle();
    }

    Behaviour& host(const std::string& at) { return hosts_[endpoint(at)]; }
    std::vector<Endpoint> black_holes;
    std::map<Endpoint, unsigned> attempts;
    std::vector<std::unique_ptr<Peer>> peers;  // in order of connection

    // Everybody talks until nobody has anything to say.
    void settle() {
        bool busy = true;
        while (busy) {
            shard_.settle();
            busy = false;
            for (std::size_t i = 0; i < peers.size(); ++i) busy = peers[i]->serve() || busy;
        }
    }
    void pass(Duration time, Duration step = 50ms) {
        for (Duration done{}; done < time; done += step) {
            shard_.advance(step);
            settle();
        }
    }

    Result<std::unique_ptr<runtime::Listener>> listen(const Endpoint&) override { return failure("none"); }
    runtime::Task<IoResult<std::unique_ptr<runtime::Stream>>> connect(Endpoint to, std::optional<IpAddress>,
                                                                      MonoTime deadline) override {
        ++attempts[to];
        if (std::find(black_holes.begin(), black_holes.end(), to) != black_holes.end()) {
            auto sleeping = shard_.sleep(deadline - shard_.now());
            co_await sleeping;
            co_return std::unexpected(IoError::timed_out);
        }
        const auto found = hosts_.find(to);
        if (found == hosts_.end()) co_return std::unexpected(IoError::refused);
        auto wire = std::make_shared<support::Wire>();
        auto stream = std::make_unique<support::MemoryStream>(wire, to, endpoint("127.0.0.1:1"));
        peers.push_back(std::make_unique<Peer>(wire, found->second));
        co_return stream;
    }

  private:
    support::ManualShard& shard_;
    std::map<Endpoint, Behaviour> hosts_;
};

class FakeNames final : public dns::Lookup {
  public:
    std::map<std::string, dns::Answer> mx, a;
    unsigned asked = 0;

    runtime::Task<dns::Answer> ask(dns::Question question) override {
        ++asked;
        const auto& zone = question.type == dns::RecordType::mx ? mx : a;
        const auto found = zone.find(question.name);
        if (found != zone.end() && question.type != dns::RecordType::aaaa) co_return found->second;
        const bool exists = mx.contains(question.name) || a.contains(question.name);
        co_return dns::Answer::failed(exists ? dns::Failure::no_data : dns::Failure::no_such_domain);
    }
    void cancel() override {}

    void set_mx(const std::string& domain, std::vector<dns::MxRecord> records) {
        dns::Answer answer;
        answer.ttl = 300s;
        answer.has_ttl = true;
        answer.exchangers = std::move(records);
        mx[domain] = answer;
    }
    void set_a(const std::string& host, const std::vector<std::string>& addresses) {
        dns::Answer answer;
        answer.ttl = 300s;
        answer.has_ttl = true;
        for (const auto& address : addresses) answer.addresses.push_back(IpAddress::parse(address).value());
        a[host] = answer;
    }
};

inline smtp::Recipient recipient(const std::string& address) {
    return {smtp::Mailbox::parse(address, smtp::Utf8::allowed).value(), smtp::Notify::unspecified,
            std::nullopt};
}

// A delivery with its body in memory.
inline std::unique_ptr<queue::Delivery> delivery(const std::vector<std::string>& recipients, std::string body,
                                                 Random& random) {
    auto made = std::make_unique<queue::Delivery>();
    made->facts.id = MessageId::make(WallTime{}, 0, ShardId{0}, random);
    made->facts.stream = "default";
    made->facts.sender = smtp::ReversePath::parse("jack@town.com").value();
    for (const auto& one : recipients) made->facts.recipients.push_back(recipient(one));
    made->facts.domain = std::string(made->facts.recipients.front().mailbox.domain());
    made->facts.size = body.size();
    made->facts.parts = 1;
    made->body = std::make_shared<queue::Block>(std::move(body), nullptr);
    return made;
}

class FakeDestination final : public queue::ReadyQueue {
  public:
    explicit FakeDestination(std::string domain) : domain_(std::move(domain)) {}
    std::string_view stream() const override { return "default"; }
    std::string_view domain() const override { return domain_; }
    std::size_t ready() const override { return waiting.size(); }
    std::unique_ptr<queue::Delivery> take() override {
        if (waiting.empty()) return nullptr;
        auto first = std::move(waiting.front());
        waiting.pop_front();
        ++taken;
        return first;
    }
    std::deque<std::unique_ptr<queue::Delivery>> waiting;
    unsigned taken = 0;

  private:
    std::string domain_;
};

struct Failed {
    std::string domain;
    queue::Verdict verdict;
    queue::Reason reason;
};

class FakeOutlet final : public queue::Outlet {
  public:
    std::map<std::string, std::unique_ptr<FakeDestination>> destinations;
    queue::Carrier* carrier = nullptr;
    std::vector<std::unique_ptr<queue::Delivery>> settled;
    std::vector<Failed> failed;
    std::map<std::string, unsigned> reached_times;
    unsigned put_backs = 0;
    unsigned fetches = 0;
    bool attempts_allowed = true;
    std::map<MessageId, std::vector<std::string>> parts;  // bodies that are not in memory
    bool disk_fails = false;
    Duration disk_takes{};

    FakeDestination& at(const std::string& domain) {
        auto& found = destinations[domain];
        if (!found) found = std::make_unique<FakeDestination>(domain);
        return *found;
    }
    void submit(std::unique_ptr<queue::Delivery> delivery) {
        auto& destination = at(delivery->facts.domain);
        destination.waiting.push_back(std::move(delivery));
        if (destination.waiting.size() == 1) carrier->ready(destination);
    }
    void forget(const std::string& domain) {
        carrier->gone(at(domain));
        destinations.erase(domain);
    }

    void settle(std::unique_ptr<queue::Delivery> delivery) override {
        const auto& outcome = delivery->outcome;
        EXPECT_EQ(outcome.results.size(), delivery->facts.recipients.size());
        for (std::size_t i = 0; i < outcome.results.size(); ++i) {
            EXPECT_EQ(outcome.results[i].recipient, i);
            EXPECT_LT(outcome.results[i].reason, outcome.reasons.size());
        }
        for (const auto& reason : outcome.reasons) EXPECT_TRUE(reason.status) << reason.text;
        const bool taken = outcome.remote_accepted;
        settled.push_back(std::move(delivery));
        if (taken && carrier != nullptr) carrier->recorded();
    }
    void put_back(std::unique_ptr<queue::Delivery> delivery) override {
        ++put_backs;
        auto& destination = at(delivery->facts.domain);
        destination.waiting.push_front(std::move(delivery));
        if (destination.waiting.size() == 1) carrier->ready(destination);
    }
    void fail(queue::ReadyQueue& destination, queue::Verdict verdict, queue::Reason reason) override {
        failed.push_back({std::string(destination.domain()), verdict, std::move(reason)});
        auto& mine = static_cast<FakeDestination&>(destination);
        mine.waiting.clear();
        carrier->gone(destination);  // in backoff
    }
    void reached(queue::ReadyQueue& destination) override {
        ++reached_times[std::string(destination.domain())];
    }
    runtime::Task<IoResult<queue::BlockRef>> fetch(const queue::Delivery& delivery,
                                                   std::uint32_t part) override {
        ++fetches;
        Yielding pause;
        co_await pause;
        auto reading = runtime::Shard::current().sleep(disk_takes);
        co_await reading;
        const auto found = parts.find(delivery.facts.id);
        if (disk_fails || found == parts.end()) co_return std::unexpected(IoError::failed);
        co_return std::make_shared<const queue::Block>(found->second.at(part), nullptr);
    }
    bool may_attempt() const override { return attempts_allowed; }

    std::size_t delivered() const { return count(queue::Verdict::delivered); }
    std::size_t deferred() const { return count(queue::Verdict::deferred); }
    std::size_t bounced() const { return count(queue::Verdict::failed); }

  private:
    struct Yielding {
        Yielding() {}
        bool await_ready() { return false; }
        void await_suspend(std::coroutine_handle<> waiter) {
            runtime::current_ready_list().push(runtime::resume_of(waiter));
        }
        void await_resume() {}
    };
    std::size_t count(queue::Verdict verdict) const {
        std::size_t found = 0;
        for (const auto& delivery : settled)
            for (const auto& result : delivery->outcome.results) found += result.verdict == verdict;
        return found;
    }
};

// A body held in parts that must be fetched.
inline std::unique_ptr<queue::Delivery> stored(std::unique_ptr<queue::Delivery> delivery, FakeOutlet& outlet,
                                               std::vector<std::string> parts) {
    delivery->body = nullptr;
    delivery->facts.parts = static_cast<std::uint32_t>(parts.size());
    delivery->facts.size = 0;
    for (const auto& part : parts) delivery->facts.size += part.size();
    outlet.parts[delivery->facts.id] = std::move(parts);
    return delivery;
}

// Starts a task and keeps it until it is done.
template <class T>
T finish(runtime::Task<T> task, FakeNetwork& network, Duration patience = 1s) {
    network.settle();
    for (Duration waited{}; !task.done() && waited < patience; waited += 50ms) network.pass(50ms);
    EXPECT_TRUE(task.done()) << "still waiting";
    auto awaiter = task.operator co_await();
    return awaiter.await_resume();
}

}  // namespace angarium::outbound::test
