// Which messages have come: one bit for each number of each run, so that a hundred million messages fit 12 MiB. Any
// thread may insert at any time; memory is bounded, whatever numbers a peer invents.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace angarium::bench {

class IdSet {
  public:
    enum class Seen : std::uint8_t {
        first,      // it was not there before
        again,      // it was
        untracked,  // too many runs, or too high a number: not remembered
    };
    static constexpr std::size_t most_runs = 256;
    static constexpr std::uint64_t most_numbers = std::uint64_t{1}
                                                  << 32;  // of one run: 0 .. most_numbers - 1
    static constexpr std::size_t most_chunks = 65536;     // 8 KiB each: 512 MiB, over all runs

    IdSet();
    ~IdSet();
    IdSet(const IdSet&) = delete;
    IdSet& operator=(const IdSet&) = delete;

    Seen insert(std::uint64_t run, std::uint64_t number);

    struct Run {
        std::uint64_t run = 0;
        std::uint64_t unique = 0;
        std::uint64_t highest = 0;  // number
    };
    // Counts the bits: for summaries.
    std::vector<Run> runs() const;

  private:
    static constexpr std::size_t chunk_bits = 65536;
    static constexpr std::size_t directory_size = most_numbers / chunk_bits;
    using Chunk = std::array<std::atomic<std::uint64_t>, chunk_bits / 64>;
    struct Directory {
        explicit Directory(std::uint64_t run_)
            : run(run_), chunks(new std::atomic<Chunk*>[directory_size] {}) {}
        ~Directory();
        const std::uint64_t run;
        const std::unique_ptr<std::atomic<Chunk*>[]> chunks;
    };
    Directory* directory(std::uint64_t run);
    Chunk* chunk(Directory& directory, std::size_t index);

    std::array<std::atomic<Directory*>, most_runs> runs_{};
    std::mutex growing_;  // runs_ and chunks are added under it, and read without
    std::size_t chunks_ = 0;
};

}  // namespace angarium::bench
