#include "bench/id_set.hpp"

#include <bit>

namespace angarium::bench {

IdSet::IdSet() = default;

IdSet::~IdSet() {
    for (auto& run : runs_) delete run.load(std::memory_order_relaxed);
}

IdSet::Directory::~Directory() {
    for (std::size_t i = 0; i < directory_size; ++i) delete chunks[i].load(std::memory_order_relaxed);
}

IdSet::Seen IdSet::insert(std::uint64_t run, std::uint64_t number) {
    if (number >= most_numbers) return Seen::untracked;
    Directory* const found = directory(run);
    if (found == nullptr) return Seen::untracked;
    Chunk* const bits = chunk(*found, number / chunk_bits);
    if (bits == nullptr) return Seen::untracked;
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    const auto before = (*bits)[number % chunk_bits / 64].fetch_or(bit, std::memory_order_relaxed);
    return (before & bit) == 0 ? Seen::first : Seen::again;
}

IdSet::Directory* IdSet::directory(std::uint64_t run) {
    const auto look = [&]() -> std::atomic<Directory*>* {  // its place, or the first free one
        for (auto& place : runs_) {
            const Directory* const here = place.load(std::memory_order_acquire);
            if (here == nullptr || here->run == run) return &place;
        }
        return nullptr;
    };
    auto* place = look();
    if (place == nullptr) return nullptr;
    if (Directory* const here = place->load(std::memory_order_acquire)) return here;
    const std::lock_guard lock(growing_);
    place = look();
    if (place == nullptr) return nullptr;
    if (place->load(std::memory_order_acquire) == nullptr)
        place->store(new Directory(run), std::memory_order_release);
    return place->load(std::memory_order_acquire);
}

IdSet::Chunk* IdSet::chunk(Directory& directory, std::size_t index) {
    auto& place = directory.chunks[index];
    if (Chunk* const here = place.load(std::memory_order_acquire)) return here;
    const std::lock_guard lock(growing_);
    if (Chunk* const here = place.load(std::memory_order_acquire)) return here;
    if (chunks_ == most_chunks) return nullptr;
    ++chunks_;
    place.store(new Chunk{}, std::memory_order_release);
    return place.load(std::memory_order_acquire);
}

std::vector<IdSet::Run> IdSet::runs() const {
    std::vector<Run> all;
    for (const auto& place : runs_) {
        const Directory* const directory = place.load(std::memory_order_acquire);
        if (directory == nullptr) break;
        Run run{directory->run, 0, 0};
        for (std::size_t c = 0; c < directory_size; ++c) {
            const Chunk* const chunk = directory->chunks[c].load(std::memory_order_acquire);
            if (chunk == nullptr) continue;
            for (std::size_t w = 0; w < chunk->size(); ++w) {
                const auto word = (*chunk)[w].load(std::memory_order_relaxed);
                if (word == 0) continue;
                run.unique += static_cast<std::uint64_t>(std::popcount(word));
                run.highest = c * chunk_bits + w * 64 + static_cast<std::uint64_t>(std::bit_width(word)) - 1;
            }
        }
        all.push_back(run);
    }
    return all;
}

}  // namespace angarium::bench
