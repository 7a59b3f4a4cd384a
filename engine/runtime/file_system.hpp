// The kernel's file systems. Opening, making and listing block: at start-up or on a worker. Any thread; the files
// belong to the shard that uses them.
#pragma once

#include "engine/runtime/file.hpp"

namespace angarium::runtime {

class KernelFileSystem final : public FileSystem {
  public:
    Result<std::unique_ptr<File>> open(const std::string& path, Access access) override;
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
};

}  // namespace angarium::runtime
