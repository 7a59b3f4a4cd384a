// RocksDB's files on the simulated disk: RocksDB runs for real, with its own threads, and the disk knows what it has synced.
#pragma once

#include <string>

#include "tests/sim/disk.hpp"

namespace angarium::sim {

// Makes this name, in StoreOptions::file_system, stand for that disk; valid until the next call with the same name.
void enlist_rocks_files(const std::string& name, SimDisk& disk);

}  // namespace angarium::sim
