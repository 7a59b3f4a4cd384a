// Memory of coroutine frames. A message's way is a dozen short coroutines of the same few sizes, many of each at a time, so every
// thread keeps some of what was freed for those that come next. A frame may be freed by another thread than made it: it
// is ordinary memory. Plain allocations under Address- and ThreadSanitizer, which then see frames that are used after
// their end.
// Owning thread: each its own.
#pragma once

#include <cstddef>
#include <new>

namespace angarium::runtime {

class Frames {
  public:
    constexpr Frames() = default;
    Frames(const Frames&) = delete;
    Frames& operator=(const Frames&) = delete;
    ~Frames() {
        for (auto& kept : kept_)
            while (kept.first != nullptr) ::operator delete(pop(kept));
    }

    void* take(std::size_t size) {
        if (size > largest) return ::operator new(size);
        auto& kept = kept_[place(size)];
        return kept.first != nullptr ? pop(kept) : ::operator new((place(size) + 1) * step);
    }
    void give(void* frame, std::size_t size) {
        if (size > largest || kept_[place(size)].count == most) return ::operator delete(frame);
        auto& kept = kept_[place(size)];
        kept.first = new (frame) Free{kept.first};
        ++kept.count;
    }

  private:
    struct Free {
        Free* next;
    };
    struct Kept {
        Free* first = nullptr;
        std::size_t count = 0;
    };
    // At most 64 frames of each size up to 2 KiB, by steps of a cache line: two MiB a thread if all of them are ever used.
    static constexpr std::size_t step = 64, largest = 2048, most = 64;

    static std::size_t place(std::size_t size) { return (size - 1) / step; }
    static void* pop(Kept& kept) {
        Free* const frame = kept.first;
        kept.first = frame->next;
        --kept.count;
        return frame;
    }

    Kept kept_[largest / step];
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ANGARIUM_PLAIN_FRAMES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ANGARIUM_PLAIN_FRAMES
#endif
#endif

#if !defined(ANGARIUM_PLAIN_FRAMES)
inline thread_local Frames frames;
#endif

// What a promise inherits, so that its coroutine's frame comes from there.
struct FrameMemory {
#if !defined(ANGARIUM_PLAIN_FRAMES)
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* frame, std::size_t size) { frames.give(frame, size); }
#endif
};

}  // namespace angarium::runtime
