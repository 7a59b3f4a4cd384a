// The whole queue on real shards, files and store, with a carrier whose other side is a seeded dice: mail of all sizes goes in
// while deliveries succeed, are deferred, fail, or find their destination dead; windows, journal and table are so small that
// everything is retired, dropped and loaded all the time. And two judges: one hears what the carrier did, one reads the delivery
// log afterwards.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/runtime/ring_shard.hpp"
#include "engine/smtp/text.hpp"
#include "queue/queue.hpp"
#include "tests/unit/queue/place.hpp"

namespace angarium::queue::whole {

using runtime::RingShard;
using runtime::Task;

constexpr unsigned domains = 12;

// What happened, over all shards and starts.
class Judge {
  public:
    // Every event also becomes a line of this file, if there is one: for processes that are killed.
    explicit Judge(int file = -1) : file_(file) {}

    void accepted(const MessageId& id, std::vector<std::string> recipients, std::string body) {
        const std::lock_guard lock(mutex_);
        for (auto& recipient : recipients) {
            say("A ", id, recipient);
            open_.insert({id, recipient});
        }
        bodies_[id] = std::move(body);
        for (const auto& recipient : recipients) recipients_.insert({id.text(), recipient});
        ++accepted_;
    }
    std::set<std::pair<std::string, std::string>> recipients() {
        const std::lock_guard lock(mutex_);
        return recipients_;
    }
    void ended(const MessageId& id, const std::string& recipient, bool bounce) {
        const std::lock_guard lock(mutex_);
        if (bounce) {  // made by the queue: it was never ours to register
            bounced_.insert(id);
            return;
        }
        say("E ", id, recipient);
        // The end may be heard before accepted() was: both count.
        if (!open_.erase({id, recipient}) && !early_.insert({id, recipient}).second)
            twice_ += id.text() + " " + recipient + "\n";
        if (twice_check_.insert({id, recipient}).second == false)
            twice_ += "again: " + id.text() + " " + recipient + "\n";
    }
    void body(const MessageId& id, const std::string& bytes) {
        const std::lock_guard lock(mutex_);
        const auto found = bodies_.find(id);
        if (found != bodies_.end() && found->second != bytes) damaged_ += id.text() + "\n";
    }
    bool has_ended(const MessageId& id, const std::string& recipient) {
        const std::lock_guard lock(mutex_);
        return twice_check_.contains({id, recipient});
    }
    bool settled() {
        const std::lock_guard lock(mutex_);
        for (const auto& early : early_) open_.erase(early);
        return open_.empty();
    }
    std::string story() {
        const std::lock_guard lock(mutex_);
        std::string out =
            std::to_string(accepted_) + " accepted, " + std::to_string(open_.size()) + " open\n";
        std::size_t lines = 0;
        for (const auto& [id, recipient] : open_)
            if (++lines <= 5) out += "open: " + id.text() + " " + recipient + "\n";
        return out + twice_ + damaged_;
    }
    bool clean() {
        const std::lock_guard lock(mutex_);
        return twice_.empty() && damaged_.empty();
    }
    std::size_t bounces() {
        const std::lock_guard lock(mutex_);
        return bounced_.size();
    }

  private:
    void say(const char* what, const MessageId& id, const std::string& recipient) {
        if (file_ < 0) return;
        const auto line = what + id.text() + " " + recipient + "\n";
        if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
    }
    const int file_;
    std::mutex mutex_;
    std::set<std::pair<MessageId, std::string>> open_, early_, twice_check_;
    std::set<std::pair<std::string, std::string>> recipients_;
    std::set<MessageId> bounced_;
    std::map<MessageId, std::string> bodies_;
    std::string twice_, damaged_;
    std::size_t accepted_ = 0;
};

// Takes what is ready, some at a time, and lets the dice decide. d0.test is dead until `healed`, d1.test does not exist if
// `forbidden`. While `asleep`, nothing is taken of any domain but new.test.
class DiceCarrier final : public Carrier {
  public:
    DiceCarrier(runtime::Shard& shard, Outlet& outlet, Judge& judge, const std::atomic<bool>& healed,
                bool forbidden, bool all_dead)
        : shard_(shard),
          outlet_(outlet),
          judge_(judge),
          healed_(healed),
          forbidden_(forbidden),
          all_dead_(all_dead) {}

