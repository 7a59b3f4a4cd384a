// A file system under RocksDB that remembers what was synced, and fails when told to. image() makes a copy of a directory as
// a power failure at this moment could leave it: of every file what was synced and a random piece of the rest.
#pragma once

#include <rocksdb/file_system.h>
#include <rocksdb/utilities/object_registry.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/base/random.hpp"

namespace angarium::queue {

// What the test and the files share.
struct DiskState {
    std::atomic<bool> full{false};                // appending fails: no space
    std::atomic<bool> broken{false};              // syncing fails: an I/O error
    std::atomic<std::uint64_t> free{1ull << 40};  // bytes, as the file system says; nothing is held to it
    std::mutex mutex;                             // every change of a file or a name, and the image
    std::map<std::string, std::uint64_t> synced;  // bytes, of the files written since the start

    void image(const std::filesystem::path& from, const std::filesystem::path& to, Random& random) {
        const std::lock_guard lock(mutex);
        std::filesystem::create_directories(to);
        for (const auto& entry : std::filesystem::directory_iterator(from)) {
            const auto name = entry.path().filename();
            if (name == "LOCK") continue;
            std::filesystem::copy_file(entry.path(), to / name);
            const auto known = synced.find(entry.path().string());
            const auto size = std::filesystem::file_size(to / name);
            if (known == synced.end() || known->second >= size) continue;
            std::filesystem::resize_file(to / name, known->second + random.below(size - known->second + 1));
        }
    }
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
  public:
    FaultyFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::shared_ptr<DiskState> disk,
               std::string name)
        : FSWritableFileOwnerWrapper(std::move(file)), disk_(std::move(disk)), name_(std::move(name)) {}

    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
        if (disk_->full) return rocksdb::IOStatus::NoSpace("the test says so");
        const std::lock_guard lock(disk_->mutex);
        size_ += data.size();
        return target()->Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override {
        return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        return synced(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        return synced(options, debug);
    }

  private:
    rocksdb::IOStatus synced(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) {
        if (disk_->broken) return rocksdb::IOStatus::IOError("the test says so");
        const std::lock_guard lock(disk_->mutex);
        auto status = target()->Flush(options, debug);
        if (status.ok()) disk_->synced[name_] = size_;
        return status;
    }
    const std::shared_ptr<DiskState> disk_;
    const std::string name_;
    std::uint64_t size_ = 0;
};

class FaultyFiles final : public rocksdb::FileSystemWrapper {
  public:
    static constexpr const char* uri = "angarium-faulty";

    // Makes `uri` name such a file system; all of them share the state that is returned.
    static std::shared_ptr<DiskState> enlist() {
        static const auto disk = [] {
            auto made = std::make_shared<DiskState>();
            rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::FileSystem>(
                uri, [made](const std::string&, std::unique_ptr<rocksdb::FileSystem>* guard, std::string*) {
                    guard->reset(new FaultyFiles(made));
                    return guard->get();
                });
            return made;
        }();
        return disk;
    }

    explicit FaultyFiles(std::shared_ptr<DiskState> disk)
        : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(std::move(disk)) {}
    const char* Name() const override { return uri; }

    rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, std::uint64_t* bytes,
                                   rocksdb::IODebugContext*) override {
        *bytes = disk_->free;
        return rocksdb::IOStatus::OK();
    }
    rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(disk_->mutex);
        std::unique_ptr<rocksdb::FSWritableFile> file;
        auto status = target()->NewWritableFile(name, options, &file, debug);
        if (!status.ok()) return status;
        disk_->synced[name] = 0;
        *result = std::make_unique<FaultyFile>(std::move(file), disk_, name);
        return status;
    }
    rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                                 const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(disk_->mutex);
        if (auto moved = disk_->synced.extract(from)) {
            disk_->synced.erase(to);
            moved.key() = to;
            disk_->synced.insert(std::move(moved));
        }
        return target()->RenameFile(from, to, options, debug);
    }
    rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                                 rocksdb::IODebugContext* debug) override {
        const std::lock_guard lock(disk_->mutex);
        disk_->synced.erase(name);
        return target()->DeleteFile(name, options, debug);
    }

  private:
    const std::shared_ptr<DiskState> disk_;
};

}  // namespace angarium::queue
