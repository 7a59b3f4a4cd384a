// For tests of the whole program: a file system whose syncs fail while a certain file exists, as those of a dying disk do.
// It stands on another one, to which it leaves everything else. Threads: as that one.
#pragma once

#include <memory>
#include <string>

#include "engine/runtime/file.hpp"

namespace angarium::runtime {

// `below` outlives it. `failing`: the path of the file that makes syncs, and writes that are to be synced, fail.
std::unique_ptr<FileSystem> make_failing_files(FileSystem& below, std::string failing);

}  // namespace angarium::runtime
