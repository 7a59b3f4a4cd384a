// Replies: what is read from good ones, and that bad ones are refused without harm.
#include "dns/message.hpp"

#include <gtest/gtest.h>

#include "engine/base/random.hpp"
#include "tests/unit/dns/message_builder.hpp"

namespace angarium::dns {
namespace {

using test::Message;
using test::Octets;
using test::operator+;
using test::pointer;
using test::wire_name;

const Question ask_a{"host.example", RecordType::a};
const Question ask_mx{"town.example", RecordType::mx};

Answer parse(Message message, const Question& question) { return parse_reply(message.octets(), question); }
Message a_reply() { return Message("host.example", RecordType::a); }
Message mx_reply() { return Message("town.example", RecordType::mx); }

TEST(Reply, AddressesWithTheLeastTtl) {
    const auto answer =
        parse(a_reply().a("host.example", 300, {192, 0, 2, 1}).a("HOST.example", 60, {192, 0, 2, 2}), ask_a);
    EXPECT_EQ(answer.failure, Failure::none);
    ASSERT_EQ(answer.addresses.size(), 2u);
    EXPECT_EQ(answer.addresses[0].text(), "192.0.2.1");
    EXPECT_EQ(answer.addresses[1].text(), "192.0.2.2");
    EXPECT_EQ(answer.ttl, std::chrono::seconds(60));
    EXPECT_EQ(answer.canonical, "host.example");
    EXPECT_FALSE(answer.authentic);
}

TEST(Reply, Ipv6AndTheAuthenticFlag) {
    Octets data(16);
    data[0] = 0x20, data[1] = 0x01, data[15] = 1;
    Message message("host.example", RecordType::aaaa, Message::reply | 0x20);
    message.record(Message::answer, pointer(12), RecordType::aaaa, 9, data);
    const auto answer = parse(message, {"host.example", RecordType::aaaa});
    ASSERT_EQ(answer.addresses.size(), 1u);
    EXPECT_EQ(answer.addresses[0].text(), "2001::1");
    EXPECT_TRUE(answer.authentic);
}

TEST(Reply, ExchangersWithCompressedNames) {
    auto message = mx_reply();
    message.record(Message::answer, pointer(12), RecordType::mx, 120,
                   Octets{0, 10, 3, 'M', 'x', '1'} + pointer(12));
    message.record(Message::answer, pointer(12), RecordType::mx, 600, Octets{0, 5} + wire_name("mx.other"));
    const auto answer = parse(message, ask_mx);
    ASSERT_EQ(answer.exchangers.size(), 2u);
    EXPECT_EQ(answer.exchangers[0].host, "mx1.town.example");
    EXPECT_EQ(answer.exchangers[0].preference, 10);
    EXPECT_EQ(answer.exchangers[1].host, "mx.other");
    EXPECT_EQ(answer.ttl, std::chrono::seconds(120));
}

TEST(Reply, NullMx) {
    const auto answer = parse(mx_reply().mx("town.example", 60, 0, ""), ask_mx);
    ASSERT_EQ(answer.exchangers.size(), 1u);
    EXPECT_EQ(answer.exchangers[0].host, "");
}

TEST(Reply, FollowsAliasesInAnyOrderAndCountsTheirTtl) {
    auto message = a_reply();
    message.a("c.example", 500, {192, 0, 2, 3})
        .cname("b.example", 40, "c.example")
        .cname("host.example", 900, "b.example");
    message.a("stranger.example", 1, {192, 0, 2, 66});
    const auto answer = parse(message, ask_a);
    EXPECT_EQ(answer.failure, Failure::none);
    ASSERT_EQ(answer.addresses.size(), 1u);
    EXPECT_EQ(answer.addresses[0].text(), "192.0.2.3");
    EXPECT_EQ(answer.ttl, std::chrono::seconds(40));
    EXPECT_EQ(answer.canonical, "c.example");
}

TEST(Reply, AnAliasWithoutItsTargetNamesTheTarget) {
    const auto answer = parse(a_reply().cname("host.example", 90, "elsewhere.test"), ask_a);
    EXPECT_EQ(answer.failure, Failure::no_data);
    EXPECT_EQ(answer.canonical, "elsewhere.test");
    EXPECT_FALSE(answer.has_ttl);
    EXPECT_EQ(answer.ttl, std::chrono::seconds(90));
}

TEST(Reply, NegativeAnswersTakeTheirTtlFromTheSoa) {
    const auto gone =
        parse(Message("host.example", RecordType::a, Message::reply | 3).soa("example", 3600, 120), ask_a);
    EXPECT_EQ(gone.failure, Failure::no_such_domain);
    EXPECT_TRUE(gone.has_ttl);
    EXPECT_EQ(gone.ttl, std::chrono::seconds(120));
    const auto empty = parse(a_reply().soa("example", 30, 120), ask_a);
    EXPECT_EQ(empty.failure, Failure::no_data);
    EXPECT_EQ(empty.ttl, std::chrono::seconds(30));
    const auto bare = parse(a_reply(), ask_a);
    EXPECT_EQ(bare.failure, Failure::no_data);
    EXPECT_FALSE(bare.has_ttl);
    const auto huge = parse(a_reply().soa("example", 0xFFFFFFFF, 0xFFFFFFFF), ask_a);
    EXPECT_EQ(huge.ttl, std::chrono::seconds(0));  // RFC 2181 section 8
}

TEST(Reply, NxdomainBesideRecordsIsNxdomain) {
    auto message = Message("host.example", RecordType::a, Message::reply | 3);
    message.cname("host.example", 60, "gone.example").soa("example", 60, 60);
    EXPECT_EQ(parse(message, ask_a).failure, Failure::no_such_domain);
}

TEST(Reply, ErrorCodes) {
    const auto failure = [](unsigned code) {
        return parse(Message("host.example", RecordType::a, Message::reply | code), ask_a).failure;
    };
    EXPECT_EQ(failure(1), Failure::server_failed);
    EXPECT_EQ(failure(2), Failure::server_failed);
    EXPECT_EQ(failure(4), Failure::server_failed);
    EXPECT_EQ(failure(5), Failure::refused);
    EXPECT_EQ(failure(9), Failure::server_failed);
}

TEST(Reply, AnExtendedErrorCodeIsNotNoData) {
    auto message = a_reply();
    message.record(Message::additional, wire_name(""), RecordType::opt, 1u << 24, {}, 1232);
    EXPECT_EQ(parse(message, ask_a).failure, Failure::server_failed);
    auto plain = a_reply();
    plain.record(Message::additional, wire_name(""), RecordType::opt, 0, {}, 1232);
    EXPECT_EQ(parse(plain, ask_a).failure, Failure::no_data);
}

TEST(Reply, AReferralIsNoAnswer) {
    auto message = a_reply();
    message.record(Message::authority, wire_name("example"), RecordType::ns, 60, wire_name("ns.example"));
    EXPECT_EQ(parse(message, ask_a).failure, Failure::server_failed);
}

TEST(Reply, TextsAreJoinedAndOtherTypesAreRaw) {
    Message message("host.example", RecordType::txt);
    message.record(Message::answer, pointer(12), RecordType::txt, 60, {2, 'v', '=', 0, 1, '1'});
    const auto answer = parse(message, {"host.example", RecordType::txt});
    EXPECT_EQ(answer.data, std::vector<std::string>{"v=1"});
    Message bad("host.example", RecordType::txt);
    bad.record(Message::answer, pointer(12), RecordType::txt, 60, {9, 'v'});
    EXPECT_EQ(parse(bad, {"host.example", RecordType::txt}).failure, Failure::malformed);
}

TEST(Reply, MustRepeatTheQuestion) {
    EXPECT_EQ(parse(Message("HOST.Example", RecordType::a).a("host.example", 1, {1, 2, 3, 4}), ask_a).failure,
              Failure::none);
    EXPECT_EQ(parse(Message("other.example", RecordType::a), ask_a).failure, Failure::malformed);
    EXPECT_EQ(parse(Message("host.example", RecordType::mx), ask_a).failure, Failure::malformed);
    EXPECT_EQ(parse(Message("host.example", RecordType::a, 0x0100), ask_a).failure,
              Failure::malformed);  // a query
    EXPECT_EQ(parse(Message("host.example", RecordType::a, Message::reply | 0x0200), ask_a).failure,
              Failure::malformed);
    auto none = a_reply();
    none.octets()[5] = 0;
    EXPECT_EQ(parse(none, ask_a).failure, Failure::malformed);
}

TEST(Reply, WrongDataLengthsAreMalformed) {
    EXPECT_EQ(parse(a_reply().a("host.example", 1, {1, 2, 3}), ask_a).failure, Failure::malformed);
    EXPECT_EQ(parse(a_reply().a("host.example", 1, {1, 2, 3, 4, 5}), ask_a).failure, Failure::malformed);
    for (const Octets& data :
         {Octets{}, Octets{0}, Octets{0, 1}, Octets{0, 1, 5, 'a'}, Octets{0, 1, 1, 'a', 0, 7}}) {
        auto message = mx_reply();
        message.record(Message::answer, pointer(12), RecordType::mx, 1, data);
        EXPECT_EQ(parse(message, ask_mx).failure, Failure::malformed);
    }
}

TEST(Reply, NamesThatNoHostHasCannotPassForOne) {
    auto message = mx_reply();
    message.record(Message::answer, pointer(12), RecordType::mx, 1, Octets{0, 1, 4, 'a', '.', 'b', '\n', 0});
    const auto answer = parse(message, ask_mx);
    ASSERT_EQ(answer.exchangers.size(), 1u);
    EXPECT_EQ(answer.exchangers[0].host, "a\\046b\\010");
}

// ── hostile ──

TEST(HostileReply, PointerLoops) {
    const auto with_owner = [](const Octets& owner) {
        auto message = a_reply();
        message.record(Message::answer, owner, RecordType::a, 1, {1, 2, 3, 4});
        return parse(message, ask_a).failure;
    };
    const unsigned here = 12 + 14 + 4;                             // where the first record begins
    EXPECT_EQ(with_owner(pointer(here)), Failure::malformed);      // itself
    EXPECT_EQ(with_owner(pointer(here + 2)), Failure::malformed);  // forward
    EXPECT_EQ(with_owner(pointer(4)), Failure::malformed);         // into the header
    EXPECT_EQ(with_owner(pointer(0x3FFF)), Failure::malformed);    // out of the message
    EXPECT_EQ(with_owner(Octets{1, 'a'} + pointer(here)), Failure::malformed);
    EXPECT_EQ(with_owner(Octets{0x40}), Failure::malformed);  // reserved label types
    EXPECT_EQ(with_owner(Octets{0x80}), Failure::malformed);
    EXPECT_EQ(with_owner(pointer(12)), Failure::none);
}

TEST(HostileReply, ChainsOfPointersAndOverlongNames) {
    auto message = mx_reply();
    auto target = 12u;
    for (unsigned i = 0; i < 200; ++i) {  // each name is a pointer to the one before
        const auto at = static_cast<unsigned>(message.octets().size());
        message.record(Message::answer, pointer(target), RecordType::txt, 1, {});
        target = at;
    }
    EXPECT_EQ(parse(message, ask_mx).failure, Failure::malformed);
    auto overlong = mx_reply();
    Octets name;
    for (int i = 0; i < 5; ++i) name = name + Octets{60} + Octets(60, 'x');
    overlong.record(Message::answer, name + Octets{0}, RecordType::mx, 1, Octets{0, 1, 0});
    EXPECT_EQ(parse(overlong, ask_mx).failure, Failure::malformed);
}

TEST(HostileReply, LoopsAndCrowdsOfAliases) {
    EXPECT_EQ(parse(a_reply().cname("host.example", 1, "host.example"), ask_a).failure, Failure::malformed);
    EXPECT_EQ(
        parse(a_reply().cname("host.example", 1, "b.example").cname("b.example", 1, "host.example"), ask_a)
            .failure,
        Failure::malformed);
    auto crowd = a_reply();
    for (int i = 0; i < 40; ++i) crowd.cname("x.example", 1, "y.example");
    EXPECT_EQ(parse(crowd, ask_a).failure, Failure::malformed);
    auto chain = a_reply().cname("host.example", 1, "n0.example");
    for (int i = 0; i < 20; ++i)
        chain.cname("n" + std::to_string(i) + ".example", 1, "n" + std::to_string(i + 1) + ".example");
    EXPECT_EQ(parse(chain, ask_a).failure, Failure::malformed);
}

TEST(HostileReply, CrowdsOfRecordsAreCutTheBestExchangersStay) {
    auto message = mx_reply();
    for (unsigned i = 0; i < 1000; ++i) {
        Octets data;
        test::put16(data, 1000 - i);
        message.record(Message::answer, pointer(12), RecordType::mx, 1,
                       data + wire_name("mx" + std::to_string(i)));
    }
    const auto answer = parse(message, ask_mx);
    ASSERT_EQ(answer.exchangers.size(), most_records);
    EXPECT_EQ(answer.exchangers.front().preference, 1);
    EXPECT_EQ(answer.exchangers.back().preference, most_records);
    auto addresses = a_reply();
    for (unsigned i = 0; i < 1000; ++i) addresses.a("host.example", 1, {10, 0, 0, 1});
    EXPECT_EQ(parse(addresses, ask_a).addresses.size(), most_records);
}

TEST(HostileReply, CountsThatTheMessageDoesNotHold) {
    for (const auto section : {Message::answer, Message::authority, Message::additional}) {
        auto message = a_reply();
        message.octets()[section] = message.octets()[section + 1] = 0xFF;
        EXPECT_EQ(parse(message, ask_a).failure, Failure::malformed);
    }
}

TEST(HostileReply, EveryTruncationIsRefusedOrHarmless) {
    auto message = mx_reply();
    message.cname("town.example", 60, "real.example").mx("real.example", 60, 10, "mx.real.example");
    const auto whole = message.octets();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Octets part(whole.begin(),
                          whole.begin() + static_cast<long>(size));  // exact, so that ASan sees any overrun
        EXPECT_EQ(parse_reply(part, ask_mx).failure, Failure::malformed) << size;
    }
}

// Random damage to good replies: nothing may crash, hang or keep more than the bounds allow (ASan and UBSan watch).
TEST(HostileReply, RandomDamage) {
    auto negative = Message("town.example", RecordType::mx, Message::reply | 3).soa("example", 60, 60);
    auto good = mx_reply();
    good.cname("town.example", 60, "real.example").mx("real.example", 60, 10, "mx.real.example");
    good.record(Message::answer, pointer(12), RecordType::mx, 60, Octets{0, 1, 1, 'm'} + pointer(12));
    good.record(Message::additional, wire_name(""), RecordType::opt, 0, {}, 1232);
    Random random(42);
    std::size_t accepted = 0;
    for (int round = 0; round < 200'000; ++round) {
        Octets octets = random.below(4) == 0 ? negative.octets() : good.octets();
        const std::size_t spared =
            random.below(4) == 0 ? 0 : 30;  // mostly behind the header and the question
        for (auto changes = 1 + random.below(6); changes > 0; --changes)
            octets[spared + random.below(octets.size() - spared)] = static_cast<std::uint8_t>(random.next());
        if (random.below(4) == 0) octets.resize(random.below(octets.size()));
        octets.shrink_to_fit();
        const auto answer = parse_reply(octets, ask_mx);
        accepted += answer.failure == Failure::none;
        ASSERT_LE(answer.exchangers.size(), most_records);
        ASSERT_EQ(answer.failure == Failure::none, !answer.exchangers.empty());
        for (const auto& record : answer.exchangers) ASSERT_LE(record.host.size(), 4 * 255u);
    }
    EXPECT_GT(accepted, 0u);
}

}  // namespace
}  // namespace angarium::dns
