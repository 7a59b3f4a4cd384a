#include "bench/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace angarium::bench {
namespace {

constexpr const char* self = "/proc/self/exe";
constexpr Duration patience = 5s;  // of a destructor, before KILL
constexpr Duration pause_between_looks = 2ms;

// The end of a file: all of it, or so much.
std::string tail(const std::filesystem::path& path, std::streamoff most = 65536) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    const auto size = static_cast<std::streamoff>(in.tellg());
    if (!in || size <= 0) return {};
    in.seekg(std::max<std::streamoff>(0, size - most));
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

// Of a file of lines "name: value [unit]", as in /proc.
std::uint64_t value_in(const std::string& path, std::string_view name) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size(), nullptr, 10);
    return 0;
}

[[noreturn]] void become(const std::string& out, const std::string& err, char* const* arguments,
                         pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::setpgid(0, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    constexpr int write_anew = O_WRONLY | O_CREAT | O_TRUNC;
    const int in = ::open("/dev/null", O_RDONLY), to_out = ::open(out.c_str(), write_anew, 0644),
              to_err = ::open(err.c_str(), write_anew, 0644);
    if (in >= 0 && to_out >= 0 && to_err >= 0 && ::dup2(in, 0) == 0 && ::dup2(to_out, 1) == 1 &&
        ::dup2(to_err, 2) == 2 && ::close_range(3, ~0u, 0) == 0)
        ::execv(self, arguments);
    ::_exit(127);
}

}  // namespace

std::filesystem::path Child::file(std::string_view kind) const {
    return folder_ / fmt::format("{}.{}", name_, kind);
}

Result<std::unique_ptr<Child>> Child::start(std::string name, const std::filesystem::path& folder,
                                            std::vector<std::string> arguments) {
    std::unique_ptr<Child> child(new Child(std::move(name), folder, std::move(arguments)));
    std::string program = "angarium";
    std::vector<char*> words{program.data()};
    for (const auto& argument : child->arguments_) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    const std::string out = child->file("out"), err = child->file("err");
    std::filesystem::remove(out);  // an earlier child's words are not this one's
    std::filesystem::remove(err);
    const pid_t parent = ::getpid();
    child->pid_ = ::fork();
    if (child->pid_ == 0) become(out, err, words.data(), parent);
    if (child->pid_ < 0)
        return failure(fmt::format("cannot start a process for {}: {}", child->name_, std::strerror(errno)));
    return child;
}

Child::~Child() {
    if (pid_ > 0) end(patience);
}

void Child::note(int status) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Child::running() {
    int status = 0;
    if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) note(status);
    return !exit_code_;
}

int Child::end(Duration within) {
    if (running()) ::kill(pid_, SIGTERM);
    const auto deadline = mono_nanoseconds() + static_cast<std::uint64_t>(within.count());
    while (running() && mono_nanoseconds() < deadline) {
        const timespec pause{0, pause_between_looks.count()};
        ::nanosleep(&pause, nullptr);
    }
    if (running()) {
        ::kill(pid_, SIGKILL);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        note(status);
    }
    return *exit_code_;
}

bool Child::ready() const {
    std::istringstream lines(tail(file("err")));
    for (std::string line; std::getline(lines, line);)
        if (line == "ready") return true;
    return false;
}

std::vector<Endpoint> Child::addresses(std::string_view kind) const {
    std::vector<Endpoint> found;
    const std::string begin = fmt::format("listening {} ", kind);
    std::istringstream lines(tail(file("err")));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(begin))
            if (const auto endpoint = Endpoint::parse(line.substr(begin.size()))) found.push_back(*endpoint);
    return found;
}

std::string Child::last_line() const {
    auto text = tail(file("out"));
    const auto end = text.rfind('\n');
    if (end == std::string::npos) return {};
    const auto before = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
    const auto begin = before == std::string::npos ? 0 : before + 1;
    return text.substr(begin, end - begin);
}

Error Child::trouble(std::string_view what) const {
    auto text = fmt::format("{} {}: $ angarium", name_, what);
    for (const auto& argument : arguments_) text += " " + argument;
    auto words = tail(file("err"), 2000);
    while (words.ends_with('\n')) words.pop_back();
    return Error{words.empty() ? text : text + "\n" + words};
}

ProcessUse Child::use() const {
    ProcessUse use;
    use.written = value_in(fmt::format("/proc/{}/io", pid_), "write_bytes:");
    // The clock is exact; /proc says, in ticks, how it divides.
    clockid_t clock{};
    timespec total{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &total) != 0) return use;
    use.cpu.user = static_cast<double>(total.tv_sec) + static_cast<double>(total.tv_nsec) / 1e9;
    std::ifstream in(fmt::format("/proc/{}/stat", pid_));
    std::string line;
    std::getline(in, line);
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0, system = 0;
    if (fields >> user >> system && user + system > 0) {
        use.cpu.system = use.cpu.user * system / (user + system);
        use.cpu.user -= use.cpu.system;
    }
    return use;
}

std::uint64_t Child::memory() const {
    return value_in(fmt::format("/proc/{}/smaps_rollup", pid_), "Pss:") * 1024;
}

}  // namespace angarium::bench
