// The server's end of TLS for a peer of the tests: between the wire to the client and a wire inside, where the peer goes on
// in plain text.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/runtime/gate.hpp"
#include "engine/runtime/tls_stream.hpp"
#include "tests/support/memory_stream.hpp"

namespace angarium::outbound::test {

class TlsFront {
  public:
    // Counts how the handshake ended.
    TlsFront(std::shared_ptr<runtime::TlsContext> context, unsigned& full, unsigned& resumed,
             unsigned& failed)
        : tls_(std::move(context), std::make_unique<support::MemoryStream>(cipher_, Endpoint{}, Endpoint{})),
          plain_(std::make_unique<support::MemoryStream>(inside_, Endpoint{}, Endpoint{})) {
        gate_.hold(run(full, resumed, failed));
    }
    // The peer's: what it sends is sealed, what it reads was opened.
    const std::shared_ptr<support::Wire>& inside() { return inside_; }
    // What waits, both ways; `read` counts what was taken from outside. True: something moved.
    bool carry(support::Wire& outside, std::size_t& read) {
        bool moved = false;
        if (outside.sent.size() > read) {
            cipher_->send(outside.sent.substr(std::exchange(read, outside.sent.size())));
            moved = true;
        }
        if (cipher_->sent.size() > sent_) {
            outside.send(cipher_->sent.substr(std::exchange(sent_, cipher_->sent.size())));
            moved = true;
        }
        if (cipher_->half_closed && !std::exchange(closed_, true)) {
            outside.close();
            moved = true;
        }
        return moved;
    }
    void end() {
        tls_.abort(IoError::canceled);
        plain_->abort(IoError::canceled);
    }

  private:
    runtime::Task<void> run(unsigned& full, unsigned& resumed, unsigned& failed) {
        const auto shaken = co_await tls_.handshake(no_deadline);
        if (!shaken) {
            ++failed;
            cipher_->half_closed = true;
            co_return;
        }
        ++(tls_.facts().resumed ? resumed : full);
        auto sending = send();
        while (true) {
            const auto text = co_await tls_.read(no_deadline);
            if (!text) break;
            const auto written = co_await plain_->write(*text, no_deadline);
            if (!written) break;
        }
        plain_->abort(IoError::canceled);
        co_await sending;
    }
    runtime::Task<void> send() {
        while (true) {
            const auto text = co_await plain_->read(no_deadline);
            if (!text) break;
            const auto written = co_await tls_.write(*text, no_deadline);
            if (!written) break;
        }
        tls_.half_close();
    }

    std::shared_ptr<support::Wire> cipher_ = std::make_shared<support::Wire>();
    std::shared_ptr<support::Wire> inside_ = std::make_shared<support::Wire>();
    runtime::TlsStream tls_;
    std::unique_ptr<support::MemoryStream> plain_;
    std::size_t sent_ = 0;
    bool closed_ = false;
    runtime::Gate gate_;
};

}  // namespace angarium::outbound::test
