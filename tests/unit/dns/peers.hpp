// Real name servers for tests: nsd and unbound as ordinary processes, on ports that the kernel picked, in a folder of
// their own. They end with the object.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/endpoint.hpp"

namespace angarium::dns::test {

// A folder that goes with the object.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string write(const std::string& name, const std::string& text) const;  // the file's path
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// A port on 127.0.0.1 that is free for UDP and TCP.
std::uint16_t free_port();

// A name server's program, found below ANGARIUM_PEERS, build/peers, or on PATH; a missing one is a test failure that
// names the remedy. The constructor returns when it answers queries.
class NameServer {
  public:
    // Writes the configuration for that port and returns the arguments; the last is the configuration's path.
    using Configure = std::function<std::vector<std::string>(std::uint16_t port)>;

    NameServer(const std::string& program, const Configure& configure);
    ~NameServer() { end(); }
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;
    bool running() const { return running_; }
    Endpoint endpoint() const;

  private:
    void wait_until_running();
    void end();

    std::uint16_t port_ = 0;
    int process_ = -1;
    bool running_ = false;
};

// nsd with one zone file per zone, {name, text}.
struct Zone {
    std::string name, text;
};
class Nsd {
  public:
    explicit Nsd(const std::vector<Zone>& zones);
    bool running() const { return server_.running(); }
    Endpoint endpoint() const { return server_.endpoint(); }

  private:
    std::vector<std::string> configure(const std::vector<Zone>& zones, std::uint16_t port) const;
    Folder folder_;
    NameServer server_;
};

// unbound with these lines below `server:` (and further clauses after them).
class Unbound {
  public:
    explicit Unbound(const std::string& lines);
    bool running() const { return server_.running(); }
    Endpoint endpoint() const { return server_.endpoint(); }

  private:
    std::vector<std::string> configure(const std::string& lines, std::uint16_t port) const;
    Folder folder_;
    NameServer server_;
};

}  // namespace angarium::dns::test
