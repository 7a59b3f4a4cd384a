// What crosses shards: a value that is owned by one shard at a time. It is sent whole, arrives on the other shard's
// thread, and whoever holds it frees it; owned things go home to die. Lanes are first in, first out.
#pragma once

#include <memory>

namespace angarium::runtime {

class Letter {
  public:
    virtual ~Letter() = default;
    // Runs on the receiving shard's thread. The receiver owns *this now: it takes what it needs and frees or keeps it.
    virtual void arrive() = 0;

  private:
    friend class Lane;
    friend class Mailbox;
    friend class RingLoop;
    Letter* next_ = nullptr;
};

}  // namespace angarium::runtime
