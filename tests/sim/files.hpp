// The journal's and the delivery log's files on the simulated disk: reads, writes and syncs take their time, may be held up for
// long, and fail when the disk says so. A shard hears of the end of an operation as an event. One thread.
#pragma once

#include "engine/runtime/file.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/world.hpp"

namespace angarium::sim {

class SimFiles final : public runtime::FileSystem {
  public:
    SimFiles(World& world, SimDisk& disk) : world_(world), disk_(disk) {}

    Result<std::unique_ptr<runtime::File>> open(const std::string& path, runtime::Access access) override;
    Result<void> create_filled(const std::string& path, std::uint64_t size,
                               const std::atomic<bool>* hurry) override;
    Result<void> create_directories(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& path) override;
    Result<void> remove(const std::string& path) override;
    Result<std::uint64_t> file_bytes(const std::string& path) override;
    Result<std::uint64_t> free_bytes(const std::string& path) override;
    Result<std::size_t> read_blocking(const std::string& path, std::uint64_t offset,
                                      std::span<std::byte> bytes) override;
    Result<void> sync_blocking(const std::string& path) override;
    Result<void> truncate_blocking(const std::string& path, std::uint64_t size) override;

    // The next synced write of a journal fails, with everything behind it.
    bool fail_next_sync = false;
    // How long a sync usually takes.
    Duration sync_time = 400us;

  private:
    class SimFile;
    World& world_;
    SimDisk& disk_;
};

}  // namespace angarium::sim
