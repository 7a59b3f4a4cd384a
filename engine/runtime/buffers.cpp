#include "engine/runtime/buffers.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>

namespace angarium::runtime {
namespace {

constexpr unsigned first_target = 128;
constexpr unsigned most_queued = 8;
// Buffers one cache line apart from a power of two: their first lines do not all compete for the same cache set.
constexpr std::size_t cache_line = 64;

}  // namespace

ReceiveBuffers::ReceiveBuffers(Ring& ring, unsigned count, unsigned size)
    : ring_(ring),
      count_(count),
      size_(size),
      stride_(size + cache_line),
      target_(std::min(count, first_target)) {
    ANGARIUM_ASSERT(std::has_single_bit(count) && count <= 32768 && size > 0);
}

ReceiveBuffers::~ReceiveBuffers() {
    if (memory_ != nullptr) ::munmap(memory_, stride_ * count_);
}

void ReceiveBuffers::make() {
    void* const memory = ::mmap(nullptr, stride_ * count_, PROT_READ | PROT_WRITE,
                                MAP_ANONYMOUS | MAP_PRIVATE | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || !ring_.register_buffers(count_)) {
        if (memory != MAP_FAILED) ::munmap(memory, stride_ * count_);
        refused_ = true;
        return;
    }
    memory_ = static_cast<char*>(memory);
    slots_.resize(count_);
    spare_.reserve(count_);
    for (unsigned id = count_; id-- > 0;) spare_.push_back(static_cast<std::uint16_t>(id));
    while (posted_ < target_) {
        post(spare_.back());
        spare_.pop_back();
    }
    publish();
}

bool ReceiveBuffers::available() {
    if (memory_ == nullptr && !refused_) make();
    return posted_ > 0;
}

unsigned ReceiveBuffers::budget() const {
    if (idle() > count_ / 2) return most_queued;
    return scarce() ? 1 : most_queued / 2;
}

void ReceiveBuffers::exhausted() {
    target_ = std::min(count_, target_ * 2);
    while (posted_ < target_ && !spare_.empty()) {
        post(spare_.back());
        spare_.pop_back();
    }
    publish();
}

void ReceiveBuffers::give_back(std::uint16_t id) {
    if (posted_ < target_)
        post(id);
    else
        spare_.push_back(id);
}

void ReceiveBuffers::post(std::uint16_t id) {
    ++posted_;
    ring_.provide_buffer(address(id), size_, id);
}

}  // namespace angarium::runtime
