// Keeps part of the disk free: looks every second or so how much is left, and while it is less than the reserve nothing more is taken
// in. What has been accepted still moves into the store, is delivered and recorded, so a reserve of the journals' size is enough
// for all of it. Mail is taken again when an eighth more is free, so that the border does not flicker.
//
// Owning thread: shard 0's; any may ask touched(). Errors: what the file system does not tell leaves everything as it was.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "engine/runtime/event.hpp"
#include "engine/runtime/file.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/task.hpp"
#include "engine/runtime/workers.hpp"

namespace angarium::queue {

class DiskReserve {
  public:
    // `bytes` of the file system that holds `path`; 0: none are kept. `alarm` is told when it is touched; from any thread.
    DiskReserve(runtime::FileSystem& files, std::string path, std::uint64_t bytes,
                std::function<void(std::string)> alarm);

    bool touched() const { return touched_.load(std::memory_order_relaxed); }
    void look();  // blocks
    // Looks until stop().
    runtime::Task<void> watch(runtime::Shard& shard, runtime::Workers& workers);
    void stop();

  private:
    static constexpr Duration pause = 1s;
    class Look;

    runtime::FileSystem& files_;
    const std::string path_;
    const std::uint64_t bytes_;
    const std::function<void(std::string)> alarm_;
    std::atomic<bool> touched_ = false;
    bool stopping_ = false;
    runtime::Event wake_;
};

}  // namespace angarium::queue
