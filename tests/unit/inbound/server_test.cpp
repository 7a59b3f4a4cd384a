// The server on a real ring, with clients over loopback: admission, many sessions at once, draining.
#include "engine/inbound/server.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <map>

#include "engine/runtime/sockaddr.hpp"
#include "engine/smtp/data_encoder.hpp"
#include "tests/unit/inbound/fake_intake.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::inbound {
namespace {

using runtime::RingShard;
using runtime::Stream;
using runtime::Task;
using runtime::testing::after;
using runtime::testing::on_shard;

// What a server needs, for the length of a test.
struct Place {
    explicit Place(RingShard& shard_, std::vector<IpNetwork> relay_from = {*IpNetwork::parse("127.0.0.0/8")},
                   Limits limits = {})
        : shard(shard_), connections(limits.connections, limits.connections_per_address) {
        options.hostname = "relay.test";
        options.limits = limits;
        options.listeners.push_back({Endpoint{IpAddress::v4(0x7F000001), 0}, std::move(relay_from)});
        in_force = plain_terms(options);
        server = std::make_unique<Server>(Services{shard, intake, sheet, connections, options, in_force, {}},
                                          shard.network());
        EXPECT_TRUE(server->listen());
        server->start();
    }
    Endpoint address() const { return server->addresses().front(); }

    RingShard& shard;
    FakeIntake intake;
    metrics::Sheet sheet;
    Connections connections;
    Options options;
    InForce in_force;
    std::unique_ptr<Server> server;
};

class Client {
  public:
    explicit Client(RingShard& shard) : shard_(shard) {}
    Task<void> connect(Endpoint to) {
        auto stream = co_await shard_.network().connect(to, std::nullopt, after(10s));
        EXPECT_TRUE(stream.has_value());
        if (stream) stream_ = std::move(*stream);
    }
    Task<void> send(std::string text) {
        const auto sent = co_await stream_->write(text, after(10s));
        EXPECT_TRUE(sent.has_value());
    }
    // The next reply's code; 0 at the end of the stream.
    Task<int> reply() {
        for (;;) {
            const auto complete = parser_.feed(input_);
            EXPECT_TRUE(complete.has_value());
            if (complete && *complete) co_return parser_.reply().code;
            const auto read = co_await stream_->read(after(10s));
            if (!read) co_return read.error() == IoError::end_of_stream ? 0 : -1;
            input_ = *read;
        }
    }
    // The server does not listen any more, but has closed both ways: what is sent is answered by a reset.
    Task<bool> torn_down() {
        constexpr std::string_view anything = "x";
        const auto until = after(1s);
        while (shard_.now() < until) {
            const auto sent = co_await stream_->write(anything, until);
            if (!sent) co_return true;
            co_await shard_.sleep(1ms);
        }
        co_return false;
    }
    const smtp::Reply& last() const { return parser_.reply(); }
    void close() { stream_.reset(); }

