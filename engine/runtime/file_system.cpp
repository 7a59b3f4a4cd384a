#include "engine/runtime/file_system.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "engine/base/assert.hpp"
#include "engine/runtime/file_operations.hpp"

namespace angarium::runtime {
namespace {

constexpr std::size_t fill_step = std::size_t{1} << 20;
// Behind each step where there is no hurry: a disk that writes a few hundred MiB a second is left to others for most of the
// time, and a segment of 64 MiB still takes only a second. Without, their syncs had to wait for all of it.
constexpr auto fill_rest = std::chrono::milliseconds(15);

// A descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int get() const { return value_; }
    int release() { return std::exchange(value_, -1); }
    bool valid() const { return value_ >= 0; }

  private:
    int value_;
};

struct Free {
    void operator()(std::byte* block) const { std::free(block); }
};
using AlignedBlock = std::unique_ptr<std::byte, Free>;

AlignedBlock aligned_zeros(std::size_t size) {
    auto* const block = static_cast<std::byte*>(std::aligned_alloc(File::alignment, size));
    ANGARIUM_ASSERT(block != nullptr);
    std::memset(block, 0, size);
    return AlignedBlock(block);
}

std::unexpected<Error> system_failure(const char* what, const std::string& path) {
    const int error = errno;
    return failure(fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

// Some file systems open with O_DIRECT and refuse the transfer: only a real read tells.
bool direct_works(int descriptor) {
    const auto block = aligned_zeros(File::alignment);
    return ::pread(descriptor, block.get(), File::alignment, 0) >= 0;
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// Opens for writing, past the page cache where that works.
Descriptor open_direct(const std::string& path, int flags, bool& direct) {
    Descriptor file(::open(path.c_str(), flags | O_DIRECT | O_CLOEXEC, 0640));
    direct = file.valid() && direct_works(file.get());
    if (direct || (!file.valid() && errno != EINVAL)) return file;
    return Descriptor(::open(path.c_str(), flags | O_CLOEXEC, 0640));
}

// False with errno.
bool write_zeros(int descriptor, std::uint64_t size, bool direct, const std::atomic<bool>* hurry) {
    const auto zeros = aligned_zeros(fill_step);
    for (std::uint64_t at = 0; at < size;) {
        const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(fill_step, size - at));
        if (direct && step % File::alignment != 0) {
            direct = false;  // the unaligned end goes through the page cache
            if (::fcntl(descriptor, F_SETFL, 0) != 0) return false;
        }
        const auto written = ::pwrite(descriptor, zeros.get(), step, static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        at += static_cast<std::uint64_t>(written);
        if (hurry != nullptr && !hurry->load(std::memory_order_relaxed) && at < size)
            std::this_thread::sleep_for(fill_rest);
    }
    return ::fsync(descriptor) == 0;
}

}  // namespace

Result<std::unique_ptr<File>> KernelFileSystem::open(const std::string& path, Access access) {
    if (access == Access::append) {
        const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (descriptor < 0) return system_failure("open", path);
        return std::make_unique<RingFile>(descriptor, access, false);
    }
    bool direct = false;
    auto file = open_direct(path, O_RDWR, direct);
    if (!file.valid()) return system_failure("open", path);
    return std::make_unique<RingFile>(file.release(), access, direct);
}

Result<void> KernelFileSystem::create_filled(const std::string& path, std::uint64_t size,
                                             const std::atomic<bool>* hurry) {
    // Made under a name that list() does not show: a crash on the way leaves no half-filled file under the real one.
    const auto directory = directory_of(path);
    const auto partial = directory + "/." + std::filesystem::path(path).filename().string() + ".partial";
    if (::access(path.c_str(), F_OK) == 0) {
        errno = EEXIST;
        return system_failure("create", path);
    }
    bool direct = false;
    const auto file = open_direct(partial, O_RDWR | O_CREAT | O_TRUNC, direct);
    if (!file.valid()) return system_failure("create", partial);
    if (!write_zeros(file.get(), size, direct, hurry)) {
        auto error = system_failure("fill", path);
        ::unlink(partial.c_str());
        return error;
    }
    if (::rename(partial.c_str(), path.c_str()) != 0) return system_failure("rename to", path);
    return sync_blocking(directory);
}

Result<void> KernelFileSystem::create_directories(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return failure(fmt::format("cannot create {}: {}", path, error.message()));
    return sync_blocking(directory_of(path));
}

Result<std::vector<std::string>> KernelFileSystem::list(const std::string& path) {
    std::error_code error;
    std::filesystem::directory_iterator entries(path, error);
    std::vector<std::string> names;
    while (!error && entries != std::filesystem::directory_iterator()) {
        auto name = entries->path().filename().string();
        if (!name.starts_with('.')) names.push_back(std::move(name));
        entries.increment(error);
    }
    if (error) return failure(fmt::format("cannot list {}: {}", path, error.message()));
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> KernelFileSystem::remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0) return system_failure("remove", path);
    return {};
}

Result<std::uint64_t> KernelFileSystem::file_bytes(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return system_failure("ask for the size of", path);
    return static_cast<std::uint64_t>(status.st_size);
}

Result<std::uint64_t> KernelFileSystem::free_bytes(const std::string& path) {
    struct statvfs status{};
    if (::statvfs(path.c_str(), &status) != 0) return system_failure("ask for the free space of", path);
    return std::uint64_t{status.f_bavail} * status.f_frsize;
}

Result<std::size_t> KernelFileSystem::read_blocking(const std::string& path, std::uint64_t offset,
                                                    std::span<std::byte> bytes) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return system_failure("open", path);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto got =
            ::pread(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_failure("read", path);
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

Result<void> KernelFileSystem::sync_blocking(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return system_failure("open", path);
    if (::fsync(file.get()) != 0) return system_failure("sync", path);
    return {};
}

Result<void> KernelFileSystem::truncate_blocking(const std::string& path, std::uint64_t size) {
    if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) return system_failure("cut off", path);
    return {};
}

}  // namespace angarium::runtime
