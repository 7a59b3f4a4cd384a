// Reads, writes and syncs under way on one shard. Owning thread: the shard's.
#pragma once

#include <cstdint>
#include <span>

#include "engine/runtime/context.hpp"
#include "engine/runtime/file.hpp"

namespace angarium::runtime {

class RingFile;

class FileOperations {
  public:
    enum class Step : std::uint8_t { read, write, sync, writeback };

    explicit FileOperations(Ring& ring);
    ~FileOperations();
    FileOperations(const FileOperations&) = delete;
    FileOperations& operator=(const FileOperations&) = delete;

    // Short reads and writes go on; a synced write is one call where the file system can, else a write and a sync.
    void start(RingFile& file, Operation<std::size_t>& operation, Step step, std::uint64_t offset,
               std::span<std::byte> bytes, Durability durability);
    // Begins to write back what was appended, if it is much. Nobody waits for it: where the disk is busy it may take long.
    void send_on(RingFile& file);

  private:
    friend class RingFile;
    struct Entry;
    Entry& take();

    Ring& ring_;
    Entry* free_ = nullptr;
};

// A file whose operations go through the ring of the shard that calls them.
class RingFile final : public File {
  public:
    // `direct`: the descriptor is past the page cache. Takes the descriptor over.
    RingFile(int descriptor, Access access, bool direct)
        : descriptor_(descriptor), access_(access), direct_(direct) {}
    ~RingFile() override;
    std::uint64_t size() const override;
    bool direct() const { return direct_; }

  protected:
    bool begin_read(Operation<std::size_t>& operation, std::uint64_t offset,
                    std::span<std::byte> bytes) override;
    bool begin_write(Operation<std::size_t>& operation, std::uint64_t offset,
                     std::span<const std::byte> bytes, Durability durability) override;
    bool begin_sync(Operation<std::size_t>& operation) override;

  private:
    friend class FileOperations;
    // The kernel would keep what is appended for up to half a minute and then let the disk be busy with all of it, while the
    // journal's syncs wait; so it is sent there as it gathers, and a sync has little left to do.
    static constexpr std::uint64_t much_unsent = 256 * 1024;
    void check_alignment(std::uint64_t offset, const void* address, std::size_t size) const;

    int descriptor_;
    Access access_;
    bool direct_;
    bool synced_writes_ = true;  // RWF_DSYNC works here, as far as we know
    std::uint64_t sent_ = 0;     // an appended file's bytes before this are at the disk, or on their way
    std::uint64_t written_ = 0;  // its end, as far as it was written here
    FileOperations::Entry* writeback_ = nullptr;  // under way
    unsigned under_way_ = 0;
};

}  // namespace angarium::runtime
