// Budget: how many outbound connections a shard may have. Sites that have not proven themselves by a finished transaction
// share at most half of it, so that thousands of black holes never take the room of the living.
// Owning thread: the shard's.
#pragma once

#include <algorithm>

#include "engine/base/assert.hpp"

namespace angarium::outbound {

class Budget {
  public:
    explicit Budget(unsigned most) : most_(std::max(most, 1u)) {}

    bool full() const { return used_ >= most_; }
    // A place for one connection, or false. Every place is left exactly once, as proven or unproven as it then is.
    bool enter(bool proven) {
        if (full() || (!proven && unproven_ >= std::max(most_ / 2, 1u))) return false;
        ++used_;
        if (!proven) ++unproven_;
        return true;
    }
    void leave(bool proven) {
        ANGARIUM_ASSERT(used_ > 0);
        --used_;
        if (!proven) move(-1);
    }
    // A connection's site proved itself, or lost its proof.
    void prove() { move(-1); }
    void doubt() { move(1); }

    unsigned used() const { return used_; }
    unsigned unproven() const { return unproven_; }

  private:
    void move(int delta) {
        ANGARIUM_ASSERT(delta > 0 || unproven_ > 0);
        unproven_ += static_cast<unsigned>(delta);
    }
    unsigned most_, used_ = 0, unproven_ = 0;
};

}  // namespace angarium::outbound