  private:
    RingShard& shard_;
    std::unique_ptr<Stream> stream_;
    smtp::ReplyParser parser_;
    std::string_view input_;
};

std::string body_of(unsigned client, unsigned number) {
    Random random(client * 1000 + number);
    std::string body;
    const auto lines = random.below(number % 10 == 0 ? 5000 : 50);
    for (std::uint64_t i = 0; i < lines; ++i)
        body += (random.below(5) == 0 ? "." : "x") + std::string(random.below(80), 'y') + "\r\n";
    return body;
}

std::string flight_of(unsigned client, unsigned number, const std::string& body) {
    std::string flight = "MAIL FROM:<" + std::to_string(client) + "@source.test>\r\nRCPT TO:<" +
                         std::to_string(number) + "@destination.test>\r\nBDAT " +
                         std::to_string(body.size()) + " LAST\r\n";
    return flight + body;
}

Task<void> send_by_data(Client& client, const std::string& body) {
    EXPECT_EQ(co_await client.reply(), 250);
    EXPECT_EQ(co_await client.reply(), 250);
    EXPECT_EQ(co_await client.reply(), 354);
    smtp::DataEncoder encoder;
    std::vector<std::string_view> pieces;
    encoder.add(body, pieces);
    encoder.finish(pieces);
    std::string wire;
    for (const auto piece : pieces) wire += piece;
    co_await client.send(std::move(wire));
}

// Every message by DATA or by BDAT in turn, as a client that pipelines sends them.
Task<void> submit_many(RingShard& shard, Endpoint to, unsigned number_of_client, unsigned messages,
                       bool& done) {
    Client client(shard);
    co_await client.connect(to);
    EXPECT_EQ(co_await client.reply(), 220);
    co_await client.send("EHLO client.test\r\n");
    EXPECT_EQ(co_await client.reply(), 250);
    for (unsigned i = 0; i < messages; ++i) {
        const auto body = body_of(number_of_client, i);
        if (i % 2 == 0) {
            co_await client.send("MAIL FROM:<" + std::to_string(number_of_client) +
                                 "@source.test>\r\nRCPT TO:<" + std::to_string(i) +
                                 "@destination.test>\r\nDATA\r\n");
            co_await send_by_data(client, body);
        } else {
            co_await client.send(flight_of(number_of_client, i, body));
            EXPECT_EQ(co_await client.reply(), 250);
            EXPECT_EQ(co_await client.reply(), 250);
        }
        EXPECT_EQ(co_await client.reply(), 250);
    }
    co_await client.send("QUIT\r\n");
    EXPECT_EQ(co_await client.reply(), 221);
    EXPECT_EQ(co_await client.reply(), 0);
    client.close();
    done = true;
}

Task<void> many_sessions(RingShard& shard) {
    constexpr unsigned clients = 20, messages = 40;
    Place place(shard);
    {
        runtime::Gate gate;
        std::array<bool, clients> done{};
        for (unsigned i = 0; i < clients; ++i)
            gate.hold(submit_many(shard, place.address(), i, messages, done[i]));
        co_await gate.closed();
        for (const bool one : done) EXPECT_TRUE(one);
    }
    EXPECT_EQ(place.intake.messages.size(), clients * messages);
    std::map<std::pair<std::string, std::string>, unsigned> seen;
    for (const auto& message : place.intake.messages) {
        const auto sender = std::string(message.envelope.sender.mailbox().local_part());
        const auto recipient = std::string(message.envelope.recipients.at(0).mailbox.local_part());
        ++seen[{sender, recipient}];
        const auto body =
            body_of(static_cast<unsigned>(std::stoi(sender)), static_cast<unsigned>(std::stoi(recipient)));
        const auto expected_size = message.body.size() - body.size();
        EXPECT_TRUE(message.body.starts_with("Received: from client.test ([127.0.0.1])"));
        EXPECT_TRUE(message.body.compare(expected_size, body.size(), body) == 0);
        EXPECT_LT(expected_size, 300u);
    }
    EXPECT_EQ(seen.size(), clients * messages);
    place.server->drain();
    co_await place.server->closed();
    EXPECT_EQ(place.connections.count(), 0u);
    EXPECT_EQ(place.sheet.value(metrics::Level::sessions_open), 0);
    EXPECT_EQ(place.sheet.value(metrics::Count::messages_received), clients * messages);
}
TEST(Server, ServesManySessionsAtOnce) { on_shard(many_sessions); }

Task<void> connection_limits(RingShard& shard) {
    Limits limits;
    limits.connections_per_address = 2;
    Place place(shard, {}, limits);
    Client first(shard), second(shard), third(shard);
    co_await first.connect(place.address());
    EXPECT_EQ(co_await first.reply(), 220);
    co_await second.connect(place.address());
    EXPECT_EQ(co_await second.reply(), 220);
    co_await third.connect(place.address());
    EXPECT_EQ(co_await third.reply(), 421);
    EXPECT_EQ(third.last().enhanced, (smtp::EnhancedStatus{4, 7, 0}));
    EXPECT_EQ(co_await third.reply(), 0);
    third.close();
    co_await first.send("QUIT\r\n");
    EXPECT_EQ(co_await first.reply(), 221);
    first.close();
    while (place.server->sessions() > 1) co_await shard.sleep(1ms);
    Client fourth(shard);
    co_await fourth.connect(place.address());
    EXPECT_EQ(co_await fourth.reply(), 220);  // there is room again
    fourth.close();
    second.close();
    EXPECT_EQ(place.sheet.value(metrics::Count::refused_address_limit), 1u);
    place.server->drain();
    co_await place.server->closed();
}
TEST(Server, LimitsConnectionsPerAddress) { on_shard(connection_limits); }

// Whoever is turned away may take some seconds to read why, but only so many at a time: nobody counts their descriptors.
Task<void> turned_away(RingShard& shard) {
    Limits limits;
    limits.connections_per_address = 1;
    Place place(shard, {}, limits);
    Client welcome(shard);
    co_await welcome.connect(place.address());
    EXPECT_EQ(co_await welcome.reply(), 220);
    std::deque<Client> others;
    for (std::size_t i = 0; i < most_turned_away; ++i) {
        auto& one = others.emplace_back(shard);
        co_await one.connect(place.address());
        EXPECT_EQ(co_await one.reply(), 421);
    }
    EXPECT_FALSE(co_await others.front().torn_down());
    for (int i = 0; i < 5; ++i) {
        Client late(shard);
        co_await late.connect(place.address());
        EXPECT_EQ(co_await late.reply(), 421);
        EXPECT_TRUE(co_await late.torn_down());
        late.close();
    }
    others.clear();
    welcome.close();
    place.server->drain();
    co_await place.server->closed();
}
TEST(Server, TurnsAwayOnlySoManyAtATime) { on_shard(turned_away); }

// Without descriptors a listener pauses, says so, and goes on by itself.
Task<void> without_descriptors(RingShard& shard) {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    Place place(shard);
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const runtime::SocketAddress address(place.address());
    EXPECT_EQ(::connect(client, address.get(), address.length), 0);  // it waits with the kernel
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE,
                &none);  // before the ring hears of the accept: it keeps the limit of that moment
    const auto failures = [&] { return place.sheet.value(metrics::Count::accept_failed_descriptors); };
    const auto began = shard.now();
    while (failures() < 3) co_await shard.sleep(1ms);
    EXPECT_GE(shard.now() - began, 200ms);  // it does not spin
    EXPECT_EQ(place.server->sessions(), 0u);
    ::setrlimit(RLIMIT_NOFILE, &before);
    while (place.server->sessions() == 0) co_await shard.sleep(1ms);
    ::close(client);
    place.server->drain();
    co_await place.server->closed();
}
TEST(Server, PausesWithoutDescriptors) { on_shard(without_descriptors); }

