#include "bench/send_errors.hpp"

#include <algorithm>
#include <tuple>

namespace angarium::bench {
namespace {

constexpr std::size_t most_example = 160;  // octets

}  // namespace

std::string_view to_string(Phase phase) {
    switch (phase) {
        case Phase::connect:
            return "connect";
        case Phase::greeting:
            return "greeting";
        case Phase::hello:
            return "ehlo";
        case Phase::tls:
            return "tls";
        case Phase::auth:
            return "auth";
        case Phase::mail:
            return "mail";
        case Phase::rcpt:
            return "rcpt";
        case Phase::data:
            return "data";
        case Phase::end_of_data:
            return "end-of-data";
        case Phase::reset:
            return "rset";
        case Phase::quit:
            break;
    }
    return "quit";
}

SendError& SendErrors::find(Phase phase, unsigned code, IoError reason) {
    for (auto& error : errors_)
        if (error.phase == phase && error.code == code && error.reason == reason) return error;
    return errors_.emplace_back(SendError{phase, code, reason, 0, {}});
}

void SendErrors::refused(Phase phase, const smtp::Reply& reply) {
    auto& error = find(phase, reply.code, IoError::failed);
    if (error.count++ == 0) error.example = reply.one_line().substr(0, most_example);
}

void SendErrors::lost(Phase phase, IoError reason) { ++find(phase, 0, reason).count; }

void SendErrors::merge(const SendErrors& other) {
    for (const auto& error : other.errors_) {
        auto& mine = find(error.phase, error.code, error.reason);
        if (mine.count == 0) mine.example = error.example;
        mine.count += error.count;
    }
    std::ranges::sort(errors_, {}, [](const SendError& e) { return std::tuple(e.phase, e.code, e.reason); });
}

std::uint64_t SendErrors::refusals(unsigned code) const {
    std::uint64_t sum = 0;
    for (const auto& error : errors_)
        if (error.code == code && code != 0) sum += error.count;
    return sum;
}

}  // namespace angarium::bench
