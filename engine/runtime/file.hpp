// Files: the seam to the disk, for the journal and the delivery log (RocksDB has its own). Reads and writes go through the
// shard's ring and block nobody; opening, making and listing block and belong to start-up or to a worker.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/runtime/stream.hpp"

namespace angarium::runtime {

enum class Durability : std::uint8_t {
    none,    // in the page cache at best
    synced,  // data on stable storage when the write completes
};

class File {
  public:
    virtual ~File() = default;
    // Offsets, lengths and memory addresses of direct files are multiples of this.
    static constexpr std::size_t alignment = 4096;

    class [[nodiscard]] Awaiter {
      public:
        enum class Kind : std::uint8_t { read, write, sync };
        Awaiter(File& file, Kind kind, std::uint64_t offset, std::span<std::byte> bytes,
                Durability durability)
            : file_(file), kind_(kind), durability_(durability), offset_(offset), bytes_(bytes) {}
        bool await_ready() {
            switch (kind_) {
                case Kind::read:
                    return file_.begin_read(operation_, offset_, bytes_);
                case Kind::write:
                    return file_.begin_write(operation_, offset_, bytes_, durability_);
                case Kind::sync:
                    return file_.begin_sync(operation_);
            }
            return true;
        }
        void await_suspend(std::coroutine_handle<> waiter) { operation_.waiter = resume_of(waiter); }
        IoResult<std::size_t> await_resume() { return operation_.result; }

      private:
        File& file_;
        Kind kind_;
        Durability durability_;
        std::uint64_t offset_;
        std::span<std::byte> bytes_;
        Operation<std::size_t> operation_;
    };
    // All of `bytes`, or fewer at the end of the file; the result is the number read.
    Awaiter read(std::uint64_t offset, std::span<std::byte> bytes) {
        return {*this, Awaiter::Kind::read, offset, bytes, Durability::none};
    }
    // All of `bytes`, or an error after which the outcome is unknown. One write per file at a time.
    Awaiter write(std::uint64_t offset, std::span<const std::byte> bytes, Durability durability) {
        // The kernel only reads them; the shared awaiter holds one mutable span.
        return {*this, Awaiter::Kind::write, offset,
                std::span(const_cast<std::byte*>(bytes.data()), bytes.size()), durability};
    }
    Awaiter sync() { return {*this, Awaiter::Kind::sync, 0, {}, Durability::synced}; }
    virtual std::uint64_t size() const = 0;

  protected:
    friend class FailingFile;  // stands on another file
    virtual bool begin_read(Operation<std::size_t>&, std::uint64_t offset, std::span<std::byte>) = 0;
    virtual bool begin_write(Operation<std::size_t>&, std::uint64_t offset, std::span<const std::byte>,
                             Durability) = 0;
    virtual bool begin_sync(Operation<std::size_t>&) = 0;
};

enum class Access : std::uint8_t {
    direct,  // aligned, past the page cache where the file system allows it (else buffered)
    append,  // buffered, created when missing, written at the end by the caller's offsets
};

class FileSystem {
  public:
    virtual ~FileSystem() = default;
    // The file belongs to the calling shard. Blocks.
    virtual Result<std::unique_ptr<File>> open(const std::string& path, Access access) = 0;
    // Makes a file of `size` zero bytes, all written and synced, its name synced in the directory. Blocks for long; while
    // there is no `hurry` even longer, so that those who write on the same disk meanwhile hardly notice. nullptr: at once.
    virtual Result<void> create_filled(const std::string& path, std::uint64_t size,
                                       const std::atomic<bool>* hurry) = 0;
    virtual Result<void> create_directories(const std::string& path) = 0;
    // Names (not paths) in the directory, sorted.
    virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
    virtual Result<void> remove(const std::string& path) = 0;
    virtual Result<std::uint64_t> file_bytes(const std::string& path) = 0;  // the file's size
    virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
    // Start-up only: the whole range, blocking; short at the end of the file.
    virtual Result<std::size_t> read_blocking(const std::string& path, std::uint64_t offset,
                                              std::span<std::byte>) = 0;
    virtual Result<void> sync_blocking(const std::string& path) = 0;
    // Start-up only: cuts the file off there.
    virtual Result<void> truncate_blocking(const std::string& path, std::uint64_t size) = 0;
};

}  // namespace angarium::runtime