    void ready(ReadyQueue& destination) override {
        ready_.insert(&destination);
        if (!std::exchange(running_, true)) gate_.hold(run());
    }
    void gone(ReadyQueue& destination) override {
        ready_.erase(&destination);
        asleep_.erase(&destination);
    }
    void sleep() { sleeps_ = true; }
    void wake() {
        sleeps_ = false;
        for (auto* const destination : std::exchange(asleep_, {})) ready(*destination);
    }
    void recorded() override {}
    Task<void> stop() {
        stopping_ = true;
        co_await gate_.closed();
    }

  private:
    Task<void> run() {
        co_await shard_.sleep(1ms);
        while (!ready_.empty() && !stopping_) {
            auto* const destination =
                *std::next(ready_.begin(), static_cast<long>(shard_.random().below(ready_.size())));
            if (sleeps_ && destination->domain() != "new.test") {
                ready_.erase(destination);
                asleep_.insert(destination);
                continue;
            }
            if (!healed_ && (all_dead_ || destination->domain() == "d0.test")) {
                ready_.erase(destination);
                outlet_.fail(*destination, Verdict::deferred, {0, {4, 4, 1}, "dead"});
                continue;
            }
            if (forbidden_ && destination->domain() == "d1.test") {
                ready_.erase(destination);
                outlet_.fail(*destination, Verdict::failed, {0, {5, 1, 2}, "no such domain"});
                continue;
            }
            auto delivery = destination->take();
            if (destination->ready() == 0) ready_.erase(destination);
            if (!delivery) continue;
            if (shard_.random().below(20) == 0) {
                outlet_.put_back(std::move(delivery));
                co_await shard_.sleep(1ms);
                continue;
            }
            if (shard_.random().below(4) == 0)
                gate_.hold(attempt(std::move(delivery), destination, 2ms));
            else
                gate_.hold(attempt(std::move(delivery), destination, 0ms));
            if (shard_.random().below(16) == 0) co_await shard_.sleep(1ms);
        }
        running_ = false;
    }

    Task<void> attempt(std::unique_ptr<Delivery> delivery, ReadyQueue* destination, Duration pause) {
        if (pause.count() > 0) co_await shard_.sleep(pause);
        std::string body;
        bool whole = true;
        for (std::uint32_t part = 0; part < delivery->facts.parts; ++part) {
            const auto block = co_await outlet_.fetch(*delivery, part);
            if (!block)
                whole = false;
            else
                body += (*block)->bytes();
        }
        auto& outcome = delivery->outcome;
        outcome.reasons = {{250, {2, 0, 0}, "ok"}, {451, {4, 2, 0}, "later"}, {550, {5, 1, 1}, "no"}};
        const bool bounce = delivery->facts.sender.is_null();
        EXPECT_TRUE(whole) << delivery->facts.id.text() << " cannot be read";
        EXPECT_EQ(body.size(), delivery->facts.size);
        if (whole && !bounce) {
            judge_.body(delivery->facts.id, body);
            // A head in capitals, a text of one letter, a line end.
            const auto text = std::string_view(body).substr(body.find_first_not_of(smtp::to_upper(body[0])));
            EXPECT_TRUE(text.ends_with("\r\n") &&
                        text.find_first_not_of(smtp::to_lower(body[0])) == text.size() - 2)
                << "damaged";
        }
        for (std::size_t i = 0; i < delivery->facts.recipients.size(); ++i) {
            const auto dice = whole ? shard_.random().below(healed_ ? 20 : 10) : 1;
            const auto verdict = dice == 1   ? Verdict::deferred
                                 : dice == 2 ? Verdict::failed
                                             : Verdict::delivered;
            outcome.results.push_back(
                {static_cast<std::uint16_t>(i), verdict, static_cast<std::uint16_t>(verdict)});
            if (verdict != Verdict::deferred)
                judge_.ended(delivery->facts.id, delivery->facts.recipients[i].mailbox.text(), bounce);
            outcome.remote_accepted |= verdict == Verdict::delivered;
        }
        if (ready_.contains(destination)) outlet_.reached(*destination);
        outlet_.settle(std::move(delivery));
    }

