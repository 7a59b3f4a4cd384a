// Breaker: tells dead name servers from names whose own servers are silent. A timeout alone says nothing: a resolver may
// be busy with somebody's black hole. So a run of questions without any reply only raises a suspicion; then a question
// that every living server answers at once (the root's NS) is the judge.
//
//   trusted --suspect_after silent questions in a row--> suspect --probe silent--> dead
//   suspect, dead --any reply--> trusted
//
// While dead, no question is sent but the probe, every probe_every. Pure; owning thread: the shard's.
#pragma once

#include <cstdint>

namespace angarium::dns {

class Breaker {
  public:
    enum class State : std::uint8_t { trusted, suspect, dead };

    explicit Breaker(unsigned suspect_after) : suspect_after_(suspect_after) {}

    State state() const { return state_; }
    bool dead() const { return state_ == State::dead; }

    // A server replied, whatever it said.
    void replied();
    // A question ended in silence. True: begin probing.
    bool silent();
    // A probe ended in silence: the servers are dead, probe again later. Ignored if a reply came meanwhile.
    void probe_silent();

  private:
    unsigned suspect_after_;
    unsigned silent_in_a_row_ = 0;
    State state_ = State::trusted;
};

}  // namespace angarium::dns