Task<void> drains(RingShard& shard) {
    Place place(shard);
    Client idle(shard), busy(shard), late(shard);
    co_await idle.connect(place.address());
    EXPECT_EQ(co_await idle.reply(), 220);
    co_await busy.connect(place.address());
    EXPECT_EQ(co_await busy.reply(), 220);
    co_await busy.send("EHLO client.test\r\n");
    EXPECT_EQ(co_await busy.reply(), 250);
    co_await busy.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    for (const int code : {250, 250, 354}) EXPECT_EQ(co_await busy.reply(), code);
    place.server->drain();
    EXPECT_EQ(co_await idle.reply(), 421);
    EXPECT_EQ(idle.last().enhanced, (smtp::EnhancedStatus{4, 3, 2}));
    EXPECT_EQ(co_await idle.reply(), 0);
    idle.close();
    const auto refused = co_await shard.network().connect(place.address(), std::nullopt, after(1s));
    EXPECT_FALSE(refused.has_value());
    co_await busy.send("text\r\n.\r\n");
    EXPECT_EQ(co_await busy.reply(), 250);
    EXPECT_EQ(co_await busy.reply(), 421);
    EXPECT_EQ(co_await busy.reply(), 0);
    busy.close();
    co_await place.server->closed();
    EXPECT_EQ(place.intake.messages.size(), 1u);
}
TEST(Server, DrainsWhatIsUnderWay) { on_shard(drains); }

Task<void> aborts(RingShard& shard) {
    Place place(shard);
    Client client(shard);
    co_await client.connect(place.address());
    EXPECT_EQ(co_await client.reply(), 220);
    place.server->drain();
    place.server->abort();
    co_await place.server->closed();
    EXPECT_EQ(place.server->sessions(), 0u);
    client.close();
}
TEST(Server, AbortLeavesNothing) { on_shard(aborts); }

// A client that is told why must be able to read it, although it went on talking.
Task<void> last_words(RingShard& shard) {
    Place place(shard);
    for (int round = 0; round < 50; ++round) {
        Client client(shard);
        co_await client.connect(place.address());
        EXPECT_EQ(co_await client.reply(), 220);
        co_await client.send("EHLO c\r\n" + std::string(20'000, 'x'));
        EXPECT_EQ(co_await client.reply(), 554);
        EXPECT_EQ(co_await client.reply(), 0);
        client.close();
    }
    place.server->drain();
    co_await place.server->closed();
}
TEST(Server, LastWordsAreHeard) { on_shard(last_words); }

}  // namespace
}  // namespace angarium::inbound