    runtime::Shard& shard_;
    Outlet& outlet_;
    Judge& judge_;
    const std::atomic<bool>& healed_;
    const bool forbidden_;
    std::set<ReadyQueue*> ready_;
    std::set<ReadyQueue*> asleep_;
    bool running_ = false, stopping_ = false, sleeps_ = false;
    const bool all_dead_;
    runtime::Gate gate_;
};

// All shards wait for one another without blocking.
struct Meeting {
    explicit Meeting(unsigned shards_) : shards(shards_) {}
    const unsigned shards;
    std::atomic<unsigned> arrived = 0;
    Task<void> meet(runtime::Shard& shard) {
        ++arrived;
        while (arrived < shards) co_await shard.sleep(1ms);
    }
};

struct Scenario {
    unsigned shards = 1;
    std::uint64_t seed = 0;
    unsigned messages = 100;   // of each of eight clients on each shard
    bool heal = false;         // d0.test lives
    bool forbidden = false;    // d1.test fails for good
    bool all_dead = false;     // so does no domain live until healed, not only d0.test
    bool newcomer = false;     // nothing is taken until, behind windows full of old mail, a new domain's was
    bool until_empty = false;  // else until the judge has heard of every end
    unsigned until_deferred = 0;  // or until so many recipients were put off
    bool until_retired = false;   // or until something was
    Duration patience = 150s;     // when to stop at the latest
    Duration lifetime = 1h;
    std::size_t window = 16, in_all = 48;
    std::size_t young = 1'000'000;
    std::uint64_t journal = 32u << 20;  // of each shard
    Duration settled_age = 30s;
    std::size_t longest = 700'000;  // bytes of the largest bodies
    unsigned clients = 8;           // on each shard
    std::size_t body_memory = 4u << 20;
    bool bulk = false;           // bodies of 200 KB, and a large one so slow that its parts get in the way
    unsigned exit_on_alarm = 0;  // leave the process with this status a while after an alarm
};

// One start of the queue, from open to close.
class Start {
  public:
    Start(const std::string& path, const Scenario& scenario, Judge& judge)
        : Start(path, scenario, scenario.shards, judge) {}

    void go() {
        set_->run([this](RingShard& shard) { return main(shard); });
    }
    std::uint64_t total(metrics::Count id) { return registry_.total(id); }
    std::size_t most_held() const { return most_held_; }

