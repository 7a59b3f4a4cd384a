#include "engine/runtime/failing_files.hpp"

#include <unistd.h>

#include <utility>

namespace angarium::runtime {

// What was to be synced is not even written: whoever waits for it may not count on either.
class FailingFile final : public File {
  public:
    FailingFile(std::unique_ptr<File> below, const std::string& failing)
        : below_(std::move(below)), failing_(failing) {}
    std::uint64_t size() const override { return below_->size(); }

  protected:
    bool begin_read(Operation<std::size_t>& operation, std::uint64_t offset,
                    std::span<std::byte> bytes) override {
        return below_->begin_read(operation, offset, bytes);
    }
    bool begin_write(Operation<std::size_t>& operation, std::uint64_t offset,
                     std::span<const std::byte> bytes, Durability durability) override {
        if (durability == Durability::synced && fails(operation)) return true;
        return below_->begin_write(operation, offset, bytes, durability);
    }
    bool begin_sync(Operation<std::size_t>& operation) override {
        return fails(operation) || below_->begin_sync(operation);
    }

  private:
    bool fails(Operation<std::size_t>& operation) const {
        if (::access(failing_.c_str(), F_OK) != 0) return false;
        operation.result = std::unexpected(IoError::failed);
        return true;
    }

    const std::unique_ptr<File> below_;
    const std::string& failing_;
};

namespace {

class FailingFiles final : public FileSystem {
  public:
    FailingFiles(FileSystem& below, std::string failing) : below_(below), failing_(std::move(failing)) {}

    Result<std::unique_ptr<File>> open(const std::string& path, Access access) override {
        auto file = below_.open(path, access);
        if (!file) return file;
        return std::make_unique<FailingFile>(std::move(*file), failing_);
    }
    Result<void> sync_blocking(const std::string& path) override {
        if (::access(failing_.c_str(), F_OK) == 0) return failure("cannot sync " + path + ": a test says so");
        return below_.sync_blocking(path);
    }
    Result<void> create_filled(const std::string& path, std::uint64_t size,
                               const std::atomic<bool>* hurry) override {
        return below_.create_filled(path, size, hurry);
    }
    Result<void> create_directories(const std::string& path) override {
        return below_.create_directories(path);
    }
    Result<std::vector<std::string>> list(const std::string& path) override { return below_.list(path); }
    Result<void> remove(const std::string& path) override { return below_.remove(path); }
    Result<std::uint64_t> file_bytes(const std::string& path) override { return below_.file_bytes(path); }
    Result<std::uint64_t> free_bytes(const std::string& path) override { return below_.free_bytes(path); }
    Result<std::size_t> read_blocking(const std::string& path, std::uint64_t offset,
                                      std::span<std::byte> bytes) override {
        return below_.read_blocking(path, offset, bytes);
    }
    Result<void> truncate_blocking(const std::string& path, std::uint64_t size) override {
        return below_.truncate_blocking(path, size);
    }

  private:
    FileSystem& below_;
    const std::string failing_;
};

}  // namespace

std::unique_ptr<FileSystem> make_failing_files(FileSystem& below, std::string failing) {
    return std::make_unique<FailingFiles>(below, std::move(failing));
}

}  // namespace angarium::runtime
