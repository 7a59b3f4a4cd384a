// Micro-benchmarks of logins: what each costs the shard, a worker thread and the client.
#include <benchmark/benchmark.h>

#include <string>

#include "engine/base/base64.hpp"
#include "engine/sasl/client.hpp"
#include "engine/sasl/server.hpp"

namespace angarium::bench {
namespace {

const sasl::Credentials jack{"jack@town.com", "a pail of water"};

// PLAIN on the shard when the password is known: decode, take apart, look up by a digest.
void login_plain_known(benchmark::State& state) {
    const auto line = sasl::Client(sasl::Mechanism::plain, jack).command();
    const auto encoded = std::string_view(line).substr(11, line.size() - 13);
    const auto secret = sasl::random_bytes(32);
    for (auto _ : state) {
        const auto message = decode_base64(encoded);
        sasl::Server server(sasl::Mechanism::plain, "");
        server.begin(*message);
        auto key = sasl::hmac_sha256(secret, *message);
        benchmark::DoNotOptimize(key);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(login_plain_known);

// Both sides of SCRAM-SHA-256, without what the client hashes once.
void login_scram_both_sides(benchmark::State& state) {
    const auto verifier =
        sasl::make_scram_verifier(jack.password, "0123456789abcdef", sasl::least_iterations);
    const auto keys = sasl::make_scram_keys(jack.password, verifier.salt, verifier.iterations);
    for (auto _ : state) {
        sasl::ScramClient client(jack.user, sasl::make_nonce());
        sasl::ScramServer server(sasl::make_nonce());
        server.first(client.first());
        client.take(server.challenge(verifier));
        auto judgement = server.final(client.final(keys));
        benchmark::DoNotOptimize(judgement);
        auto trusted = client.judge(server.signature());
        benchmark::DoNotOptimize(trusted);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(login_scram_both_sides);

// A password that is not known, on a worker thread.
void login_scrypt(benchmark::State& state) {
    for (auto _ : state) {
        auto digest = sasl::scrypt(jack.password, "0123456789abcdef", sasl::ScryptCost());
        benchmark::DoNotOptimize(digest);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(login_scrypt)->Unit(benchmark::kMillisecond);

// SCRAM's hash, once in a client's life.
void login_scram_client_hash(benchmark::State& state) {
    for (auto _ : state) {
        auto keys = sasl::make_scram_keys(jack.password, "0123456789abcdef", sasl::default_iterations);
        benchmark::DoNotOptimize(keys);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(login_scram_client_hash)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace angarium::bench