  private:
    Start(const std::string& path, const Scenario& scenario, unsigned shards, Judge& judge)
        : scenario_(scenario),
          seed_(scenario.seed),
          judge_(judge),
          messages_(scenario.messages),
          healed_(scenario.heal),
          patience_(scenario.patience),
          empty_(shards),
          registry_(shards),
          appliers_(runtime::make_thread_workers(1, "w")),
          readers_(runtime::make_thread_workers(2, "r")),
          prepared_(shards),
          started_(shards),
          fed_(shards),
          stopped_(shards),
          closed_(shards),
          ended_(shards) {
        auto set = runtime::ShardSet::create(shards, clock_, {}, false);
        EXPECT_TRUE(set) << set.error().text;
        set_ = std::move(*set);
        StoreOptions store;
        store.path = path + "/store";
        store.memory = 16u << 20;
        auto opened = open_rocks_store(store);
        EXPECT_TRUE(opened) << opened.error().text;
        QueueOptions options;
        options.path = path;
        options.log_directory = path + "/log";
        options.hostname = "relay.test";
        options.journal_bytes = shards * scenario.journal;
        options.segment_bytes = 8u << 20;
        options.body_memory = scenario.body_memory;
        options.retry = {20ms, 1.5, 100ms, 0.2, scenario.lifetime};
        options.window.per_destination = scenario.window;
        options.window.probe = 2;
        options.window.in_all = shards * scenario.in_all;
        options.young_messages = scenario.young;
        options.settled_age = scenario.settled_age;
        options.alarm = [this](std::string text) {
            if (scenario_.exit_on_alarm == 0) ADD_FAILURE() << text;
            alarmed_ = true;
        };
        auto queues = QueueSet::open(options, shards, set_->files(), std::move(*opened), *appliers_,
                                     *readers_, registry_);
        EXPECT_TRUE(queues) << queues.error().text;
        queues_ = std::move(*queues);
    }
    Task<void> main(RingShard& shard) {
        if (index(shard.id()) == 0) {
            const auto prepared = co_await queues_->prepare(shard);
            EXPECT_TRUE(prepared) << prepared.error().text;
        }
        co_await prepared_.meet(shard);
        const auto started = queues_->start(shard);
        EXPECT_TRUE(started) << started.error().text;
        auto& queue = queues_->of(shard.id());
        DiceCarrier carrier(shard, queue.outlet(), judge_, healed_, scenario_.forbidden, scenario_.all_dead);
        queue.owner().carry_with(carrier);
        if (scenario_.newcomer) carrier.sleep();
        co_await started_.meet(shard);
        queues_->begin(shard);
        runtime::Gate clients;
        for (unsigned client = 0; client < scenario_.clients; ++client)
            clients.hold(feed(shard, queue.intake(), seed_ * 100 + client));
        if (scenario_.bulk) clients.hold(feed_slowly(shard, queue.intake()));
        if (scenario_.newcomer) clients.hold(come_new(shard, queue, carrier));
        if (scenario_.exit_on_alarm != 0) shard.gate().hold(leave_after_alarm(shard));
        co_await clients.closed();
        co_await fed_.meet(shard);
        const auto deadline = shard.now() + patience_;
        // Letters may be under way while everything looks empty: it must look so for a while.
        for (int quiet = 0; quiet < 10 && shard.now() < deadline; ++quiet) {
            if (!finished(shard)) quiet = 0;
            co_await shard.sleep(5ms);
        }
        queue.origin().stop_intake();
        queue.owner().stop();
        co_await carrier.stop();
        co_await stopped_.meet(shard);
        co_await queues_->close_owner(shard);
        co_await closed_.meet(shard);
        co_await queues_->close_origin(shard);
        co_await ended_.meet(shard);
    }

    bool finished(RingShard& shard) {
        if (scenario_.until_deferred != 0)
            return registry_.total(metrics::Count::recipients_deferred) >= scenario_.until_deferred;
        if (scenario_.until_retired) return registry_.total(metrics::Count::messages_retired) > 0;
        if (!scenario_.until_empty) return judge_.settled();
        auto& queue = queues_->of(shard.id());
        most_held_ = std::max(most_held_.load(), queue.owner().held());
        empty_[index(shard.id())] = queue.owner().held() == 0 && queue.origin().young_messages() == 0;
        return std::all_of(empty_.begin(), empty_.end(), [](const auto& empty) { return empty.load(); }) &&
               queues_->store().totals().messages == 0;
    }

