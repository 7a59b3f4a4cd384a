// The store: what goes in comes back in order, effects keep to the keys they name, replay is harmless.
#include <gtest/gtest.h>

#include <map>

#include "queue/store.hpp"
#include "tests/unit/queue/place.hpp"
#include "tests/unit/queue/samples.hpp"

namespace angarium::queue {
namespace {

using namespace samples;

class StoreTest : public ::testing::Test {
  protected:
    void SetUp() override { open(); }

    void open() {
        store_.reset();
        StoreOptions options;
        options.path = place_.path("store");
        options.memory = 32 << 20;
        auto opened = open_rocks_store(options);
        ASSERT_TRUE(opened) << opened.error().text;
        store_ = std::move(*opened);
    }
    void apply(StoreBatch batch) {
        const auto applied = store_->apply(batch);
        ASSERT_TRUE(applied) << applied.error().text;
    }
    void put(Survivor survivor) {
        StoreBatch batch;
        batch.survivors.push_back(std::move(survivor));
        apply(std::move(batch));
    }
    void effect(OutcomeRecord record) {
        StoreBatch batch;
        batch.effects.push_back(std::move(record));
        apply(std::move(batch));
    }
    std::vector<Loaded> ready(const std::string& domain) {
        return store_->load_ready({"default", domain}, MessageId(), 1000)->entries;
    }
    std::vector<Loaded> deferred(const std::string& domain) {
        return store_->load_deferred({"default", domain}, WallTime::max(), 1000, {})->entries;
    }
    bool has_body(const MessageId& message, std::uint32_t part = 0) {
        return store_->read_body(message, part).has_value();
    }
    // Everything in the store, as text.
    std::string contents(const std::vector<MessageId>& messages) {
        std::string out;
        const auto destinations = store_->find_destinations({}, 10'000);
        for (const auto& found : *destinations) {
            for (const auto& entry : ready(found.name.domain))
                out += "ready " + found.name.domain + ' ' + encode(entry.facts) + '\n';
            for (const auto& entry : deferred(found.name.domain))
                out += "deferred " + found.name.domain +
                       std::to_string(entry.place.due.time_since_epoch().count()) + ' ' +
                       encode(entry.facts) + '\n';
        }
        for (const auto& message : messages) out += has_body(message) ? "body\n" : "none\n";
        return out;
    }

    TestPlace place_;
    std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, SurvivorComesBackWhole) {
    auto message = survivor(id(1), {"a@x.example", "b@x.example"}, "first part");
    message.parts.push_back("second part");
    message.parts.push_back("");
    message.deliveries[0].facts.parts = 3;
    message.deliveries[0].facts.attempts = 2;
    put(message);
    const auto entries = ready("x.example");
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_TRUE(entries[0].place.ready());
    EXPECT_EQ(encode(entries[0].facts), encode(message.deliveries[0].facts));
    EXPECT_EQ(*store_->read_body(id(1), 0), "first part");
    EXPECT_EQ(*store_->read_body(id(1), 1), "second part");
    EXPECT_EQ(*store_->read_body(id(1), 2), "");
    EXPECT_EQ(store_->read_body(id(1), 3).error(), IoError::end_of_stream);
}

TEST_F(StoreTest, AnEndRemovesDeliveryAndBody) {
    auto message = survivor(id(1), {"a@x.example"});
    message.parts.push_back("second");
    message.deliveries[0].facts.parts = 2;
    put(message);
    effect(outcome(message.deliveries[0].facts, {}, Verdict::delivered));
    EXPECT_TRUE(ready("x.example").empty());
    EXPECT_FALSE(has_body(id(1), 0));
    EXPECT_FALSE(has_body(id(1), 1));
}

TEST_F(StoreTest, AnEffectChangesOnlyTheKeyItNames) {
    const Place due{at_ms(1'700'000'500'000)};
    const auto message = survivor(id(1), {"a@x.example"}, "body", due);
    put(message);
    const auto& of = message.deliveries[0].facts;
    effect(outcome(of, {}, Verdict::delivered));                               // names the ready key
    effect(outcome(of, Place{at_ms(1'700'000'500'001)}, Verdict::delivered));  // another due time
    effect(outcome(facts(id(2), {"a@x.example"}), due, Verdict::delivered));   // another message
    EXPECT_EQ(deferred("x.example").size(), 1u);
    EXPECT_TRUE(has_body(id(1)));
    effect(outcome(of, due, Verdict::delivered));
    EXPECT_TRUE(deferred("x.example").empty());
    EXPECT_FALSE(has_body(id(1)));
}

TEST_F(StoreTest, ADeferralMovesWhatIsLeft) {
    const auto message = survivor(id(1), {"a@x.example", "b@x.example"});
    put(message);
    const auto due = at_ms(1'700'000'300'000), later = at_ms(1'700'000'900'000);
    auto first = outcome(message.deliveries[0].facts, {}, Verdict::deferred, due);
    first.outcome.results[0].verdict = Verdict::delivered;
    effect(first);
    EXPECT_TRUE(ready("x.example").empty());
    auto entries = deferred("x.example");
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].place.due, due);
    ASSERT_EQ(entries[0].facts.recipients.size(), 1u);
    EXPECT_EQ(entries[0].facts.recipients[0].mailbox.text(), "b@x.example");
    EXPECT_EQ(entries[0].facts.attempts, 1u);
    EXPECT_EQ(entries[0].facts.last_reason, "451 4.7.1 try again later");

