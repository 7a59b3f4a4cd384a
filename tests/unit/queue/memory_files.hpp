// A file system in memory that fails when told to: writes and syncs complete in the next turn of the shard.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "engine/runtime/file.hpp"

namespace angarium::queue {

class MemoryFiles final : public runtime::FileSystem {
  public:
    struct Content {
        std::string bytes;   // what a reader sees
        std::string synced;  // what a power failure leaves
    };
    std::map<std::string, Content> content;
    int writes = 0, syncs = 0;
    bool hurried = false;                 // whether the last file that was filled was in a hurry
    int fail_writes = 0, fail_syncs = 0;  // how many of the next ones fail
    Result<std::uint64_t> free = std::uint64_t{1} << 40;

    Result<std::unique_ptr<runtime::File>> open(const std::string& path, runtime::Access) override {
        return std::make_unique<MemoryFile>(*this, content[path]);
    }
    Result<void> create_filled(const std::string& path, std::uint64_t size,
                               const std::atomic<bool>* hurry) override {
        hurried = hurry == nullptr || *hurry;
        content[path].bytes.assign(size, '\0');
        return {};
    }
    Result<void> create_directories(const std::string&) override { return {}; }
    Result<std::vector<std::string>> list(const std::string&) override { return std::vector<std::string>(); }
    Result<void> remove(const std::string& path) override {
        content.erase(path);
        return {};
    }
    Result<std::uint64_t> file_bytes(const std::string& path) override { return content[path].bytes.size(); }
    Result<std::uint64_t> free_bytes(const std::string&) override { return free; }
    Result<std::size_t> read_blocking(const std::string& path, std::uint64_t offset,
                                      std::span<std::byte> into) override {
        const auto& bytes = content[path].bytes;
        if (offset >= bytes.size()) return std::size_t{0};
        const auto size = std::min<std::size_t>(into.size(), bytes.size() - offset);
        std::memcpy(into.data(), bytes.data() + offset, size);
        return size;
    }
    Result<void> sync_blocking(const std::string&) override { return {}; }
    Result<void> truncate_blocking(const std::string& path, std::uint64_t size) override {
        content[path].bytes.resize(size);
        return {};
    }

  private:
    class MemoryFile final : public runtime::File {
      public:
        MemoryFile(MemoryFiles& files, Content& content) : files_(files), content_(content) {}
        std::uint64_t size() const override { return content_.bytes.size(); }

      protected:
        bool begin_read(runtime::Operation<std::size_t>& operation, std::uint64_t,
                        std::span<std::byte>) override {
            operation.result = std::unexpected(IoError::failed);
            return true;
        }
        bool begin_write(runtime::Operation<std::size_t>& operation, std::uint64_t offset,
                         std::span<const std::byte> bytes, runtime::Durability) override {
            ANGARIUM_ASSERT(!busy_);
            ++files_.writes;
            if (files_.fail_writes > 0) {  // half of it arrives
                --files_.fail_writes;
                put(offset, bytes.first(bytes.size() / 2));
                return later(operation, std::unexpected(IoError::no_space), &busy_);
            }
            put(offset, bytes);
            return later(operation, bytes.size(), &busy_);
        }
        bool begin_sync(runtime::Operation<std::size_t>& operation) override {
            ++files_.syncs;
            if (files_.fail_syncs > 0) {
                --files_.fail_syncs;
                return later(operation, std::unexpected(IoError::failed));
            }
            content_.synced = content_.bytes;
            return later(operation, std::size_t{0});
        }

      private:
        void put(std::uint64_t offset, std::span<const std::byte> bytes) {
            if (content_.bytes.size() < offset + bytes.size()) content_.bytes.resize(offset + bytes.size());
            if (!bytes.empty()) std::memcpy(content_.bytes.data() + offset, bytes.data(), bytes.size());
        }
        struct Pending {
            bool* busy;
            runtime::Operation<std::size_t>* operation;
            IoResult<std::size_t> result;
        };
        // Completes when the ready list comes to it: by then the operation has its waiter.
        static bool later(runtime::Operation<std::size_t>& operation, IoResult<std::size_t> result,
                          bool* busy = nullptr) {
            if (busy != nullptr) *busy = true;
            runtime::current_ready_list().push({[](void* pending_) {
                                                    const std::unique_ptr<Pending> pending(
                                                        static_cast<Pending*>(pending_));
                                                    if (pending->busy != nullptr) *pending->busy = false;
                                                    pending->operation->complete(pending->result);
                                                },
                                                new Pending{busy, &operation, result}});
            return false;
        }
        MemoryFiles& files_;
        Content& content_;
        bool busy_ = false;  // one write at a time
    };
};

}  // namespace angarium::queue