    Task<void> feed(RingShard& shard, Intake& intake, std::uint64_t seed) {
        Random random(seed + index(shard.id()) * 1000);
        for (unsigned n = 0; n < messages_; ++n) {
            const auto dice = random.below(40);
            const std::size_t size = scenario_.bulk ? 200'000
                                     : dice == 0    ? scenario_.longest
                                     : dice == 1 ? part_size - 300  // only its head makes it more than a part
                                     : dice < 4  ? 100'000
                                                 : 200 + random.below(4000);
            auto incoming = intake.open(size);
            if (!incoming) {
                co_await shard.sleep(5ms);
                continue;
            }
            const auto letter = static_cast<char>('a' + n % 26);
            std::string head(random.below(3) == 0 ? 700 : 0, smtp::to_upper(letter));
            std::string body(size, letter);
            body += "\r\n";
            bool refused = false;
            for (std::size_t at = 0; at < body.size() && !refused; at += 16384) {
                if ((*incoming)->push(std::string_view(body).substr(at, 16384))) continue;
                const auto room = co_await (*incoming)->room();
                refused = !room;
            }
            smtp::Envelope envelope;
            envelope.sender = smtp::ReversePath(*smtp::Mailbox::parse("jack@sender.test"));
            std::vector<std::string> recipients;
            const auto count = 1 + random.below(4);
            for (std::uint64_t i = 0; i < count; ++i) {
                recipients.push_back("r" + std::to_string(i) + "@d" + std::to_string(random.below(domains)) +
                                     ".test");
                envelope.recipients.push_back({*smtp::Mailbox::parse(recipients.back()), {}, {}});
            }
            if (refused || random.below(30) == 0) continue;  // the client goes away
            if (!head.empty()) (*incoming)->head(head);
            body.insert(0, head);
            EXPECT_EQ((*incoming)->size(), body.size());
            Trace trace{"127.0.0.1:1", "client", "ESMTP"};  // named: g++ 12 destroys a braced temporary twice
            const auto durable = co_await (*incoming)->commit(std::move(envelope), std::move(trace));
            if (durable) judge_.accepted(durable->id(), std::move(recipients), std::move(body));
        }
    }

    // A megabyte, a part at a time.
    Task<void> feed_slowly(RingShard& shard, Intake& intake) {
        auto incoming = intake.open(1 << 20);
        if (!incoming) {
            ADD_FAILURE() << "refused";
            co_return;
        }
        for (int part = 0; part < 4; ++part) {
            if (!(*incoming)->push(std::string(part_size, 'x'))) {
                const auto room = co_await (*incoming)->room();
                EXPECT_TRUE(room);
            }
            co_await shard.sleep(500ms);
        }
        (*incoming)->push("\r\n");
        (*incoming)->head(std::string(2000, 'X'));
        smtp::Envelope envelope;
        envelope.sender = smtp::ReversePath(*smtp::Mailbox::parse("jack@sender.test"));
        envelope.recipients.push_back({*smtp::Mailbox::parse("slow@d5.test"), {}, {}});
        Trace trace{"127.0.0.1:1", "client", "ESMTP"};
        const auto durable = co_await (*incoming)->commit(std::move(envelope), std::move(trace));
        EXPECT_TRUE(durable);
        if (durable)
            judge_.accepted(durable->id(), {"slow@d5.test"},
                            std::string(2000, 'X') + std::string(1 << 20, 'x') + "\r\n");
    }

