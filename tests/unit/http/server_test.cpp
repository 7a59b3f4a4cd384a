// The HTTP server on a real shard over loopback, talked to through plain sockets.
#include "engine/http/server.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "engine/app/health_pages.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "tests/unit/http/loopback_client.hpp"

namespace angarium::http {
namespace {

using runtime::RingShard;
using runtime::Task;

class HttpServerTest : public testing::Test {
  protected:
    void start(Limits limits = {}) {
        limits_ = limits;
        auto shards = runtime::ShardSet::create(1, clock_, runtime::RingOptions{}, false);
        ASSERT_TRUE(shards) << shards.error().text;
        shards_ = std::move(*shards);
        auto port = port_.get_future();
        thread_ = std::thread([this] { shards_->run([this](RingShard& shard) { return serve(shard); }); });
        port_number_ = port.get();
        ASSERT_NE(port_number_, 0);
    }
    ~HttpServerTest() override {
        if (!thread_.joinable()) return;
        shards_->call(ShardId(0), [this] { stop_.signal(); });
        thread_.join();
        EXPECT_EQ(registry_.total(metrics::Level::http_open), 0);
    }
    LoopbackClient client() const { return LoopbackClient(port_number_); }
    std::string ask(const std::string& request) const {
        auto connection = client();
        connection.send(request);
        return connection.read_to_end();
    }

    std::atomic<const char*> not_ready_ = nullptr;
    metrics::Registry registry_{1};

  private:
    Task<void> serve(RingShard& shard) {
        app::HealthPages pages(registry_, [this]() -> std::optional<std::string> {
            const char* why = not_ready_;
            if (why == nullptr) return std::nullopt;
            return why;
        });
        Router router;
        pages.add_to(router);
        auto server = Server::listen(shard, shard.network(), Endpoint{IpAddress::v4(0x7f000001), 0}, router,
                                     limits_, registry_.sheet(ShardId(0)));
        if (!server) {
            port_.set_value(0);
            co_return;
        }
        (*server)->start();
        port_.set_value((*server)->local().port);
        co_await stop_.wait();
        co_await (*server)->stop();
    }

    runtime::SystemClock clock_;
    std::unique_ptr<runtime::ShardSet> shards_;
    Limits limits_;
    std::promise<std::uint16_t> port_;
    std::uint16_t port_number_ = 0;
    runtime::Event stop_;
    std::thread thread_;
};

const std::string close_line = "Host: x\r\nConnection: close\r\n\r\n";

TEST_F(HttpServerTest, Metrics) {
    start();
    const auto response = ask("GET /metrics HTTP/1.1\r\n" + close_line);
    EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n")) << response;
    EXPECT_NE(response.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos);
    EXPECT_NE(response.find("# TYPE angarium_messages_received_total counter\n"), std::string::npos);
    EXPECT_NE(response.find("\nangarium_http_connections_open 1\n"), std::string::npos);
}

TEST_F(HttpServerTest, HealthAndReadiness) {
    start();
    EXPECT_TRUE(ask("GET /healthz HTTP/1.1\r\n" + close_line).ends_with("\r\n\r\nok\n"));
    EXPECT_TRUE(ask("GET /readyz HTTP/1.1\r\n" + close_line).ends_with("\r\n\r\nready\n"));
    not_ready_ = "recovering";
    const auto response = ask("GET /readyz HTTP/1.1\r\n" + close_line);
    EXPECT_TRUE(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << response;
    EXPECT_TRUE(response.ends_with("not ready: recovering\n")) << response;
}

TEST_F(HttpServerTest, HeadHasNoBody) {
    start();
    const auto response = ask("HEAD /healthz HTTP/1.1\r\n" + close_line);
    EXPECT_NE(response.find("Content-Length: 3\r\n"), std::string::npos) << response;
    EXPECT_TRUE(response.ends_with("\r\n\r\n")) << response;
}

TEST_F(HttpServerTest, WrongPathsAndMethods) {
    start();
    EXPECT_TRUE(ask("GET /nothing HTTP/1.1\r\n" + close_line).starts_with("HTTP/1.1 404 "));
    const auto response = ask("POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n" + close_line + "hi");
    EXPECT_TRUE(response.starts_with("HTTP/1.1 405 ")) << response;
    EXPECT_NE(response.find("Allow: GET, HEAD\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, KeepsAliveAndAnswersInOrder) {
    start();
    auto connection = client();
    connection.send(
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /he");
    EXPECT_TRUE(connection.read_until("ok\n").starts_with("HTTP/1.1 200 "));
    EXPECT_NE(connection.read_until("page\n").find("HTTP/1.1 404 "), std::string::npos);
    connection.send("althz HTTP/1.1\r\n" + close_line);
    const auto last = connection.read_to_end();
    EXPECT_NE(last.find("Connection: close\r\n"), std::string::npos) << last;
    EXPECT_EQ(registry_.total(metrics::Count::http_requests), 3u);
}

TEST_F(HttpServerTest, OldClientsAreClosed) {
    start();
    const auto response = ask("GET /healthz HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(response.ends_with("ok\n")) << response;
}

TEST_F(HttpServerTest, BadRequestsGetTheirStatus) {
    start();
    EXPECT_TRUE(ask("EHLO there\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(
        ask("GET / HTTP/1.1\r\nA: " + std::string(20'000, 'x') + "\r\n\r\n").starts_with("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, RefusalReachesAClientThatStillSends) {
    start();
    const auto response = ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" +
                              std::string(500'000, 'x'));
    EXPECT_TRUE(response.starts_with("HTTP/1.1 413 ")) << response;
}

TEST_F(HttpServerTest, SlowRequestsEnd) {
    Limits limits;
    limits.request = 100ms;
    start(limits);
    const auto response = ask("GET /metr");
    EXPECT_TRUE(response.starts_with("HTTP/1.1 408 ")) << response;
}

TEST_F(HttpServerTest, IdleConnectionsEndQuietly) {
    Limits limits;
    limits.idle = 50ms;
    start(limits);
    EXPECT_EQ(ask(""), "");
}

TEST_F(HttpServerTest, ConnectionsAreLimited) {
    Limits limits;
    limits.connections = 1;
    start(limits);
    auto first = client();
    first.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(first.read_until("ok\n"), "");
    EXPECT_EQ(client().read_to_end(), "");
    first.send("GET /healthz HTTP/1.1\r\n" + close_line);
    EXPECT_TRUE(first.read_to_end().ends_with("ok\n"));
}

TEST_F(HttpServerTest, StopsWithConnectionsOpen) {
    start();
    auto idle = client(), half = client();
    half.send("GET /heal");
    idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(idle.read_until("ok\n"), "");
}

}  // namespace
}  // namespace angarium::http
