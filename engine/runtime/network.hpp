// The Network of a shard: TCP listeners and outgoing connections on its ring. Owning thread: the shard's.
#pragma once

#include "engine/runtime/context.hpp"
#include "engine/runtime/stream.hpp"

namespace angarium::runtime {

// Connections that the kernel holds for a listener until it takes them (bounded by net.core.somaxconn): as many may come at once.
inline constexpr int listen_backlog = 1024;

class TcpNetwork final : public Network {
  public:
    explicit TcpNetwork(IoContext& context) : context_(context) {}
    Result<std::unique_ptr<Listener>> listen(const Endpoint& endpoint) override;
    Task<IoResult<std::unique_ptr<Stream>>> connect(Endpoint to, std::optional<IpAddress> source,
                                                    MonoTime deadline) override;

  private:
    IoContext& context_;
};

}  // namespace angarium::runtime
