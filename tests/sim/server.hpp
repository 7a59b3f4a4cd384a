// Simulated servers: they take mail for the simulated domains, or do not: they defer, refuse, stall, talk nonsense, and break off at
// every stage of the dialogue, before and after the message is theirs. They tell the judge what arrived. One thread.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/dialogue.hpp"
#include "tests/sim/judge.hpp"
#include "tests/sim/network.hpp"

namespace angarium::sim {

// How servers behave at the moment: probabilities for each reply.
struct Temper {
    double defer = 0, refuse = 0, close = 0, hang_up = 0, nonsense = 0, slow = 0;
    double inject = 0;      // replies that nobody has asked for
    double forget = 0;      // the message is taken, and the connection breaks before the 250 is said
    double refuse_all = 0;  // 5xx where it concerns every recipient of the session: greeting, MAIL
};

class MailServer {
  public:
    // `offers`: the extensions it announces.
    struct Offers {
        bool ehlo = true, pipelining = true, chunking = true, size = true, eight_bit = true, smtputf8 = true;
    };
    MailServer(World& world, Judge& judge, SimShard& shard, SimNetwork& network, const Temper& temper,
               Endpoint at, Offers offers)
        : world_(world),
          judge_(judge),
          shard_(shard),
          network_(network),
          temper_(temper),
          at_(at),
          offers_(offers) {}

    void start();

  private:
    struct Session;
    runtime::Task<void> accept();
    runtime::Task<void> serve(std::unique_ptr<runtime::Stream> stream);
    runtime::Task<bool> command(Session& session, const std::string& line);
    runtime::Task<bool> content(Session& session, bool chunk, std::size_t size, bool last);
    runtime::Task<bool> end_of_message(Session& session);
    runtime::Task<bool> answer(Session& session, std::string text);
    runtime::Task<bool> flush(Session& session);
    // A bad reply instead of a good one, if the dice say so. Empty: be good.
    std::string mood(Session& session, bool concerns_all);
    void condemn(Session& session);

    World& world_;
    Judge& judge_;
    SimShard& shard_;
    SimNetwork& network_;
    const Temper& temper_;
    const Endpoint at_;
    const Offers offers_;
    std::unique_ptr<runtime::Listener> listener_;
};

}  // namespace angarium::sim
