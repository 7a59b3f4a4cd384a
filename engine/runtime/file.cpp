// Files on the ring. Each read, write or sync borrows a FileOperation from the shard's free list: nothing is allocated
// once as many exist as are ever under way together.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include "engine/runtime/file_operations.hpp"
#include "engine/runtime/file_system.hpp"

namespace angarium::runtime {

// --- one operation ---

struct FileOperations::Entry {
    explicit Entry(FileOperations& home)
        : owner(home), op([](void* self, Completion c) { static_cast<Entry*>(self)->on_done(c); }, this) {}

    void start(RingFile& target, Operation<std::size_t>& waiting) {
        file = &target;
        operation = &waiting;
        done = 0;
        ++target.under_way_;
        go_on();
    }
    void go_on();
    void on_done(Completion completion);
    void on_moved(std::size_t bytes);
    void finish(IoResult<std::size_t> result);
    void let_go(bool sent);
    // An unaligned rest of a direct file lies behind its end.
    bool past_end() const { return done % File::alignment != 0; }

    FileOperations& owner;
    RingOp op;
    RingFile* file = nullptr;
    Operation<std::size_t>* operation = nullptr;
    std::uint64_t offset = 0;
    std::span<std::byte> bytes;
    std::size_t done = 0;
    Step step = Step::read;
    bool synced = false;
    Entry* next_free = nullptr;
};

FileOperations::FileOperations(Ring& ring) : ring_(ring) {}

FileOperations::~FileOperations() {
    while (free_ != nullptr) delete std::exchange(free_, free_->next_free);
}

FileOperations::Entry& FileOperations::take() {
    if (free_ == nullptr) return *new Entry(*this);
    return *std::exchange(free_, free_->next_free);
}

void FileOperations::start(RingFile& file, Operation<std::size_t>& operation, Step step, std::uint64_t offset,
                           std::span<std::byte> bytes, Durability durability) {
    Entry& entry = take();
    entry.step = step;
    entry.offset = offset;
    entry.bytes = bytes;
    entry.synced = durability == Durability::synced;
    entry.start(file, operation);
}

void FileOperations::Entry::go_on() {
    const auto rest = bytes.subspan(done);
    switch (step) {
        case Step::read:
            owner.ring_.read(op, file->descriptor_, offset + done, rest);
            break;
        case Step::write:
            owner.ring_.write(op, file->descriptor_, offset + done, rest, synced && file->synced_writes_);
            break;
        case Step::sync:
            owner.ring_.sync_data(op, file->descriptor_);
            break;
        case Step::writeback:
            owner.ring_.begin_writeback(op, file->descriptor_, offset);
            break;
    }
}

void FileOperations::Entry::on_done(Completion completion) {
    const int result = completion.result;
    if (step == Step::writeback)
        return let_go(result == 0);  // where it does not work, the kernel does it some time
    if (result == -EINTR || result == -EAGAIN) return go_on();
    const bool refused = result == -EOPNOTSUPP || result == -EINVAL;
    if (refused && step == Step::write && synced && file->synced_writes_ && done == 0) {
        file->synced_writes_ = false;  // this file system cannot: write, then sync
        return go_on();
    }
    if (result < 0) return finish(std::unexpected(io_error_from_errno(-result)));
    if (step == Step::sync) return finish(done);
    on_moved(static_cast<std::size_t>(result));
}

void FileOperations::Entry::on_moved(std::size_t moved) {
    done += moved;
    if (done < bytes.size()) {
        if (step == Step::read && (moved == 0 || (file->direct_ && past_end()))) return finish(done);
        if (moved == 0) return finish(std::unexpected(IoError::failed));
        return go_on();
    }
    if (step == Step::write && synced && !file->synced_writes_) {
        step = Step::sync;
        return go_on();
    }
    if (step == Step::write && file->access_ == Access::append) {
        file->written_ = offset + done;
        owner.send_on(*file);
    }
    finish(done);
}

void FileOperations::send_on(RingFile& file) {
    if (file.writeback_ != nullptr || file.written_ < file.sent_ + RingFile::much_unsent) return;
    Entry& entry = take();
    entry.step = Step::writeback;
    entry.offset = std::exchange(file.sent_, file.written_);
    entry.bytes = {};
    entry.done = 0;
    entry.file = &file;
    file.writeback_ = &entry;
    entry.go_on();
}

// The writeback's end; its file may have gone, or have grown meanwhile.
void FileOperations::Entry::let_go(bool sent) {
    next_free = owner.free_;
    owner.free_ = this;
    if (file == nullptr) return;
    file->writeback_ = nullptr;
    if (sent) owner.send_on(*file);
}

void FileOperations::Entry::finish(IoResult<std::size_t> result) {
    --file->under_way_;
    Operation<std::size_t>& waiting = *operation;
    next_free = owner.free_;
    owner.free_ = this;
    waiting.complete(std::move(result));
}

// --- the file ---

RingFile::~RingFile() {
    ANGARIUM_ASSERT(under_way_ == 0);
    if (writeback_ != nullptr) writeback_->file = nullptr;  // the kernel keeps what it needs
    ::close(descriptor_);
}

std::uint64_t RingFile::size() const {
    struct stat status{};
    return ::fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

void RingFile::check_alignment(std::uint64_t offset, const void* address, std::size_t size) const {
    if (access_ != Access::direct) return;
    ANGARIUM_ASSERT((offset | size | reinterpret_cast<std::uintptr_t>(address)) % alignment == 0);
}

bool RingFile::begin_read(Operation<std::size_t>& operation, std::uint64_t offset,
                          std::span<std::byte> bytes) {
    check_alignment(offset, bytes.data(), bytes.size());
    if (bytes.empty()) {
        operation.result = 0;
        return true;
    }
    IoContext::current().files.start(*this, operation, FileOperations::Step::read, offset, bytes,
                                     Durability::none);
    return false;
}

bool RingFile::begin_write(Operation<std::size_t>& operation, std::uint64_t offset,
                           std::span<const std::byte> bytes, Durability durability) {
    check_alignment(offset, bytes.data(), bytes.size());
    if (bytes.empty() && durability == Durability::none) {
        operation.result = 0;
        return true;
    }
    const auto step = bytes.empty() ? FileOperations::Step::sync : FileOperations::Step::write;
    // Only read from; one span type serves both directions.
    const std::span<std::byte> source(const_cast<std::byte*>(bytes.data()), bytes.size());
    IoContext::current().files.start(*this, operation, step, offset, source, durability);
    return false;
}

bool RingFile::begin_sync(Operation<std::size_t>& operation) {
    IoContext::current().files.start(*this, operation, FileOperations::Step::sync, 0, {}, Durability::synced);
    return false;
}

}  // namespace angarium::runtime
