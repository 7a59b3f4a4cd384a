// A queue in memory for the session's tests: it keeps what was committed, refuses on request, and holds a commit back
// until the test lets it go, as a slow disk would.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/runtime/event.hpp"
#include "engine/runtime/shard.hpp"
#include "queue/durable_access.hpp"
#include "queue/intake.hpp"

namespace angarium::inbound {

struct FakeMessage {
    MessageId id;
    smtp::Envelope envelope;
    queue::Trace trace;
    std::string body;
};

class FakeIntake final : public queue::Intake {
  public:
    std::optional<queue::Refusal> refuse_mail, refuse_open, refuse_room, refuse_commit;
    std::size_t room = std::size_t{1} << 30;  // bytes after which push() says to wait
    bool hold = false;                        // commits wait for release()
    std::vector<FakeMessage> messages;
    std::vector<std::uint64_t> declared;
    std::size_t open_messages = 0, waits = 0, committing = 0, most_committing = 0;

    void release() {
        hold = false;
        released_.signal();
    }

    std::expected<std::unique_ptr<queue::Incoming>, queue::Refusal> open(std::uint64_t size) override {
        declared.push_back(size);
        if (refuse_open) return std::unexpected(*refuse_open);
        return std::make_unique<FakeIncoming>(*this);
    }
    std::expected<void, queue::Refusal> would_open(std::uint64_t) override {
        if (refuse_mail) return std::unexpected(*refuse_mail);
        return {};
    }

  private:
    class FakeIncoming final : public queue::Incoming {
      public:
        explicit FakeIncoming(FakeIntake& intake) : intake_(intake) {
            auto& shard = runtime::Shard::current();
            id_ = MessageId::make(shard.wall_now(), 0, shard.id(), shard.random());
            ++intake_.open_messages;
        }
        ~FakeIncoming() override { --intake_.open_messages; }
        const MessageId& id() const override { return id_; }
        bool push(std::string_view bytes) override {
            body_ += bytes;
            waiting_ += bytes.size();
            return waiting_ <= intake_.room;
        }
        runtime::Task<std::expected<void, queue::Refusal>> room() override {
            ++intake_.waits;
            waiting_ = 0;
            co_await runtime::Shard::current().sleep(1ms);
            if (intake_.refuse_room) co_return std::unexpected(*intake_.refuse_room);
            co_return std::expected<void, queue::Refusal>();
        }
        void head(std::string bytes) override { body_.insert(0, bytes); }
        std::uint64_t size() const override { return body_.size(); }
        runtime::Task<std::expected<queue::Durable, queue::Refusal>> commit(smtp::Envelope envelope,
                                                                            queue::Trace trace) override {
            ++intake_.committing;
            intake_.most_committing = std::max(intake_.most_committing, intake_.committing);
            while (intake_.hold) co_await intake_.released_.wait();
            --intake_.committing;
            if (intake_.refuse_commit) co_return std::unexpected(*intake_.refuse_commit);
            intake_.messages.push_back({id_, std::move(envelope), std::move(trace), body_});
            co_return queue::DurableAccess::make(id_);
        }

      private:
        FakeIntake& intake_;
        MessageId id_;
        std::string body_;
        std::size_t waiting_ = 0;
    };

    runtime::Event released_;
};

}  // namespace angarium::inbound
