#include "tests/sim/rocks_files.hpp"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/object_registry.h>

#include <cstring>

namespace angarium::sim {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus missing(const std::string& name) { return IOStatus::PathNotFound(name); }

// RocksDB asks for "/q/store" and "/q/store/" alike, and now and then for "//".
std::string clean(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    for (auto twice = path.find("//"); twice != std::string::npos; twice = path.find("//"))
        path.erase(twice, 1);
    return path;
}

IOStatus read_at(SimDisk& disk, SimDisk::Inode& file, std::uint64_t offset, std::size_t most, Slice* result,
                 char* scratch) {
    const auto got = disk.read(file, offset, most);
    std::memcpy(scratch, got.data(), got.size());
    *result = Slice(scratch, got.size());
    return IOStatus::OK();
}

class Sequential final : public rocksdb::FSSequentialFile {
  public:
    Sequential(SimDisk& disk, SimDisk::File file) : disk_(disk), file_(std::move(file)) {}
    IOStatus Read(std::size_t most, const IOOptions&, Slice* result, char* scratch,
                  IODebugContext*) override {
        const auto status = read_at(disk_, *file_, at_, most, result, scratch);
        at_ += result->size();
        return status;
    }
    IOStatus Skip(std::uint64_t count) override {
        at_ += count;
        return IOStatus::OK();
    }

  private:
    SimDisk& disk_;
    const SimDisk::File file_;
    std::uint64_t at_ = 0;
};

class Random final : public rocksdb::FSRandomAccessFile {
  public:
    Random(SimDisk& disk, SimDisk::File file) : disk_(disk), file_(std::move(file)) {}
    IOStatus Read(std::uint64_t offset, std::size_t most, const IOOptions&, Slice* result, char* scratch,
                  IODebugContext*) const override {
        return read_at(disk_, *file_, offset, most, result, scratch);
    }

  private:
    SimDisk& disk_;
    const SimDisk::File file_;
};

class Writable final : public rocksdb::FSWritableFile {
  public:
    Writable(SimDisk& disk, SimDisk::File file)
        : disk_(disk), file_(std::move(file)), at_(disk.size(*file_)) {}
    using FSWritableFile::Append;
    IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
        if (!disk_.write(*file_, at_, data.ToStringView()))
            return IOStatus::NoSpace("the simulated disk is full");
        at_ += data.size();
        return IOStatus::OK();
    }
    IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
        disk_.truncate(*file_, size);
        at_ = size;
        return IOStatus::OK();
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Sync(const IOOptions&, IODebugContext*) override {
        if (disk_.broken || disk_.store_broken) return IOStatus::IOError("the simulated disk fails");
        disk_.synced(*file_, disk_.ticket(*file_));
        return IOStatus::OK();
    }
    std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return at_; }

  private:
    SimDisk& disk_;
    const SimDisk::File file_;
    std::uint64_t at_;
};

class Directory final : public rocksdb::FSDirectory {
  public:
    Directory(SimDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
    IOStatus Fsync(const IOOptions&, IODebugContext*) override {
        if (disk_.broken || disk_.store_broken) return IOStatus::IOError("the simulated disk fails");
        disk_.sync_directory(path_);
        return IOStatus::OK();
    }

  private:
    SimDisk& disk_;
    const std::string path_;
};

class Lock final : public rocksdb::FileLock {
  public:
    explicit Lock(SimDisk::File file) : file_(std::move(file)) {}
    SimDisk::File file_;
};

class Silent final : public rocksdb::Logger {
  public:
    using Logger::Logv;
    void Logv(const char*, va_list) override {}
    std::size_t GetLogFileSize() const override { return 0; }
};

class RocksFiles final : public rocksdb::FileSystemWrapper {
  public:
    RocksFiles(std::string name, SimDisk& disk)
        : FileSystemWrapper(rocksdb::FileSystem::Default()), name_(std::move(name)), disk_(disk) {}
    const char* Name() const override { return name_.c_str(); }

