// What session tickets are sealed with (RFC 5077, and RFC 8446 section 4.6.1). All shards of a process share one set, so each
// resumes what another has begun, and a reload hands it on. A new key every twelve hours; the one before it still opens
// tickets, which live two hours, so nobody notices. Any thread; a lock is held for a copy of a key, once a handshake.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "engine/base/time.hpp"

namespace angarium::runtime {

class TlsTicketKeys {
  public:
    struct Key {
        std::array<unsigned char, 16> name;  // in the ticket, in plain text
        std::array<unsigned char, 32> cipher, mac;
    };
    static constexpr Duration life = 12h;

    static std::shared_ptr<TlsTicketKeys> random();
    ~TlsTicketKeys();

    // The key for new tickets.
    Key newest(MonoTime now);
    // The key of this name, and whether a newer one should be used from now on. Nothing: it is not ours, or gone.
    struct Found {
        Key key;
        bool old = false;
    };
    std::optional<Found> find(std::span<const unsigned char, 16> name, MonoTime now);

  private:
    TlsTicketKeys() = default;
    void turn(MonoTime now);

    std::mutex mutex_;
    Key newest_{}, before_{};
    bool any_ = false, two_ = false;
    MonoTime made_{};  // newest_
};

}  // namespace angarium::runtime
