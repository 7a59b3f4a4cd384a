#include "bench/tls.hpp"

#include <array>
#include <utility>

#include <fmt/core.h>

#include "bench/usage.hpp"

namespace angarium::bench {
namespace {

constexpr std::array<std::string_view, 3> mode_names{"none", "starttls", "implicit"};

using Counts = std::map<std::string, std::uint64_t, std::less<>>;
void add(Counts& counts, std::string_view name, std::uint64_t count = 1) {
    if (const auto found = counts.find(name); found != counts.end())
        found->second += count;
    else
        counts.emplace(name, count);
}

}  // namespace

std::string_view to_string(TlsMode mode) { return mode_names[static_cast<std::size_t>(mode)]; }

std::optional<TlsMode> parse_tls_mode(std::string_view text) {
    for (std::size_t i = 0; i < mode_names.size(); ++i)
        if (mode_names[i] == text) return TlsMode(i);
    return std::nullopt;
}

void Handshakes::merge(const Handshakes& other) {
    full.merge(other.full);
    resumed.merge(other.resumed);
    failed += other.failed;
    for (const auto& [name, count] : other.ciphers) add(ciphers, name, count);
    for (const auto& [name, count] : other.verifications) add(verifications, name, count);
}

runtime::Task<runtime::TlsResult> shake_hands(runtime::TlsStream& stream, MonoTime deadline,
                                              Handshakes& tally) {
    const auto begun = mono_nanoseconds();
    auto result = co_await stream.handshake(deadline);
    if (!result) {
        ++tally.failed;
        co_return result;
    }
    const auto facts = stream.facts();
    (facts.resumed ? tally.resumed : tally.full).record(mono_nanoseconds() - begun);
    add(tally.ciphers, fmt::format("{} {}", facts.version, facts.cipher));
    add(tally.verifications, facts.verification);
    co_return result;
}

}  // namespace angarium::bench
