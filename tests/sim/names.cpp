#include "tests/sim/names.hpp"

#include <algorithm>

namespace angarium::sim {

using dns::Answer;
using dns::Failure;
using dns::RecordType;

Answer Names::answer(const dns::Question& question) {
    ++asked;
    if (world_.chance(failures)) {
        constexpr Failure bad[] = {Failure::server_failed, Failure::timed_out, Failure::refused,
                                   Failure::malformed};
        return Answer::failed(bad[world_.below(4)]);
    }
    Answer answer;
    answer.canonical = question.name;
    answer.has_ttl = true;
    answer.ttl = ttl;
    if (!names.contains(question.name)) {
        answer.failure = Failure::no_such_domain;
        return answer;
    }
    if (const auto found = exchangers.find(question.name);
        question.type == RecordType::mx && found != exchangers.end())
        answer.exchangers = found->second;
    if (const auto found = addresses.find(question.name);
        question.type == RecordType::a && found != addresses.end())
        answer.addresses = found->second;
    if (answer.exchangers.empty() && answer.addresses.empty()) answer.failure = Failure::no_data;
    return answer;
}

runtime::Task<Answer> SimLookup::ask(dns::Question question) {
    auto& world = names_.world();
    const auto wait = world.chance(0.02) ? Duration(6s) : world.latency(2ms);
    co_await shard_.sleep(canceled_ ? Duration(0) : wait);
    if (canceled_) co_return Answer::failed(Failure::canceled);
    co_return names_.answer(question);
}

}  // namespace angarium::sim
