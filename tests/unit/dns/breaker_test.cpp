// When name servers count as dead.
#include "dns/breaker.hpp"

#include <gtest/gtest.h>

namespace angarium::dns {
namespace {

using State = Breaker::State;

TEST(Breaker, SilenceRaisesASuspicionAndOnlyTheProbeConfirmsIt) {
    Breaker breaker(3);
    EXPECT_FALSE(breaker.silent());
    EXPECT_FALSE(breaker.silent());
    EXPECT_TRUE(breaker.silent());
    EXPECT_EQ(breaker.state(), State::suspect);
    EXPECT_FALSE(breaker.silent());  // one probe is enough
    breaker.probe_silent();
    EXPECT_TRUE(breaker.dead());
    breaker.replied();
    EXPECT_EQ(breaker.state(), State::trusted);
}

TEST(Breaker, AnyReplyStartsTheCountAgain) {
    Breaker breaker(2);
    EXPECT_FALSE(breaker.silent());
    breaker.replied();
    EXPECT_FALSE(breaker.silent());
    EXPECT_TRUE(breaker.silent());
}

TEST(Breaker, AReplyDuringTheProbeWins) {
    Breaker breaker(1);
    EXPECT_TRUE(breaker.silent());
    breaker.replied();
    breaker.probe_silent();
    EXPECT_EQ(breaker.state(), State::trusted);
}

}  // namespace
}  // namespace angarium::dns
