#include "dns/breaker.hpp"

namespace angarium::dns {

void Breaker::replied() {
    silent_in_a_row_ = 0;
    state_ = State::trusted;
}

bool Breaker::silent() {
    if (state_ != State::trusted || ++silent_in_a_row_ < suspect_after_) return false;
    state_ = State::suspect;
    return true;
}

void Breaker::probe_silent() {
    if (state_ == State::suspect) state_ = State::dead;
}

}  // namespace angarium::dns