    IOStatus NewSequentialFile(const std::string& name, const FileOptions&,
                               std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext*) override {
        return opened<Sequential>(name, result);
    }
    IOStatus NewRandomAccessFile(const std::string& name, const FileOptions&,
                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                 IODebugContext*) override {
        return opened<Random>(name, result);
    }
    IOStatus NewWritableFile(const std::string& name, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
        // At each start RocksDB notes its options for people, reads them again and compares: a tenth of a story's time.
        if (name.find("/OPTIONS-") != std::string::npos) return IOStatus::NotSupported(name);
        *result = std::make_unique<Writable>(disk_, disk_.create(clean(name)));
        return IOStatus::OK();
    }
    IOStatus ReopenWritableFile(const std::string& name, const FileOptions&,
                                std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
        auto file = disk_.find(clean(name));
        if (!file) file = disk_.create(clean(name));
        *result = std::make_unique<Writable>(disk_, std::move(file));
        return IOStatus::OK();
    }
    IOStatus NewDirectory(const std::string& name, const IOOptions&,
                          std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
        *result = std::make_unique<Directory>(disk_, clean(name));
        return IOStatus::OK();
    }
    IOStatus FileExists(const std::string& name, const IOOptions&, IODebugContext*) override {
        return disk_.find(clean(name)) || disk_.is_directory(clean(name)) ? IOStatus::OK()
                                                                          : IOStatus::NotFound();
    }
    IOStatus GetChildren(const std::string& name, const IOOptions&, std::vector<std::string>* result,
                         IODebugContext*) override {
        if (!disk_.is_directory(clean(name))) return IOStatus::NotFound(name);
        *result = disk_.list(clean(name));
        return IOStatus::OK();
    }
    IOStatus DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) override {
        return disk_.remove(clean(name)) ? IOStatus::OK() : missing(name);
    }
    IOStatus CreateDir(const std::string& name, const IOOptions&, IODebugContext*) override {
        disk_.make_directory(clean(name));
        return IOStatus::OK();
    }
    IOStatus CreateDirIfMissing(const std::string& name, const IOOptions& options,
                                IODebugContext* debug) override {
        return CreateDir(name, options, debug);
    }
    IOStatus DeleteDir(const std::string& name, const IOOptions&, IODebugContext*) override {
        disk_.remove(clean(name));
        return IOStatus::OK();
    }
    IOStatus GetFileSize(const std::string& name, const IOOptions&, std::uint64_t* size,
                         IODebugContext*) override {
        const auto file = disk_.find(clean(name));
        if (!file) return missing(name);
        *size = disk_.size(*file);
        return IOStatus::OK();
    }
    IOStatus GetFileModificationTime(const std::string&, const IOOptions&, std::uint64_t* time,
                                     IODebugContext*) override {
        *time = 0;
        return IOStatus::OK();
    }
    IOStatus Truncate(const std::string& name, std::size_t size, const IOOptions&, IODebugContext*) override {
        const auto file = disk_.find(clean(name));
        if (!file) return missing(name);
        disk_.truncate(*file, size);
        return IOStatus::OK();
    }
    IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                        IODebugContext*) override {
        return disk_.rename(clean(from), clean(to)) ? IOStatus::OK() : missing(from);
    }
    IOStatus LockFile(const std::string& name, const IOOptions&, rocksdb::FileLock** lock,
                      IODebugContext*) override {
        auto file = disk_.find(clean(name));
        if (!file) file = disk_.create(clean(name));
        if (std::exchange(file->locked, true)) return IOStatus::IOError("LOCK: held by this process");
        *lock = new Lock(std::move(file));
        return IOStatus::OK();
    }
    IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
        static_cast<Lock*>(lock)->file_->locked = false;
        delete static_cast<Lock*>(lock);
        return IOStatus::OK();
    }
    IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>* result,
                       IODebugContext*) override {
        *result = std::make_shared<Silent>();
        return IOStatus::OK();
    }
    IOStatus GetAbsolutePath(const std::string& name, const IOOptions&, std::string* result,
                             IODebugContext*) override {
        *result = clean(name);
        return IOStatus::OK();
    }
    IOStatus GetFreeSpace(const std::string&, const IOOptions&, std::uint64_t* bytes,
                          IODebugContext*) override {
        *bytes = disk_.free_bytes();
        return IOStatus::OK();
    }
    IOStatus IsDirectory(const std::string& name, const IOOptions&, bool* is, IODebugContext*) override {
        *is = disk_.is_directory(clean(name));
        return IOStatus::OK();
    }

  private:
    template <class File, class Result>
    IOStatus opened(const std::string& name, Result* result) {
        auto file = disk_.find(clean(name));
        if (!file) return missing(name);
        *result = std::make_unique<File>(disk_, std::move(file));
        return IOStatus::OK();
    }

    const std::string name_;
    SimDisk& disk_;
};

}  // namespace

void enlist_rocks_files(const std::string& name, SimDisk& disk) {
    static std::map<std::string, SimDisk*> disks;
    const bool known = disks.contains(name);
    disks[name] = &disk;
    if (known) return;
    rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::FileSystem>(
        name, [](const std::string& uri, std::unique_ptr<rocksdb::FileSystem>* guard, std::string*) {
            guard->reset(new RocksFiles(uri, *disks.at(uri)));
            return guard->get();
        });
}

}  // namespace angarium::sim
