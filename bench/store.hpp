// `angarium bench store`: what this disk and the journal can do without any SMTP: messages a second and CPU time a message
// through the real journal, beside raw synced writes of the same bytes, and the disk's own sync time; then through the real store
// (RocksDB), as mail that waits is moved there. Owning thread: the caller's; it starts a shard of its own and returns when all is done.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/time.hpp"

namespace angarium::bench {

struct StoreOptions {
    std::string path;  // a directory on the disk to be measured; files made in it are removed again
    std::vector<std::uint64_t> sizes = {4096, 32768, 102400};  // bytes of one message
    std::vector<unsigned> groups = {1, 8, 64};                 // messages under way at a time; and in a batch
    Duration seconds = 2s;                                     // for each figure
    bool json = false;
};

// Prints a table or JSON on standard output and returns the exit code.
int run_store(const StoreOptions& options);

}  // namespace angarium::bench
