// Intake: the queue's face towards inbound. A message comes in through an Incoming: bytes are pushed, then it is
// committed; the commit returns a Durable once message and envelope are on disk, synced. Only the journal can make a
// Durable, and the reply that says 250 asks for one: an early acknowledgement does not compile.
// Owning thread: the shard's that opened it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>

#include "engine/base/ids.hpp"
#include "engine/base/result.hpp"
#include "engine/runtime/task.hpp"
#include "engine/smtp/envelope.hpp"

namespace angarium::queue {

// Proof that a message is on disk.
class Durable {
  public:
    const MessageId& id() const { return id_; }

  private:
    friend class DurableAccess;  // the journal's side, and the fake queue of unit tests
    explicit Durable(const MessageId& id) : id_(id) {}
    MessageId id_;
};

enum class Refusal : std::uint8_t {
    memory,   // the memory budget is used up: 452 4.3.1
    storage,  // disk or journal full: 452 4.3.1
    journal_failed,  // a write or sync failed, the outcome is unknown: no answer, drop the connection; new mail gets 421
    shutting_down,  // 421 4.3.2
};

// Facts about who sent it, for the delivery log's reception event.
struct Trace {
    std::string peer;           // "address:port"
    std::string helo;           // as given, already checked printable
    std::string protocol;       // "ESMTP", ...
    std::string tls = {};       // "TLSv1.3"; empty: none
    std::string cipher = {};    // "TLS_AES_128_GCM_SHA256"
    std::string identity = {};  // authenticated as; empty: nobody
};

class Incoming {
  public:
    virtual ~Incoming() = default;  // uncommitted: what it reserved or wrote is given back
    virtual const MessageId& id() const = 0;
    // Copies the bytes. True: go on. False: the message is larger than memory may hold, await room() before more.
    virtual bool push(std::string_view bytes) = 0;
    // Resumes when more may be pushed; a Refusal ends the message (the rest of it must still be read and dropped).
    virtual runtime::Task<std::expected<void, Refusal>> room() = 0;
    // Bytes that go in front of all that was pushed (signatures, which are known only at the end). At most once, when no
    // room() is under way, before commit; at most `part_size` of them.
    virtual void head(std::string bytes) = 0;
    virtual std::uint64_t size() const = 0;  // given so far
    // Ends the message. Completes when it is synced. Called once; the Incoming may go only after it has returned.
    // Recipients are all accepted ones; the envelope's strings are copied.
    virtual runtime::Task<std::expected<Durable, Refusal>> commit(smtp::Envelope envelope, Trace trace) = 0;
};

class Intake {
  public:
    virtual ~Intake() = default;
    // Reserves memory (and with parts, journal room) for a message of `declared` bytes (0: unknown); wall time and the
    // shard go into its id. Suspends no one: a queue without room refuses.
    virtual std::expected<std::unique_ptr<Incoming>, Refusal> open(std::uint64_t declared) = 0;
    // Would open() refuse now? For MAIL, so that the client hears it before it sends the body.
    virtual std::expected<void, Refusal> would_open(std::uint64_t declared) = 0;
};

}  // namespace angarium::queue
