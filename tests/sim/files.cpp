#include "tests/sim/files.hpp"

#include <algorithm>
#include <cstring>

#include "tests/sim/shard.hpp"

namespace angarium::sim {
namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SimShard& here() { return static_cast<SimShard&>(runtime::Shard::current()); }

std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

class SimFiles::SimFile final : public runtime::File {
  public:
    SimFile(SimFiles& files, SimDisk::File file) : files_(files), file_(std::move(file)) {}
    std::uint64_t size() const override { return files_.disk_.size(*file_); }

  protected:
    bool begin_read(runtime::Operation<std::size_t>& operation, std::uint64_t offset,
                    std::span<std::byte> bytes) override {
        auto& files = files_;
        here().after(files.world_.latency(80us), [&operation, &files, file = file_, offset, bytes] {
            const auto got = files.disk_.read(*file, offset, bytes.size());
            std::memcpy(bytes.data(), got.data(), got.size());
            operation.complete(got.size());
        });
        return false;
    }
    bool begin_write(runtime::Operation<std::size_t>& operation, std::uint64_t offset,
                     std::span<const std::byte> bytes, runtime::Durability durability) override {
        auto& files = files_;
        auto& disk = files.disk_;
        const bool sync = durability == runtime::Durability::synced;
        // From here on the bytes may reach the platter; they must when a synced write returns.
        const bool fits = disk.write(*file_, offset, text_of(bytes));
        const auto ticket = disk.ticket(*file_);
        const auto time = files.world_.latency(sync ? files.sync_time : Duration(20us));
        here().after(
            time, [&operation, &files, &disk, file = file_, offset, ticket, sync, fits, size = bytes.size()] {
                if (!fits) return operation.complete(std::unexpected(IoError::no_space));
                if (sync && (disk.broken || std::exchange(files.fail_next_sync, false)))
                    return operation.complete(std::unexpected(IoError::failed));
                if (sync) disk.synced_range(*file, offset, size, ticket);
                operation.complete(size);
            });
        return false;
    }
    bool begin_sync(runtime::Operation<std::size_t>& operation) override {
        auto& files = files_;
        const auto ticket = files.disk_.ticket(*file_);
        here().after(files.world_.latency(files.sync_time), [&operation, &files, file = file_, ticket] {
            if (files.disk_.broken) return operation.complete(std::unexpected(IoError::failed));
            files.disk_.synced(*file, ticket);
            operation.complete(std::size_t{0});
        });
        return false;
    }

  private:
    SimFiles& files_;
    const SimDisk::File file_;
};

Result<std::unique_ptr<runtime::File>> SimFiles::open(const std::string& path, runtime::Access access) {
    auto file = disk_.find(path);
    if (!file && access == runtime::Access::append) {
        file = disk_.create(path);
        disk_.sync_directory(parent(path));
    }
    if (!file) return failure(path + ": no such file");
    return std::make_unique<SimFile>(*this, std::move(file));
}

Result<void> SimFiles::create_filled(const std::string& path, std::uint64_t size, const std::atomic<bool>*) {
    // As the real one: under another name first, which list() does not show.
    const auto partial = parent(path) + "/." + path.substr(path.rfind('/') + 1) + ".partial";
    const auto file = disk_.create(partial);
    if (!disk_.fill(*file, size)) {
        disk_.remove(partial);
        return failure(path + ": no space");
    }
    if (disk_.broken) return failure(path + ": the disk fails");
    disk_.synced(*file, disk_.ticket(*file));
    disk_.rename(partial, path);
    disk_.sync_directory(parent(path));
    return {};
}

Result<void> SimFiles::create_directories(const std::string& path) {
    disk_.make_directory(path);
    return {};
}

Result<std::vector<std::string>> SimFiles::list(const std::string& path) {
    auto names = disk_.list(path);
    std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
    return names;
}

Result<void> SimFiles::remove(const std::string& path) {
    if (!disk_.remove(path)) return failure(path + ": no such file");
    return {};
}

Result<std::uint64_t> SimFiles::file_bytes(const std::string& path) {
    const auto file = disk_.find(path);
    if (!file) return failure(path + ": no such file");
    return disk_.size(*file);
}

Result<std::uint64_t> SimFiles::free_bytes(const std::string&) { return disk_.free_bytes(); }

Result<std::size_t> SimFiles::read_blocking(const std::string& path, std::uint64_t offset,
                                            std::span<std::byte> bytes) {
    const auto file = disk_.find(path);
    if (!file) return failure(path + ": no such file");
    const auto got = disk_.read(*file, offset, bytes.size());
    std::memcpy(bytes.data(), got.data(), got.size());
    return got.size();
}

Result<void> SimFiles::sync_blocking(const std::string& path) {
    const auto file = disk_.find(path);
    if (!file) return failure(path + ": no such file");
    if (disk_.broken) return failure(path + ": the disk fails");
    disk_.synced(*file, disk_.ticket(*file));
    return {};
}

Result<void> SimFiles::truncate_blocking(const std::string& path, std::uint64_t size) {
    const auto file = disk_.find(path);
    if (!file) return failure(path + ": no such file");
    disk_.truncate(*file, size);
    return {};
}

}  // namespace angarium::sim
