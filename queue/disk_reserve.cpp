#include "queue/disk_reserve.hpp"

#include <fmt/format.h>

#include "engine/runtime/awaited_job.hpp"
#include "engine/runtime/timer.hpp"

namespace angarium::queue {

DiskReserve::DiskReserve(runtime::FileSystem& files, std::string path, std::uint64_t bytes,
                         std::function<void(std::string)> alarm)
    : files_(files), path_(std::move(path)), bytes_(bytes), alarm_(std::move(alarm)) {}

void DiskReserve::look() {
    if (bytes_ == 0) return;
    const auto free = files_.free_bytes(path_);
    if (!free) return;
    const bool before = touched();
    const bool now = *free < (before ? bytes_ + bytes_ / 8 : bytes_);
    touched_.store(now, std::memory_order_relaxed);
    if (now && !before && alarm_)
        alarm_(fmt::format(
            "{}: {} MiB of disk are free, less than queue.reserve ({} MiB): mail is refused with 452 "
            "until an eighth more is free; make space, or lower queue.reserve",
            path_, *free >> 20, bytes_ >> 20));
}

class DiskReserve::Look final : public runtime::AwaitedJob {
  public:
    explicit Look(DiskReserve& reserve) : reserve_(reserve) {}
    void work() override { reserve_.look(); }

  private:
    DiskReserve& reserve_;
};

runtime::Task<void> DiskReserve::watch(runtime::Shard& shard, runtime::Workers& workers) {
    if (bytes_ == 0) co_return;
    runtime::Timer next([](void* self) { static_cast<DiskReserve*>(self)->wake_.signal(); }, this);
    while (!stopping_) {
        Look look(*this);
        workers.submit(look);
        co_await look;
        if (stopping_) break;
        next.arm(shard.timers(), shard.now() + pause);
        co_await wake_.wait();
    }
}

void DiskReserve::stop() {
    stopping_ = true;
    wake_.signal();
}

}  // namespace angarium::queue
