// A TlsStream against OpenSSL itself, which does what our own end never would: renews keys, renegotiates, speaks old
// versions, answers without being asked.
#include <openssl/ssl.h>

#include <array>

#include "tests/unit/runtime/tls_fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

// A client made of OpenSSL and two memory BIOs, at the other end of our server's wire.
class RawClient {
  public:
    explicit RawClient(int newest, int oldest = TLS1_2_VERSION) : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_security_level(context_, 0);
        SSL_CTX_set_min_proto_version(context_, oldest);
        SSL_CTX_set_max_proto_version(context_, newest);
        ssl_ = SSL_new(context_);
        SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl_);
    }
    ~RawClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    SSL* ssl() { return ssl_; }
    // What OpenSSL wants to send.
    std::string output() {
        std::string all;
        std::array<char, 4096> piece;
        for (int count; (count = BIO_read(SSL_get_wbio(ssl_), piece.data(), piece.size())) > 0;)
            all.append(piece.data(), static_cast<std::size_t>(count));
        return all;
    }
    void input(const std::string& bytes) {
        BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
    }
    std::string read() {
        std::array<char, 4096> piece;
        const int count = SSL_read(ssl_, piece.data(), piece.size());
        return count > 0 ? std::string(piece.data(), static_cast<std::size_t>(count)) : std::string();
    }

  private:
    SSL_CTX* context_;
    SSL* ssl_;
};

struct Raw {
    support::ManualShard shard;
    std::shared_ptr<support::Wire> wire = std::make_shared<support::Wire>();
    std::unique_ptr<TlsStream> server;
    TlsResult result;
    RawClient client;

    explicit Raw(int newest, int oldest = TLS1_2_VERSION) : client(newest, oldest) {
        const Endpoint here{IpAddress::v4(0x7F000001), 25};
        server = std::make_unique<TlsStream>(server_context({authority().issue()}),
                                             std::make_unique<support::MemoryStream>(wire, here, here));
        auto shaking = shake_into(*server, after(10s), result);
        for (int flight = 0; flight < 4; ++flight) {
            SSL_do_handshake(client.ssl());
            carry();
        }
        EXPECT_TRUE(shaking.done());
    }
    void carry() {
        if (const auto up = client.output(); !up.empty()) wire->send(up);
        shard.settle();
        client.input(std::exchange(wire->sent, {}));
    }
    std::string hear() {
        IoResult<std::string> got;
        const auto read = [](Stream& stream, IoResult<std::string>& out) -> Task<void> {
            const auto view = co_await stream.read(after(1s));
            out = view ? IoResult<std::string>(std::string(*view)) : std::unexpected(view.error());
        };
        auto reading = read(*server, got);
        shard.settle();
        if (!reading.done()) shard.advance(2s);
        return got ? *got : std::string(to_string(got.error()));
    }
    bool say(std::string_view bytes) {
        IoResult<void> done;
        const auto write = [](Stream& stream, std::string_view text, IoResult<void>& out) -> Task<void> {
            out = co_await stream.write(text, after(1s));
        };
        auto writing = write(*server, bytes, done);
        shard.settle();
        carry();
        return writing.done() && done.has_value();
    }
};

TEST(TlsPeer, KeysAreRenewedOnTheWay) {
    Raw raw(TLS1_3_VERSION);
    ASSERT_TRUE(raw.result.has_value()) << raw.result.error().text;
    for (int round = 0; round < 3; ++round) {
        SSL_key_update(raw.client.ssl(), SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(raw.client.ssl());
        raw.carry();
        EXPECT_FALSE(raw.server->has_input());  // a key update is no input: nobody waits for what follows
        EXPECT_TRUE(raw.say("250 ok"));
        EXPECT_EQ(raw.client.read(), "250 ok");
        SSL_write(raw.client.ssl(), "QUIT", 4);
        raw.carry();
        EXPECT_TRUE(raw.server->has_input());
        EXPECT_EQ(raw.hear(), "QUIT");
    }
}

TEST(TlsPeer, AFloodOfKeyUpdatesIsBounded) {
    Raw raw(TLS1_3_VERSION);
    ASSERT_TRUE(raw.result.has_value());
    raw.wire->stalled = true;  // and the peer reads nothing
    for (int round = 0; round < 20'000; ++round) {
        SSL_key_update(raw.client.ssl(), SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(raw.client.ssl());
        raw.wire->send(raw.client.output());
        raw.server->has_input();
        raw.shard.settle();
    }
    raw.wire->unstall();
    raw.shard.settle();
    EXPECT_LT(raw.wire->sent.size(), 160u << 10);  // 20,000 answers would be 520 KiB
    EXPECT_EQ(raw.hear(), to_string(IoError::failed));
}

TEST(TlsPeer, RenegotiationIsRefused) {
    Raw raw(TLS1_2_VERSION);
    ASSERT_TRUE(raw.result.has_value()) << raw.result.error().text;
    SSL_renegotiate(raw.client.ssl());
    SSL_do_handshake(raw.client.ssl());
    raw.carry();
    EXPECT_EQ(raw.hear(), to_string(IoError::timed_out));  // a warning; the connection stands
    raw.carry();
    EXPECT_LE(SSL_do_handshake(raw.client.ssl()), 0);
    EXPECT_EQ(raw.server->facts().version, "TLSv1.2");
}

TEST(TlsPeer, OldVersionsAreRefused) {
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        Raw raw(version, version);
        ASSERT_FALSE(raw.result.has_value());
        EXPECT_EQ(raw.result.error().kind, TlsError::Kind::protocol);
        EXPECT_NE(raw.result.error().text.find("unsupported protocol"), std::string::npos)
            << raw.result.error().text;
    }
}

TEST(TlsPeer, CloseNotifyFromOpenSsl) {
    Raw raw(TLS1_3_VERSION);
    ASSERT_TRUE(raw.result.has_value());
    SSL_write(raw.client.ssl(), "QUIT", 4);
    SSL_shutdown(raw.client.ssl());
    raw.carry();
    EXPECT_EQ(raw.hear(), "QUIT");
    EXPECT_EQ(raw.hear(), to_string(IoError::end_of_stream));
    EXPECT_TRUE(raw.say("221"));
    EXPECT_EQ(raw.client.read(), "221");
    raw.server.reset();
    raw.client.input(std::exchange(raw.wire->sent, {}));
    EXPECT_EQ(raw.client.read(), "");
    EXPECT_NE(SSL_get_shutdown(raw.client.ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
}

}  // namespace
}  // namespace angarium::runtime
