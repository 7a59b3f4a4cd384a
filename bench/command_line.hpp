// The options of `angarium bench ...`. CLI11 stays in the .cpp. Owning thread: main's.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace angarium::bench {

// Adds the subcommands send, sink, relay and store to `parent`. Whichever is given calls `choose` with what is to be run; its
// result is the exit code.
void add_bench_commands(CLI::App& parent, std::function<void(std::function<int()>)> choose);

}  // namespace angarium::bench
