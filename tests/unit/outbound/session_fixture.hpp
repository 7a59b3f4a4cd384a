// A client session and its peer on a memory stream, and what the tests ask of them.
#pragma once

#include <gtest/gtest.h>

#include "engine/outbound/client_session.hpp"
#include "tests/unit/outbound/fakes.hpp"

namespace angarium::outbound::test {

using queue::Verdict;

inline const std::vector<std::string> plain{"8BITMIME", "SIZE 1000000"};
inline const std::vector<std::string> pipelining{"PIPELINING", "8BITMIME", "SIZE 1000000"};
inline const std::vector<std::string> chunking{"PIPELINING", "CHUNKING", "8BITMIME", "SIZE 1000000"};
inline const std::vector<std::string> chunking_only{"CHUNKING", "8BITMIME"};

class Session : public testing::Test {
  protected:
    ~Session() override {
        if (session) close();
    }
    bool open() {
        auto connecting = network.connect(endpoint("127.0.0.2:25"), std::nullopt, no_deadline);
        auto stream = finish(std::move(connecting), network);
        session = std::make_unique<ClientSession>(shard, *std::move(stream), options, metrics, security);
        return finish(session->open(), network, 700s);
    }
    void close() {
        finish_void(session->close(true));
        session.reset();
    }
    void finish_void(runtime::Task<void> task, Duration patience = 700s) {
        network.settle();
        for (Duration waited{}; !task.done() && waited < patience; waited += 1s) network.pass(1s, 1s);
        ASSERT_TRUE(task.done()) << "still waiting";
    }
    // One attempt; the outcome is in `outcome`.
    void send(std::unique_ptr<queue::Delivery> one) {
        attempt.begin(std::move(one), shard.now());
        queue::BlockRef first = attempt.delivery().body;
        if (!first) first = *finish(outlet.fetch(attempt.delivery(), 0), network);
        Content content{outlet, attempt.delivery(), std::move(first)};
        while (session->usable() && attempt.next_batch(options.recipients_per_transaction))
            finish_void(session->transact(attempt, content));
        loss = session->loss();
        mail_answered = session->mail_answered();
        if (loss) attempt.end_rest(*loss);
        finished = attempt.finish(shard.now());
    }
    void send(const std::vector<std::string>& recipients, std::string body = "Subject: hi\r\n\r\nhello\r\n") {
        send(delivery(recipients, std::move(body), shard.random()));
    }
    queue::Verdict verdict(std::size_t i = 0) const { return finished->outcome.results.at(i).verdict; }
    const queue::Reason& reason(std::size_t i = 0) const {
        return finished->outcome.reasons.at(finished->outcome.results.at(i).reason);
    }
    Peer& peer() { return *network.peers.back(); }
    unsigned commands(std::string_view verb) const {
        return static_cast<unsigned>(std::count_if(host.commands.begin(), host.commands.end(),
                                                   [&](const auto& line) { return line.starts_with(verb); }));
    }

    support::ManualShard shard;
    FakeNetwork network{shard};
    Behaviour& host = network.host("127.0.0.2:25");
    FakeOutlet outlet;
    metrics::Sheet metrics;
    Options options;
    Security security;
    std::unique_ptr<ClientSession> session;
    Attempt attempt;
    std::unique_ptr<queue::Delivery> finished;
    std::optional<Judgement> loss;
    bool mail_answered = false;
};

}  // namespace angarium::outbound::test