    effect(outcome(entries[0].facts, entries[0].place, Verdict::deferred, later));
    entries = deferred("x.example");
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].place.due, later);
    EXPECT_EQ(entries[0].facts.attempts, 2u);
    EXPECT_TRUE(has_body(id(1)));
}

TEST_F(StoreTest, ADeferralToTheSameTimeIsAppliedOnce) {
    const Place due{at_ms(1'700'000'300'000)};
    const auto message = survivor(id(1), {"a@x.example", "b@x.example"}, "body", due);
    put(message);
    auto again = outcome(message.deliveries[0].facts, due, Verdict::deferred, due.due);
    again.outcome.results[0].verdict = Verdict::delivered;
    for (int i = 0; i < 3; ++i) effect(again);
    const auto entries = deferred("x.example");
    ASSERT_EQ(entries.size(), 1u);
    ASSERT_EQ(entries[0].facts.recipients.size(), 1u);
    EXPECT_EQ(entries[0].facts.recipients[0].mailbox.text(), "b@x.example");
}

// A message to `count` destinations d0.example, d1.example …
Survivor spread(const MessageId& message, int count) {
    Survivor made{message, {"the body"}, {}};
    for (int i = 0; i < count; ++i) {
        const auto recipient = "a@d" + std::to_string(i) + ".example";
        made.deliveries.push_back({{}, facts(message, {recipient}, false)});
    }
    return made;
}

TEST_F(StoreTest, TheLastDeliveryTakesTheBody) {
    for (const bool backwards : {false, true}) {
        const auto message = spread(id(backwards ? 2 : 1), 5);
        put(message);
        for (int i = 0; i < 5; ++i) {
            EXPECT_TRUE(has_body(message.id));
            effect(outcome(message.deliveries[backwards ? 4 - i : i].facts, {}, Verdict::delivered));
        }
        EXPECT_FALSE(has_body(message.id));
    }
}

TEST_F(StoreTest, TheLastIsJudgedInsideTheBatchToo) {
    const auto message = spread(id(1), 3), other = spread(id(2), 2);
    put(message);
    put(other);
    StoreBatch batch;
    batch.effects.push_back(outcome(message.deliveries[0].facts, {}, Verdict::delivered));
    batch.effects.push_back(outcome(message.deliveries[2].facts, {}, Verdict::failed));
    batch.effects.push_back(outcome(other.deliveries[0].facts, {}, Verdict::delivered));
    batch.effects.push_back(outcome(other.deliveries[1].facts, {}, Verdict::delivered));
    apply(batch);
    EXPECT_TRUE(has_body(id(1)));
    EXPECT_FALSE(has_body(id(2)));
    effect(outcome(message.deliveries[1].facts, {}, Verdict::delivered));
    EXPECT_FALSE(has_body(id(1)));
}

