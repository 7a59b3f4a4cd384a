// For tests of the whole program: RocksDB's files on a disk whose syncs fail while a certain file exists. Declared in store.hpp.
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/object_registry.h>
#include <unistd.h>

#include <filesystem>

#include "queue/store.hpp"

namespace angarium::queue {
namespace {

class FailingFile final : public rocksdb::FSWritableFileOwnerWrapper {
  public:
    FailingFile(std::unique_ptr<rocksdb::FSWritableFile>&& below, const std::string& failing)
        : FSWritableFileOwnerWrapper(std::move(below)), failing_(failing) {}
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        return fails() ? error() : target()->Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
        return fails() ? error() : target()->Fsync(options, debug);
    }

  private:
    bool fails() const { return ::access(failing_.c_str(), F_OK) == 0; }
    static rocksdb::IOStatus error() { return rocksdb::IOStatus::IOError("a test says so"); }
    const std::string& failing_;
};

class FailingFiles final : public rocksdb::FileSystemWrapper {
  public:
    static constexpr const char* name = "angarium-failing";

    explicit FailingFiles(std::string failing)
        : FileSystemWrapper(rocksdb::FileSystem::Default()), failing_(std::move(failing)) {}
    const char* Name() const override { return name; }

    rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override {
        std::unique_ptr<rocksdb::FSWritableFile> file;
        auto status = target()->NewWritableFile(path, options, &file, debug);
        if (status.ok()) *result = std::make_unique<FailingFile>(std::move(file), failing_);
        return status;
    }
    // With its parents: RocksDB makes only the last one.
    rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                         rocksdb::IODebugContext* debug) override {
        std::error_code ignored;
        std::filesystem::create_directories(path, ignored);
        return target()->CreateDirIfMissing(path, options, debug);
    }

  private:
    const std::string failing_;
};

}  // namespace

std::string failing_file_system(const std::string& failing) {
    rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::FileSystem>(
        FailingFiles::name,
        [failing](const std::string&, std::unique_ptr<rocksdb::FileSystem>* made, std::string*) {
            made->reset(new FailingFiles(failing));
            return made->get();
        });
    return FailingFiles::name;
}

}  // namespace angarium::queue
