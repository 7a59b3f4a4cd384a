// What the TLS tests share: contexts, and pairs of connected TLS streams over TCP or over memory.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/runtime/tls_stream.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/manual_shard.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/temporary_file.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime::testing {

using support::authority, support::TemporaryFile;

inline std::shared_ptr<TlsContext> server_context(std::vector<TlsIdentity> identities,
                                                  TlsVersion newest = TlsVersion::v1_3) {
    TlsServerOptions options;
    options.identities = std::move(identities);
    options.newest = newest;
    auto made = TlsContext::server(options);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text);
    return made.value_or(nullptr);
}

inline std::shared_ptr<TlsContext> client_context(TlsVersion newest = TlsVersion::v1_3) {
    static const TemporaryFile trusted(authority().certificate());
    TlsClientOptions options;
    options.authorities = trusted.path();
    options.newest = newest;
    auto made = TlsContext::client(options);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text);
    return made.value_or(nullptr);
}

// The error of a handshake that must have failed.
inline TlsError trouble_of(const TlsResult& result) {
    EXPECT_FALSE(result.has_value());
    return result ? TlsError{} : result.error();
}

// Both ends' contexts, and whom the client asks for.
struct Sides {
    std::shared_ptr<TlsContext> server = server_context({authority().issue()});
    std::shared_ptr<TlsContext> client = client_context();
    TlsPeer peer{"mx.example.test", TlsVerify::name_and_chain, "127.0.0.1:25"};
};

struct TlsPair {
    std::unique_ptr<TlsStream> client, server;
    TlsResult client_result, server_result;
};

inline Task<void> shake_into(TlsStream& stream, MonoTime deadline, TlsResult& out) {
    out = co_await stream.handshake(deadline);
}

// Both handshakes over `plain`; their results are the test's to judge.
inline Task<TlsPair> shake(Pair plain, Sides& sides) {
    TlsPair pair;
    pair.client = std::make_unique<TlsStream>(sides.client, std::move(plain.client), sides.peer);
    pair.server = std::make_unique<TlsStream>(sides.server, std::move(plain.server));
    auto serving = shake_into(*pair.server, after(20s), pair.server_result);
    auto asking = shake_into(*pair.client, after(20s), pair.client_result);
    co_await asking;
    // TLS 1.3: the client's last words leave with its first read or write.
    if (pair.client_result) {
        const auto nothing = co_await pair.client->read(after(1ms));
        EXPECT_FALSE(nothing.has_value());
    } else {
        pair.client.reset();
    }
    co_await serving;
    co_return pair;
}

// Over loopback, with results that must be good.
inline Task<TlsPair> tls_pair(RingShard& shard, Sides& sides) {
    auto plain = co_await connected_pair(shard);
    auto pair = co_await shake(std::move(plain), sides);
    EXPECT_TRUE(pair.client_result.has_value()) << pair.client_result.error().text;
    EXPECT_TRUE(pair.server_result.has_value()) << pair.server_result.error().text;
    co_return pair;
}

// Two TLS streams in memory, on a shard that turns when told; the test carries the bytes.
struct MemoryPair {
    std::shared_ptr<support::Wire> client_wire = std::make_shared<support::Wire>();
    std::shared_ptr<support::Wire> server_wire = std::make_shared<support::Wire>();
    std::unique_ptr<TlsStream> client, server;

    explicit MemoryPair(Sides& sides) {
        const Endpoint here{IpAddress::v4(0x7F000001), 25}, there{IpAddress::v4(0x7F000002), 4000};
        auto client_plain = std::make_unique<support::MemoryStream>(client_wire, here, there);
        auto server_plain = std::make_unique<support::MemoryStream>(server_wire, there, here);
        client = std::make_unique<TlsStream>(sides.client, std::move(client_plain), sides.peer);
        server = std::make_unique<TlsStream>(sides.server, std::move(server_plain));
    }
    // Carries what was written to the other end, in pieces of `step` bytes, until nobody writes more.
    void carry(support::ManualShard& shard, std::size_t step = 1 << 20) {
        shard.settle();
        while (!client_wire->sent.empty() || !server_wire->sent.empty()) {
            const auto up = std::exchange(client_wire->sent, {}), down = std::exchange(server_wire->sent, {});
            for (std::size_t at = 0; at < up.size() || at < down.size(); at += step) {
                if (at < up.size()) server_wire->send(up.substr(at, step));
                if (at < down.size()) client_wire->send(down.substr(at, step));
                shard.settle();
            }
        }
    }
};

}  // namespace angarium::runtime::testing
