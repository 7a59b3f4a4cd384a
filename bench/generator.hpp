// One shard's part of the generator: its sessions, each a coroutine that keeps one connection busy. Owning thread: the
// shard's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/client_dialogue.hpp"
#include "bench/forms.hpp"
#include "bench/pacer.hpp"
#include "bench/send_run.hpp"
#include "engine/base/random.hpp"
#include "engine/runtime/ring_shard.hpp"

namespace angarium::bench {

// What the shards of a run share.
struct SendState {
    SendState(const SendOptions& options_, std::uint64_t run_)
        : options(options_),
          run(run_),
          domains(options.domains, options.domain_suffix),
          choice(options.domains, options.zipf) {}
    const SendOptions options;
    const std::uint64_t run;
    const Domains domains;
    const DomainChoice choice;
    std::unique_ptr<const Forms> forms;                     // there before the shards start
    std::vector<std::shared_ptr<runtime::TlsContext>> tls;  // of each shard; empty: no TLS
    MonoTime ends = no_deadline;                            // when no further message is begun
    alignas(128) std::atomic<std::uint64_t> claimed{0};     // messages that somebody has taken on
    alignas(128) std::atomic<std::uint64_t> numbered{0};
    std::atomic<bool> stop{false};
};

class Generator {
  public:
    Generator(SendState& state, SendTally& tally, runtime::RingShard& shard);
    // Runs so many sessions to their end. `rate`: this shard's share of an open loop, 0 for a closed one.
    runtime::Task<void> run(unsigned sessions, double rate, std::uint64_t offset);
    // Ends what is under way; on the shard's thread.
    void abort();
    const std::string& trouble() const { return trouble_; }

  private:
    // The message that a session has taken on.
    struct Ticket {
        bool held = false;
        bool failed = false;  // for at least one recipient
        bool counts = false;  // not of the warm-up
        unsigned deferrals = 0;
        std::uint64_t number = 0;
        const MessageForm* form = nullptr;
        std::uint64_t due = 0;  // open loop: monotonic nanoseconds
        std::vector<ClientDialogue::Target> targets;
    };
    runtime::Task<void> session();
    // A connection that is ready for the greeting: the one place where it is made.
    runtime::Task<IoResult<std::unique_ptr<runtime::Stream>>> connect();
    // TLS from here on: what `stream` was is beneath what it is now. False: the handshake failed.
    runtime::Task<bool> secure(std::unique_ptr<runtime::Stream>& stream);
    // True: the server greeted us and took our EHLO.
    runtime::Task<bool> converse(std::unique_ptr<runtime::Stream>& stream, ClientDialogue& dialogue,
                                 Ticket& ticket);
    bool may_begin() const;
    runtime::Task<void> rest();  // options.pause, or until all is over
    bool claim(Ticket& ticket);
    void begin(ClientDialogue& dialogue, Ticket& ticket);
    // A transaction has ended, or (`lost`) its connection has.
    void settle(Ticket& ticket, const ClientDialogue& dialogue, bool lost);
    void give_up(Ticket& ticket);

    SendState& state_;
    SendTally& tally_;
    runtime::RingShard& shard_;
    Random random_;
    std::unique_ptr<Pacer> pacer_;
    std::vector<runtime::Stream*> streams_;
    std::string trouble_;
    runtime::Gate gate_;
};

}  // namespace angarium::bench
