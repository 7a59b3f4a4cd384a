// Simulated clients: they submit mail in every way that SMTP knows, in a hurry, slowly, many at once, read their replies late, close
// their half of the connection behind the last message, break off, or talk nonsense;
// and they tell the judge what they sent and what they heard. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/dialogue.hpp"
#include "tests/sim/judge.hpp"
#include "tests/sim/network.hpp"

namespace angarium::sim {

// What all clients of a world share.
struct ClientSettings {
    std::vector<std::string> domains;  // of recipients
    std::vector<std::string> senders;  // "" is the null sender
    unsigned messages = 20;            // of each client
    Duration pause = 1s;               // usually, between two messages
    std::size_t largest = 20'000;      // bytes of a body, usually far fewer
    double bulky = 0.02;               // messages of several parts
    double hostile = 0.1;              // sessions that misbehave
    double lazy = 0.0;                 // sessions that read their replies late
    // Whether the relay has last been told to take mail from clients, and when; a session keeps what it began with.
    bool allowed = true;
    MonoTime told{};
};

class Client {
  public:
    Client(World& world, Judge& judge, SimShard& shard, SimNetwork& network, const ClientSettings& settings,
           unsigned number)
        : world_(world),
          judge_(judge),
          shard_(shard),
          network_(network),
          settings_(settings),
          number_(number) {}

    // Sends all its messages, over as many sessions as it takes.
    runtime::Task<void> run();
    bool done() const { return done_; }

  private:
    struct Session;
    struct Reply {
        unsigned code = 0;
        std::string text;
    };
    // `began`: when it began to connect.
    runtime::Task<void> converse(Session& session, MonoTime began);
    runtime::Task<void> misbehave(Session& session);
    runtime::Task<std::optional<Reply>> reply(Session& session, const char* to);
    runtime::Task<bool> say(Session& session, std::string text);
    runtime::Task<bool> one_by_one(Session& session, Judge::Mail mail);
    runtime::Task<bool> pipelined(Session& session, Judge::Mail mail);
    runtime::Task<bool> burst(Session& session);
    runtime::Task<bool> final_reply(Session& session, const std::string& token, std::size_t accepted);
    Judge::Mail compose();
    std::string mail_from(const Judge::Mail& mail);
    bool may_be(const Reply& reply, std::initializer_list<unsigned> codes, const char* to);
    // As reply to RCPT. `taken`: MAIL was.
    bool recipient_may_be(const Session& session, const Reply& reply, bool taken);

    World& world_;
    Judge& judge_;
    SimShard& shard_;
    SimNetwork& network_;
    const ClientSettings& settings_;
    const unsigned number_;
    unsigned sent_ = 0;
    bool done_ = false;
};

}  // namespace angarium::sim
