// The program itself as a child process (`serve`, `bench send` ...), its output in files, and what it uses. It ends with its
// owner whatever happens: with the object, and by the kernel should we be killed. Ctrl-C reaches us only, who end the others
// in order. Owning thread: main's, which must be the only one when a child is started. Errors carry its command and its last
// words.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/usage.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/result.hpp"
#include "engine/base/time.hpp"

namespace angarium::bench {

// What a process has used so far.
struct ProcessUse {
    CpuTime cpu;
    std::uint64_t written = 0;  // bytes, to block devices
};

class Child {
  public:
    // Its standard output goes to <name>.out in the folder, its standard error to <name>.err.
    static Result<std::unique_ptr<Child>> start(std::string name, const std::filesystem::path& folder,
                                                std::vector<std::string> arguments);
    // TERM if it still runs, then KILL.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    bool running();
    // The exit code of one that has ended; 128 and the signal if that ended it.
    int exit_code() const { return *exit_code_; }
    // TERM, and KILL when it has not ended within that time; its exit code.
    int end(Duration within);

    // Whether it has said `ready`.
    bool ready() const;
    // Where it said that it listens, by kind ("smtp").
    std::vector<Endpoint> addresses(std::string_view kind) const;
    // The newest whole line of its output; empty if there is none.
    std::string last_line() const;
    // "relay did not start: $ angarium serve ...", and the end of what it said on standard error.
    Error trouble(std::string_view what) const;

    ProcessUse use() const;
    // Resident bytes now, shared pages divided among those who share them (PSS); 0 once it has ended.
    std::uint64_t memory() const;

  private:
    Child(std::string name, std::filesystem::path folder, std::vector<std::string> arguments)
        : name_(std::move(name)), folder_(std::move(folder)), arguments_(std::move(arguments)) {}
    std::filesystem::path file(std::string_view kind) const;
    void note(int status);

    const std::string name_;
    const std::filesystem::path folder_;
    const std::vector<std::string> arguments_;
    pid_t pid_ = -1;
    std::optional<int> exit_code_;
};

}  // namespace angarium::bench
