#include "tests/unit/dns/peers.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/unit/dns/message_builder.hpp"

namespace angarium::dns::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// The command that starts it, or nothing.
std::vector<std::string> find_program(const std::string& program) {
    const char* set = std::getenv("ANGARIUM_PEERS");
    const fs::path peers = set != nullptr ? fs::path(set) : fs::path(ANGARIUM_ROOT) / "build/peers";
    for (const auto* folder : {"usr/sbin", "usr/bin"})
        if (fs::exists(peers / folder / program)) return {ANGARIUM_ROOT "/tests/support/peer", program};
    std::istringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
    for (std::string folder; std::getline(path, folder, ':');)
        if (fs::exists(fs::path(folder) / program)) return {(fs::path(folder) / program).string()};
    return {};
}

int start(std::vector<std::string> command, const fs::path& output) {
    std::vector<char*> arguments;
    for (auto& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int process = ::fork();
    if (process != 0) return process;
    ::setpgid(0, 0);
    if (std::freopen(output.c_str(), "w", stderr) == nullptr) ::_exit(126);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

// Whether anything answers a query on that port.
bool answers(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(port);
    ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const auto query = Message("", RecordType::ns, 0x0100).octets();
    bool answered = ::send(socket, query.data(), query.size(), 0) > 0;
    pollfd waiting{socket, POLLIN, 0};
    std::uint8_t reply[4096];
    answered = answered && ::poll(&waiting, 1, 100) == 1 && ::recv(socket, reply, sizeof reply, 0) > 0;
    ::close(socket);
    return answered;
}

}  // namespace

Folder::Folder() {
    std::string name = (fs::temp_directory_path() / "angarium-dns-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
}

Folder::~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
}

std::uint16_t free_port() {
    for (int tries = 0; tries < 100; ++tries) {
        const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const int tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        auto address = loopback(0);
        socklen_t length = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        const bool both = ::bind(udp, any, length) == 0 && ::getsockname(udp, any, &length) == 0 &&
                          ::bind(tcp, any, length) == 0;
        ::close(udp);
        ::close(tcp);
        if (both) return ntohs(address.sin_port);
    }
    return 0;
}

NameServer::NameServer(const std::string& program, const Configure& configure) {
    const auto command = find_program(program);
    if (command.empty()) {
        ADD_FAILURE()
            << program
            << " is missing: run 'make deps', or set ANGARIUM_PEERS to where its package is unpacked";
        return;
    }
    std::string said;
    for (int ports = 0; ports < 5 && !running_; ++ports) {  // somebody else may have taken the port meanwhile
        port_ = free_port();
        auto whole = command;
        const auto arguments = configure(port_);
        whole.insert(whole.end(), arguments.begin(), arguments.end());
        const auto output = fs::path(arguments.back()).replace_extension("out");
        process_ = start(whole, output);
        wait_until_running();
        std::stringstream text;
        text << std::ifstream(output).rdbuf();
        said = text.str();
    }
    EXPECT_TRUE(running_) << program << " does not answer; it said:\n" << said;
}

void NameServer::wait_until_running() {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < deadline) {
        const bool answered = answers(port_);
        if (::waitpid(process_, nullptr, WNOHANG) == process_) {
            process_ = -1;
            return;
        }
        if (answered) {
            running_ = true;
            return;
        }
        std::this_thread::sleep_for(10ms);
    }
    end();
}

void NameServer::end() {
    if (process_ <= 0) return;
    ::kill(-process_, SIGTERM);
    for (int tries = 0; tries < 300; ++tries) {
        if (::waitpid(process_, nullptr, WNOHANG) == process_) {
            process_ = -1;
            return;
        }
        std::this_thread::sleep_for(10ms);
    }
    ::kill(-process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
}

Endpoint NameServer::endpoint() const { return {IpAddress::v4(INADDR_LOOPBACK), port_}; }

Nsd::Nsd(const std::vector<Zone>& zones)
    : server_("nsd", [&](std::uint16_t port) { return configure(zones, port); }) {}

std::vector<std::string> Nsd::configure(const std::vector<Zone>& zones, std::uint16_t port) const {
    std::ostringstream text;
    const auto folder = folder_.path().string();
    text << "server:\n  ip-address: 127.0.0.1@" << port
         << "\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n"
         << "  server-count: 1\n  zonesdir: \"" << folder << "\"\n  pidfile: \"" << folder << "/nsd.pid\"\n"
         << "  xfrdfile: \"" << folder << "/xfrd.state\"\n  zonelistfile: \"" << folder << "/zone.list\"\n"
         << "  xfrdir: \"" << folder << "\"\n  rrl-ratelimit: 0\n"
         << "remote-control:\n  control-enable: no\n";
    for (const auto& zone : zones) {
        const auto file = folder_.write(zone.name + ".zone", zone.text);
        text << "zone:\n  name: \"" << zone.name << "\"\n  zonefile: \"" << file << "\"\n";
    }
    return {"-d", "-c", folder_.write("nsd.conf", text.str())};
}

Unbound::Unbound(const std::string& lines)
    : server_("unbound", [&](std::uint16_t port) { return configure(lines, port); }) {}

std::vector<std::string> Unbound::configure(const std::string& lines, std::uint16_t port) const {
    std::ostringstream text;
    text << "server:\n  interface: 127.0.0.1@" << port
         << "\n  username: \"\"\n  chroot: \"\"\n  directory: \"" << folder_.path().string()
         << "\"\n  pidfile: \"\"\n  use-syslog: no\n  do-daemonize: no\n  num-threads: 1\n"
         << "  do-not-query-localhost: no\n  module-config: \"iterator\"\n  do-ip6: no\n  so-reuseport: no\n"
         << lines << "remote-control:\n  control-enable: no\n";
    return {"-d", "-c", folder_.write("unbound.conf", text.str())};
}

}  // namespace angarium::dns::test
