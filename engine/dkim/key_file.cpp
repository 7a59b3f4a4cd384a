#include "engine/dkim/key_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace angarium::dkim {
namespace {

constexpr std::size_t most_bytes = 64 * 1024;  // what is larger is no key

class Descriptor {
  public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return descriptor_; }

  private:
    const int descriptor_;
};

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(descriptor) == 0;
}

}  // namespace

Result<std::string> read_key_file(const std::string& path) {
    const auto cannot = [&](std::string_view why) {
        return failure(fmt::format(
            "cannot read the private key '{}': {}; name a PEM file that this user may read", path, why));
    };
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat facts{};
    if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return cannot(std::strerror(errno));
    if (!S_ISREG(facts.st_mode)) return cannot("it is no file");
    if ((facts.st_mode & (S_IROTH | S_IWOTH)) != 0)
        return failure(fmt::format(
            "the private key '{}' is open to every user of this system (mode {:o}); run: chmod 600 {}", path,
            facts.st_mode & 07777u, path));
    std::string text(most_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const auto got = ::read(file.get(), text.data() + size, text.size() - size);
        if (got < 0) return cannot(std::strerror(errno));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size == 0) return cannot("it is empty");
    if (size > most_bytes) return cannot("it is too large to be a key");
    text.resize(size);
    return text;
}

Result<void> write_key_file(const std::string& path, const std::string& text, bool force) {
    const auto cannot = [&](int error) {
        return failure(
            error == EEXIST
                ? fmt::format(
                      "'{}' is there already; name another file, or replace the key in it with --force", path)
                : fmt::format("cannot write the private key '{}': {}; name a file in a folder of this user's",
                              path, std::strerror(error)));
    };
    // Under another name first: who reads the file in between finds the whole old or the whole new one.
    const auto fresh = fmt::format("{}.new-{}", path, ::getpid());
    {
        const Descriptor file(
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file.get() < 0) return cannot(errno);
        if (::fchmod(file.get(), 0600) != 0 || !write_all(file.get(), text)) {
            const int error = errno;
            ::unlink(fresh.c_str());
            return cannot(error);
        }
    }
    // A link fails where something is; a rename replaces it.
    const int moved = force ? std::rename(fresh.c_str(), path.c_str()) : ::link(fresh.c_str(), path.c_str());
    const int error = errno;
    if (!force || moved != 0) ::unlink(fresh.c_str());
    if (moved != 0) return cannot(error);
    return {};
}

}  // namespace angarium::dkim
