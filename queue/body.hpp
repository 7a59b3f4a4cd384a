// A message's body: CRLF-clean, not dot-stuffed, as it will be delivered, with our Received: header in front. It consists
// of parts of at most `part_size` bytes; a body of up to one part lives in memory while the budget allows, a larger one
// only passes through it. Blocks are immutable once made, may be read on any shard, and charge their size to the
// account of the shard that made them until the last reader lets go.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace angarium::queue {

// Bytes of one part; also what a body may hold in memory before it streams into the journal.
inline constexpr std::size_t part_size = 256 * 1024;

// What one shard's bodies hold in memory. Charged by the shard, credited by whoever frees a block.
class MemoryAccount {
  public:
    explicit MemoryAccount(std::size_t budget) : budget_(budget) {}
    void charge(std::size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
    void credit(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
    std::size_t used() const { return used_.load(std::memory_order_relaxed); }
    std::size_t budget() const { return budget_; }
    // More cannot be taken in. The last tenth is left for bodies that are read back to be sent: mail can always leave.
    bool full(std::size_t more = 0) const { return used() + more > budget_ - budget_ / 10; }
    // So much is being sent that nothing more should begin.
    bool exhausted() const { return used() > budget_; }

  private:
    std::atomic<std::size_t> used_{0};
    const std::size_t budget_;
};

class Block {
  public:
    Block(std::string bytes, std::shared_ptr<MemoryAccount> account)
        : bytes_(std::move(bytes)), account_(std::move(account)), charged_(bytes_.capacity()) {
        if (account_) account_->charge(charged_);
    }
    ~Block() {
        if (account_) account_->credit(charged_);
    }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    std::string_view bytes() const { return bytes_; }

  private:
    const std::string bytes_;
    const std::shared_ptr<MemoryAccount> account_;
    const std::size_t charged_;
};

using BlockRef = std::shared_ptr<const Block>;

}  // namespace angarium::queue
