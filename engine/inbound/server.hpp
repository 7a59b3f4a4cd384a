// Inbound on one shard: its listeners, and the sessions that they bring. Every shard has one Server and listens on the
// same endpoints; the kernel deals the connections out. Owning thread: the shard's.
//
// Its life: listen(), start(), then drain() and, where a deadline has passed, abort(); it may go when closed() has
// returned.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/inbound/services.hpp"
#include "engine/inbound/session.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/stream.hpp"

namespace angarium::inbound {

class Server {
  public:
    Server(Services services, runtime::Network& network);
    ~Server();

    // Binds options.listeners, or `addresses` in their stead and order: the ports that another shard got for port 0.
    // The Error names the address that could not be bound.
    Result<void> listen(std::span<const Endpoint> addresses = {});
    // What was bound, in the order of options.listeners.
    std::vector<Endpoint> addresses() const;
    // Begins to accept.
    void start();

    // No more connections; open sessions hear 421 4.3.2 when they are idle or with their next command. What is being
    // received or committed is answered first.
    void drain();
    // Tears all sessions down; what is being committed is still committed, its client does not hear of it.
    void abort();
    // Resumes when no session is left. After drain().
    runtime::Gate::ClosedAwaiter closed() { return gate_.closed(); }
    std::size_t sessions() const { return sessions_.size(); }

  private:
    runtime::Task<void> accept(std::size_t listener);
    void admit(std::unique_ptr<runtime::Stream> stream, std::size_t listener);
    runtime::Task<void> turn_away(std::unique_ptr<runtime::Stream> stream, smtp::FixedReply reply);
    runtime::Task<void> converse(std::unique_ptr<runtime::Stream> stream, std::shared_ptr<const Terms> terms,
                                 bool exempt);

    Services services_;
    runtime::Network& network_;
    std::vector<std::unique_ptr<runtime::Listener>> listeners_;
    std::list<Session> sessions_;
    std::size_t turned_away_ = 0;  // clients that may still read why
    bool draining_ = false;
    runtime::Gate gate_;
};

}  // namespace angarium::inbound