TEST_F(StoreTest, EffectsSeeTheSurvivorsOfTheirBatch) {
    const auto message = spread(id(1), 2);
    const auto due = at_ms(1'700'000'300'000);
    StoreBatch batch;
    batch.survivors.push_back(message);
    batch.effects.push_back(outcome(message.deliveries[0].facts, {}, Verdict::delivered));
    batch.effects.push_back(outcome(message.deliveries[1].facts, {}, Verdict::deferred, due));
    apply(batch);
    EXPECT_TRUE(ready("d0.example").empty());
    EXPECT_TRUE(has_body(id(1)));
    auto last = outcome(message.deliveries[1].facts, Place{due}, Verdict::delivered);
    effect(last);
    EXPECT_TRUE(deferred("d1.example").empty());
    EXPECT_FALSE(has_body(id(1)));
}

TEST_F(StoreTest, OfSeveralDestinationsOnlyOneSurvived) {
    Survivor message = spread(id(1), 3);
    message.deliveries.erase(message.deliveries.begin() + 1, message.deliveries.end());
    put(message);
    effect(outcome(message.deliveries[0].facts, {}, Verdict::delivered));
    EXPECT_FALSE(has_body(id(1)));
}

// Random batches, then all effects again in order, as a replay after a crash would do: nothing may change.
TEST_F(StoreTest, ReplayChangesNothing) {
    Random random(7);
    std::vector<StoreBatch> batches;
    std::vector<MessageId> messages;
    std::vector<std::pair<DeliveryFacts, Place>> waiting;
    for (int round = 0; round < 60; ++round) {
        StoreBatch batch;
        for (auto n = random.below(3); n > 0; --n) {
            messages.push_back(id(messages.size() + 1));
            batch.survivors.push_back(spread(messages.back(), 1 + static_cast<int>(random.below(4))));
            auto& made = batch.survivors.back();
            for (auto& entry : made.deliveries) {
                entry.facts.sole = made.deliveries.size() == 1;
                waiting.emplace_back(entry.facts, entry.place);
            }
        }
        for (auto n = random.below(5); n > 0 && !waiting.empty(); --n) {
            const auto which = random.below(waiting.size());
            auto& [of, at] = waiting[which];
            const bool defers = random.below(2) == 0;
            const auto due = at_ms(1'800'000'000'000 + round * 1000 + static_cast<std::int64_t>(n));
            auto record =
                outcome(of, at, defers ? Verdict::deferred : Verdict::delivered, defers ? due : WallTime{});
            if (defers) {
                queue::apply(of, record);
                at = Place{due};
            } else {
                waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(which));
            }
            batch.effects.push_back(std::move(record));
        }
        apply(batch);
        batches.push_back(std::move(batch));
    }
    const auto before = contents(messages);
    EXPECT_NE(before.find("deferred"), std::string::npos);
    for (auto& batch : batches) batch.survivors.clear();  // behind the tail: replay does not put them again
    for (const auto& batch : batches) apply(batch);
    EXPECT_EQ(contents(messages), before);
    ASSERT_TRUE(store_->flush());
    for (const auto& batch : batches) apply(batch);
    open();
    EXPECT_EQ(contents(messages), before);
}

TEST_F(StoreTest, ASurvivorPutAgainIsHarmless) {
    const auto message = spread(id(1), 2);
    put(message);
    put(message);
    ASSERT_TRUE(store_->flush());
    put(message);
    EXPECT_EQ(ready("d0.example").size(), 1u);
    effect(outcome(message.deliveries[0].facts, {}, Verdict::delivered));
    effect(outcome(message.deliveries[1].facts, {}, Verdict::delivered));
    EXPECT_EQ(contents({id(1)}), "none\n");
    ASSERT_TRUE(store_->flush());
    EXPECT_EQ(contents({id(1)}), "none\n");
}

TEST_F(StoreTest, LargePartsGoToBlobFiles) {
    put(survivor(id(1), {"a@x.example"}, std::string(part_size, 'L')));
    put(survivor(id(2), {"a@x.example"}, std::string(500, 's')));
    ASSERT_TRUE(store_->flush());
    EXPECT_GE(place_.bytes(".blob"), part_size);
    EXPECT_LT(place_.bytes(".blob"), part_size + 500);
    EXPECT_EQ(*store_->read_body(id(1), 0), std::string(part_size, 'L'));
    EXPECT_EQ(*store_->read_body(id(2), 0), std::string(500, 's'));
}

