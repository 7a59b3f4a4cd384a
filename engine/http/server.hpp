// Serves HTTP/1.1 on one shard: connections kept alive, requests one after the other, pipelined ones in order. Limits on
// connections, header, body and time; whatever a client sends ends in a response or a closed connection.
// Owning thread: the shard's.
#pragma once

#include <memory>
#include <vector>

#include "engine/http/message.hpp"
#include "engine/http/parser.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/stream.hpp"
#include "metrics/sheet.hpp"

namespace angarium::http {

struct Limits {
    unsigned connections = 64;  // further ones are closed at once
    Duration idle = 75s;        // between requests; longer than the usual minute between scrapes
    Duration request = 10s;     // from a request's first byte to its last
    Duration write = 30s;       // of one response
    Duration linger = 1s;       // after an error: until the client has read it and closed
    ParserLimits parser;
};

class Server {
  public:
    // The service and the sheet outlive the server. An Error says which address could not be had, and why.
    static Result<std::unique_ptr<Server>> listen(runtime::Shard& shard, runtime::Network& network,
                                                  const Endpoint& address, Service& service,
                                                  const Limits& limits, metrics::Sheet& sheet);

    // Accepts and serves until stop(). Called once.
    void start() { gate_.hold(accept()); }
    // No more connections; those that are open are torn down. Returns when all are gone; the server may go then.
    runtime::Task<void> stop();
    const Endpoint& local() const { return listener_->local(); }

  private:
    Server(runtime::Shard& shard, std::unique_ptr<runtime::Listener> listener, Service& service,
           const Limits& limits, metrics::Sheet& sheet);
    runtime::Task<void> accept();
    runtime::Task<void> serve(std::unique_ptr<runtime::Stream> stream);
    runtime::Task<void> converse(runtime::Stream& stream);
    // The next whole request; `more` when there will be none.
    runtime::Task<Parser::State> receive(runtime::Stream& stream, Parser& parser);
    runtime::Task<bool> send(runtime::Stream& stream, const Response& response, bool with_body,
                             bool keep_alive);
    runtime::Task<void> refuse(runtime::Stream& stream, Response response);

    runtime::Shard& shard_;
    std::unique_ptr<runtime::Listener> listener_;
    Service& service_;
    const Limits limits_;
    metrics::Sheet& sheet_;
    bool stopping_ = false;
    std::vector<runtime::Stream*> open_;
    runtime::Gate gate_;
};

}  // namespace angarium::http