    // When old mail fills the windows and nothing moves any more.
    Task<void> come_new(RingShard& shard, Queue& queue, DiceCarrier& carrier) {
        const auto deadline = shard.now() + 100s;
        std::size_t held = 0;
        for (int still = 0; still < 100 && shard.now() < deadline; ++still) {
            if (const auto now = queue.owner().held();
                now < scenario_.in_all * 7 / 8 || std::exchange(held, now) != now)
                still = 0;
            co_await shard.sleep(1ms);
        }
        EXPECT_LT(shard.now(), deadline) << "the windows hold " << held << " and do not come to rest";
        auto incoming = queue.intake().open(100);
        if (!incoming || !(*incoming)->push(std::string(100, 'n') + "\r\n")) {
            ADD_FAILURE() << "refused";
            co_return;
        }
        smtp::Envelope envelope;
        const std::string recipient = "somebody@new.test";
        envelope.sender = smtp::ReversePath(*smtp::Mailbox::parse("jack@sender.test"));
        envelope.recipients.push_back({*smtp::Mailbox::parse(recipient), {}, {}});
        Trace trace{"127.0.0.1:1", "client", "ESMTP"};
        const auto durable = co_await (*incoming)->commit(std::move(envelope), std::move(trace));
        if (!durable) {
            ADD_FAILURE() << "not accepted";
            co_return;
        }
        judge_.accepted(durable->id(), {recipient}, std::string(100, 'n') + "\r\n");
        const auto patience = shard.now() + 60s;
        while (!judge_.has_ended(durable->id(), recipient) && shard.now() < patience)
            co_await shard.sleep(1ms);
        EXPECT_TRUE(judge_.has_ended(durable->id(), recipient)) << "it waits behind " << held << " old ones";
        carrier.wake();
    }

    Task<void> leave_after_alarm(RingShard& shard) {
        while (!alarmed_) co_await shard.sleep(1ms);
        co_await shard.sleep(200ms);  // whoever gets an answer now gets the wrong one
        std::_Exit(static_cast<int>(scenario_.exit_on_alarm));
    }

    const Scenario scenario_;
    const std::uint64_t seed_;
    Judge& judge_;
    const unsigned messages_;
    std::atomic<bool> healed_;
    const Duration patience_;
    std::vector<std::atomic<bool>> empty_;
    std::atomic<bool> alarmed_ = false;
    std::atomic<std::size_t> most_held_ = 0;  // roughly: of any shard, now and then
    runtime::SystemClock clock_;
    metrics::Registry registry_;
    std::unique_ptr<runtime::Workers> appliers_, readers_;
    std::unique_ptr<runtime::ShardSet> set_;
    std::unique_ptr<QueueSet> queues_;
    Meeting prepared_, started_, fed_, stopped_, closed_, ended_;
};

// What the delivery log says: every end of every recipient, by the events' numbers (a repeated line has the same number).
struct LogJudge {
    using Recipient = std::pair<std::string, std::string>;  // message, mailbox
    std::map<Recipient, std::set<std::string>> ends;
    std::map<std::string, unsigned> of_type;
    std::set<std::string> failed, told;  // messages with a failed recipient; messages that a bounce is about
    std::string complaints;

    explicit LogJudge(const std::string& directory) {
        for (const auto& file : std::filesystem::directory_iterator(directory)) {
            std::ifstream lines(file.path());
            for (std::string line; std::getline(lines, line);) read(line);
        }
    }
    void read(const std::string& line) {
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_discarded()) {
            complaints += "not JSON: " + line + "\n";
            return;
        }
        const std::string type = json["type"];
        ++of_type[type];
        if (type == "bounce") told.insert(json["about"].get<std::string>());
        if (type != "delivery" && type != "failure" && type != "expiration") return;
        const std::string sender = json.value("sender", "");
        if (sender.empty() || sender == "<>") return;  // a bounce's own end
        const std::string id = json["id"];
        if (type != "delivery") failed.insert(id);
        auto& events = ends[{id, json["recipient"].get<std::string>()}];
        events.insert(json["event"].get<std::string>());
        if (events.size() == 2) complaints += "ended twice: " + line + "\n";
    }
    // Complaints about these recipients of accepted messages.
    std::string about(const std::set<Recipient>& accepted) {
        auto out = complaints;
        for (const auto& recipient : accepted)
            if (!ends.contains(recipient)) out += "lost: " + recipient.first + " " + recipient.second + "\n";
        for (const auto& id : failed)
            if (!told.contains(id)) out += "no bounce about " + id + "\n";
        return out.substr(0, 2000);
    }
};

}  // namespace angarium::queue::whole
