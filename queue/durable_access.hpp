// Who may make a Durable: the journal's side of intake, and the fake queue of unit tests. Nobody else includes this.
#pragma once

#include "queue/intake.hpp"

namespace angarium::queue {

class DurableAccess {
  public:
    static Durable make(const MessageId& id) { return Durable(id); }
};

}  // namespace angarium::queue