TEST_F(StoreTest, LoadsKeepToTheirDestination) {
    const std::string_view domains[] = {"a.com", "a.com.au", "a.co", "b.a.com", "[192.0.2.1]"};
    std::uint64_t number = 0;
    for (int round = 0; round < 3; ++round)
        for (const auto domain : domains) put(survivor(id(++number), {"x@" + std::string(domain)}));
    auto other = survivor(id(99), {"x@a.com"});
    other.deliveries[0].facts.stream = "default2";
    put(other);
    for (const auto domain : domains) {
        const auto entries = ready(std::string(domain));
        ASSERT_EQ(entries.size(), 3u) << domain;
        for (const auto& entry : entries) EXPECT_EQ(entry.facts.domain, domain);
        EXPECT_LT(entries[0].facts.id, entries[1].facts.id);
        EXPECT_LT(entries[1].facts.id, entries[2].facts.id);
    }
    EXPECT_EQ(store_->load_ready({"default2", "a.com"}, MessageId(), 10)->entries.size(), 1u);
    EXPECT_TRUE(ready("a.c").empty());
    EXPECT_TRUE(ready("com").empty());
}

TEST_F(StoreTest, ReadyCursor) {
    for (int i = 0; i < 10; ++i) put(survivor(id(static_cast<unsigned>(i)), {"x@a.com"}));
    put(survivor(id(3), {"x@b.com"}));
    auto loaded = store_->load_ready({"default", "a.com"}, MessageId(), 4);
    ASSERT_EQ(loaded->entries.size(), 4u);
    EXPECT_TRUE(loaded->more);
    loaded = store_->load_ready({"default", "a.com"}, loaded->entries.back().facts.id, 4);
    EXPECT_EQ(loaded->entries.front().facts.id, id(3));
    loaded = store_->load_ready({"default", "a.com"}, id(6), 4);
    EXPECT_EQ(loaded->entries.size(), 4u);
    EXPECT_EQ(loaded->entries.back().facts.id, id(9));
    EXPECT_FALSE(loaded->more);
    EXPECT_TRUE(store_->load_ready({"default", "a.com"}, id(10), 4)->entries.empty());
}

TEST_F(StoreTest, DeferredCursor) {
    const auto due = [](int i) { return at_ms(1'700'000'000'000 + i * 1000); };
    for (int i = 0; i < 10; ++i)  // later messages are due earlier
        put(survivor(id(static_cast<unsigned>(9 - i)), {"x@a.com"}, "b", Place{due(i)}));
    auto loaded = store_->load_deferred({"default", "a.com"}, due(5), 4, {});
    ASSERT_EQ(loaded->entries.size(), 4u);
    EXPECT_EQ(loaded->entries[0].facts.id, id(9));
    EXPECT_EQ(loaded->entries[3].place.due, due(3));
    EXPECT_EQ(loaded->next_due, due(4));
    loaded = store_->load_deferred({"default", "a.com"}, due(5), 4, {due(4), MessageId()});
    ASSERT_EQ(loaded->entries.size(), 2u);
    EXPECT_EQ(loaded->next_due, due(6));
    loaded = store_->load_deferred({"default", "a.com"}, WallTime::max(), 40, {due(9), id(0)});
    EXPECT_EQ(loaded->entries.size(), 1u);
    EXPECT_FALSE(loaded->next_due);
    loaded = store_->load_deferred({"default", "a.com"}, due(-1), 40, {});
    EXPECT_TRUE(loaded->entries.empty());
    EXPECT_EQ(loaded->next_due, due(0));
}

