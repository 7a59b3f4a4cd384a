// Micro-benchmarks of signing: canonicalisation and hashing of bodies, signatures by kind of key, a whole message.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/dkim/signer.hpp"

namespace angarium::bench {
namespace {

const dkim::Library& library() {
    static const dkim::Library one;
    return one;
}

// Prose, or what attachments look like; in receive buffers of 16 KiB.
std::string body_of(std::size_t size, bool prose) {
    const std::string line =
        prose ? "the quick brown fox jumps over the lazy dog, and again it is a line of text\r\n"
              : std::string(76, 'A') + "\r\n";
    std::string body;
    while (body.size() + line.size() <= size) body += line;
    return body;
}

template <class Each>
void in_buffers(std::string_view text, Each each) {
    for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(16384, text.size())))
        each(text.substr(0, 16384));
}

void canonical_body(benchmark::State& state, dkim::Canonical how, bool prose) {
    const auto text = body_of(1 << 20, prose);
    std::vector<std::string_view> pieces;
    for (auto _ : state) {
        dkim::BodyCanonical canonical(how);
        in_buffers(text, [&](std::string_view piece) {
            pieces.clear();
            canonical.feed(piece, pieces);
            benchmark::DoNotOptimize(pieces.data());
        });
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(canonical_body, simple, dkim::Canonical::simple, true);
BENCHMARK_CAPTURE(canonical_body, relaxed_prose, dkim::Canonical::relaxed, true);
BENCHMARK_CAPTURE(canonical_body, relaxed_base64, dkim::Canonical::relaxed, false);

void body_hash(benchmark::State& state) {
    const auto text = body_of(1 << 20, true);
    for (auto _ : state) {
        dkim::Sha256 hash(library());
        in_buffers(text, [&](std::string_view piece) { hash.update(piece); });
        benchmark::DoNotOptimize(hash.finish());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(body_hash);

void sign_digest(benchmark::State& state, dkim::Algorithm algorithm, int bits) {
    const auto key = dkim::PrivateKey::generate(library(), algorithm, bits);
    const dkim::Digest digest{};
    for (auto _ : state) benchmark::DoNotOptimize(key->sign(digest));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(sign_digest, rsa_2048, dkim::Algorithm::rsa_sha256, 2048);
BENCHMARK_CAPTURE(sign_digest, rsa_4096, dkim::Algorithm::rsa_sha256, 4096);
BENCHMARK_CAPTURE(sign_digest, ed25519, dkim::Algorithm::ed25519_sha256, 0);

// All that a message of 4 KiB costs a shard when it is signed; the signature itself only with Ed25519, which is made there.
void message_on_the_shard(benchmark::State& state, dkim::Algorithm algorithm, bool sign) {
    dkim::Entry entry;
    entry.domains = {"sender.example.test"};
    entry.form.selector = "s2026";
    entry.key = dkim::PrivateKey::generate(library(), algorithm, 2048)->pem();
    const auto signer = *dkim::Signer::make(library(), std::vector{entry});
    const auto content =
        "From: Sender <someone@sender.example.test>\r\nTo: reader@d042.example.test\r\nSubject: a message\r\n"
        "Date: Thu, 26 Nov 2026 06:46:03 +0000\r\nMessage-ID: <4711@sender.example.test>\r\nMIME-Version: "
        "1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n" +
        body_of(3700, true);
    for (auto _ : state) {
        dkim::MessageSigner message(signer);
        message.feed(content);
        if (!message.end()) state.SkipWithError("not signed");
        message.prepare(WallTime{1'700'000'000'000ms});
        if (sign) benchmark::DoNotOptimize(message.sign());
        benchmark::DoNotOptimize(message.head());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(message_on_the_shard, rsa_without_signature, dkim::Algorithm::rsa_sha256, false);
BENCHMARK_CAPTURE(message_on_the_shard, ed25519, dkim::Algorithm::ed25519_sha256, true);

}  // namespace
}  // namespace angarium::bench
