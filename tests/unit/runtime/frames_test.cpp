// Frames: what was freed serves the next of its size, on whichever thread it was freed, and only so many are kept.
#include "engine/runtime/frames.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace angarium::runtime {
namespace {

TEST(Frames, ServeTheNextOfTheirSize) {
    Frames frames;
    void* const first = frames.take(200);
    void* const second = frames.take(500);
    frames.give(first, 200);
    frames.give(second, 500);
    EXPECT_EQ(frames.take(450), second);  // 449 to 512 are one size
    EXPECT_EQ(frames.take(193), first);
    frames.give(first, 193);
    frames.give(second, 450);
}

TEST(Frames, AreOrdinaryMemoryToOtherThreads) {
    Frames frames;
    void* const frame = frames.take(100);
    std::thread([frame] {
        Frames others;
        others.give(frame, 100);
        EXPECT_EQ(others.take(100), frame);
        others.give(frame, 100);
    }).join();
}

TEST(Frames, KeepSoMany) {
    Frames frames;
    std::vector<void*> taken;
    for (int i = 0; i < 100; ++i) taken.push_back(frames.take(64));
    for (void* const frame : taken) frames.give(frame, 64);
    std::set<void*> first(taken.begin(), taken.begin() + 64), again;
    for (int i = 0; i < 64; ++i) again.insert(frames.take(64));
    EXPECT_EQ(again, first);
    for (void* const frame : again) frames.give(frame, 64);
    for (std::size_t size : {2048, 2049, 1 << 20}) {
        void* const large = frames.take(size);
        frames.give(large, size);
    }
}

}  // namespace
}  // namespace angarium::runtime