TEST_F(StoreTest, FindsTenThousandDestinations) {
    const auto due = at_ms(1'700'000'100'000);
    std::map<std::string, int> expected;  // 1 ready, 2 deferred, 3 both
    StoreBatch batch;
    for (unsigned i = 0; i < 10'000; ++i) {
        const auto domain = "d" + std::to_string(i * 7919 % 10'000) + ".example";
        const int kind = 1 + static_cast<int>(i % 3);
        expected[domain] = kind;
        if (kind & 1) batch.survivors.push_back(survivor(id(2 * i), {"x@" + domain}));
        if (kind & 2) batch.survivors.push_back(survivor(id(2 * i + 1), {"x@" + domain}, "b", Place{due}));
        if (i % 100 == 0)  // many keys in one destination must not slow the scan
            for (unsigned k = 0; k < 50; ++k)
                batch.survivors.push_back(
                    survivor(id(100'000 + i * 50 + k), {"x@" + domain}, "b", Place{due}));
        if (i % 100 == 0) expected[domain] |= 2;
    }
    apply(batch);
    std::map<std::string, int> found;
    std::optional<DestinationName> after;
    for (;;) {
        const auto page = store_->find_destinations(after, 777);
        ASSERT_TRUE(page);
        if (page->empty()) break;
        for (const auto& one : *page) {
            if (after) {
                EXPECT_LT(*after, one.name);
            }
            after = one.name;
            EXPECT_TRUE(
                found.try_emplace(one.name.domain, (one.ready ? 1 : 0) + (one.first_due ? 2 : 0)).second);
            if (one.first_due) {
                EXPECT_EQ(*one.first_due, due);
            }
        }
    }
    EXPECT_EQ(found, expected);
}

TEST_F(StoreTest, MetaComesBack) {
    EXPECT_EQ(store_->meta().shards, 0u);
    StoreMeta meta;
    meta.store_id = 200;
    meta.shards = 3;
    meta.journal_key = 0xFEDCBA9876543210ull;
    meta.tails = {1, 1ull << 45, 3};
    ASSERT_TRUE(store_->set_meta(meta));
    StoreBatch batch;
    batch.tail = {ShardId{1}, (1ull << 45) + 7};
    apply(batch);
    EXPECT_EQ(store_->meta().tails[1], (1ull << 45) + 7);
    open();
    EXPECT_EQ(store_->meta().format, 1u);
    EXPECT_EQ(store_->meta().store_id, 200);
    EXPECT_EQ(store_->meta().journal_key, meta.journal_key);
    EXPECT_EQ(store_->meta().tails, (std::vector<Lsn>{1, (1ull << 45) + 7, 3}));
    meta.shards = 1;
    meta.tails = {9};
    ASSERT_TRUE(store_->set_meta(meta));
    open();
    EXPECT_EQ(store_->meta().tails, (std::vector<Lsn>{9}));
}

TEST_F(StoreTest, AnotherFormatIsRefusedUntouched) {
    StoreMeta meta;
    meta.format = 7;
    meta.shards = 1;
    ASSERT_TRUE(store_->set_meta(meta));
    store_.reset();
    StoreOptions options;
    options.path = place_.path("store");
    const auto opened = open_rocks_store(options);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("has format 7, this program reads 1"), std::string::npos)
        << opened.error().text;
}

TEST_F(StoreTest, AStoreInUseSaysSo) {
    StoreOptions options;
    options.path = place_.path("store");
    const auto opened = open_rocks_store(options);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("in use by another process"), std::string::npos)
        << opened.error().text;
}

TEST_F(StoreTest, TotalsCount) {
    StoreBatch batch;
    for (unsigned i = 0; i < 100; ++i)
        batch.survivors.push_back(survivor(id(i), {"x@a.com"}, std::string(20'000, 'x'),
                                           i % 4 ? Place{} : Place{at_ms(1'700'000'000'000)}));
    apply(batch);
    auto totals = store_->totals();
    EXPECT_EQ(totals.ready, 75u);
    EXPECT_EQ(totals.deferred, 25u);
    EXPECT_EQ(totals.messages, 100u);
    EXPECT_GT(totals.memory_bytes, 2'000'000u);
    EXPECT_FALSE(totals.write_stopped);
    ASSERT_TRUE(store_->flush());
    EXPECT_GT(store_->totals().disk_bytes, 2'000'000u);
}

}  // namespace
}  // namespace angarium::queue
