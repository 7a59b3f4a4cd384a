// How many connections are open, in all and per client address: the one thing that inbound's shards share. It is touched
// when a connection opens or closes, never per message; clients in relay networks take no lock. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/base/endpoint.hpp"

namespace angarium::inbound {

enum class ConnectionRefusal : std::uint8_t { total, address };

class Connections {
  public:
    Connections(std::size_t total, std::size_t per_address);
    ~Connections();

    // Counts a connection, or says which limit it would break. `exempt`: a client in a relay network, for which there is no
    // limit per address; and the last tenth of all is for these, whatever strangers do. Each success is ended by one close()
    // with the same arguments.
    std::optional<ConnectionRefusal> open(const IpAddress& client, bool exempt);
    void close(const IpAddress& client, bool exempt);

    std::size_t count() const { return count_.load(std::memory_order_relaxed); }
    // Nine tenths of all are taken: sessions lose patience sooner.
    bool pressed() const { return count() >= nine_tenths(); }

  private:
    std::size_t nine_tenths() const { return total_ - total_ / 10; }
    struct PerAddress;
    const std::size_t total_, per_address_;
    std::atomic<std::size_t> count_{0};
    std::unique_ptr<PerAddress> addresses_;
};

}  // namespace angarium::inbound
