#include "engine/accounts/accounts_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "engine/base/random.hpp"

namespace angarium::accounts {
namespace {

constexpr std::size_t most_bytes = 64 << 20;  // some 200,000 accounts
constexpr mode_t everybody = S_IRWXO;

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int number() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }

  private:
    const int number_;
};

std::unexpected<Error> trouble(const std::string& file, std::string_view what) {
    return failure(fmt::format("{}: {}", file, what));
}
std::unexpected<Error> failed(const std::string& file, std::string_view what) {
    return trouble(file, fmt::format("{}: {}", what, std::strerror(errno)));
}

struct Contents {
    std::string text;
    struct stat facts{};
    bool there = false;
};

Result<Contents> read_file(const std::string& file, bool may_lack) {
    Contents contents;
    const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!in) {
        if (errno == ENOENT && may_lack) return contents;
        if (errno == ENOENT)
            return trouble(file, "is not there; make it with `angarium user add NAME --file FILE`");
        return failed(file, "cannot be opened");
    }
    contents.there = true;
    if (::fstat(in.number(), &contents.facts) != 0) return failed(file, "cannot be looked at");
    if (!S_ISREG(contents.facts.st_mode)) return trouble(file, "is no regular file");
    if ((contents.facts.st_mode & everybody) != 0)
        return trouble(
            file, fmt::format("everybody may use it, and it holds hashed passwords; run: chmod o= {}", file));
    char buffer[65536];
    while (true) {
        const auto got = ::read(in.number(), buffer, sizeof buffer);
        if (got < 0) return failed(file, "cannot be read");
        if (got == 0) return contents;
        contents.text.append(buffer, static_cast<std::size_t>(got));
        if (contents.text.size() > most_bytes)
            return trouble(file, "is larger than 64 MiB and no file of accounts");
    }
}

bool write_all(int to, std::string_view text) {
    while (!text.empty()) {
        const auto put = ::write(to, text.data(), text.size());
        if (put < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

// Under another name first; then it takes the file's place.
Result<void> write_file(const std::string& file, const Contents& before, std::string_view text) {
    const auto beside = fmt::format("{}.{:016x}", file, kernel_random());
    const Descriptor out(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!out) return failed(beside, "cannot be made");
    bool good = true;
    if (before.there) {
        good = ::fchown(out.number(), before.facts.st_uid, before.facts.st_gid) == 0 || ::geteuid() != 0;
        good = good && ::fchmod(out.number(), before.facts.st_mode & (S_IRWXU | S_IRWXG)) == 0;
    }
    good = good && write_all(out.number(), text) && ::fsync(out.number()) == 0;
    if (!good || ::rename(beside.c_str(), file.c_str()) != 0) {
        auto error = failed(file, "cannot be written");
        ::unlink(beside.c_str());
        return error;
    }
    return {};
}

}  // namespace

std::expected<std::shared_ptr<const Accounts>, std::vector<Error>> load_accounts(const std::string& file) {
    auto contents = read_file(file, false);
    if (!contents) return std::unexpected(std::vector{contents.error()});
    auto accounts = Accounts::parse(contents->text, file);
    if (!accounts) return std::unexpected(accounts.error());
    return std::make_shared<const Accounts>(std::move(*accounts));
}

Result<void> edit_accounts(const std::string& name, bool create,
                           const std::function<Result<std::string>(std::string_view)>& change) {
    std::error_code ignored;
    const auto real = std::filesystem::weakly_canonical(
        name, ignored);  // what a symbolic link names is replaced, not the link
    const auto file = ignored ? name : real.string();
    const auto folder = std::filesystem::path(file).parent_path().string();
    const Descriptor held(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!held || ::flock(held.number(), LOCK_EX) != 0) return failed(folder, "cannot be opened");
    const auto before = read_file(file, create);
    if (!before) return std::unexpected(before.error());
    auto after = change(before->text);
    if (!after) return trouble(file, after.error().text);
    // What we would refuse to read is not written.
    if (const auto parsed = Accounts::parse(*after, file); !parsed)
        return std::unexpected(parsed.error().front());
    if (auto written = write_file(file, *before, *after); !written) return written;
    if (::fsync(held.number()) != 0) return failed(folder, "cannot be synced");
    return {};
}

}  // namespace angarium::accounts
