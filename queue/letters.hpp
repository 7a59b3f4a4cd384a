// The letters between a message's origin and the owner of its destination, beside the Delivery itself:
//
//   Waiting   origin → owner   young deliveries of this destination wait here: ask for them
//   Want      owner → origin   send up to `count` of them; comes back behind them and says whether more wait
//   Notice    origin → owner   these keys are in the store now: look there
//   BodyCall  owner → origin   read a part of a young message's body; comes back with it
#pragma once

#include <coroutine>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/result.hpp"
#include "engine/runtime/letter.hpp"
#include "queue/body.hpp"
#include "queue/delivery.hpp"
#include "queue/names.hpp"

namespace angarium::queue {

class QueueSet;

class Waiting final : public runtime::Letter {
  public:
    // `found`: by a start.
    Waiting(QueueSet& set, DestinationName name, ShardId origin, bool found)
        : set_(set), name_(std::move(name)), origin_(origin), found_(found) {}
    void arrive() override;

  private:
    QueueSet& set_;
    DestinationName name_;
    ShardId origin_;
    const bool found_;
};

class Want final : public runtime::Letter {
  public:
    Want(QueueSet& set, DestinationName name_, ShardId owner_, ShardId origin_, std::size_t count_)
        : name(std::move(name_)), owner(owner_), origin(origin_), count(count_), set_(set) {}
    void arrive() override;

    DestinationName name;
    ShardId owner, origin;
    std::size_t count;
    bool answered = false;  // on its way back
    bool more = false;

  private:
    QueueSet& set_;
};

class Notice final : public runtime::Letter {
  public:
    struct Key {
        DestinationName name;
        Place place;
        MessageId id;  // of the smallest key that this notice is about
    };
    // `found`: by a start.
    Notice(QueueSet& set, std::vector<Key> keys, bool found = false)
        : set_(set), keys_(std::move(keys)), found_(found) {}
    void arrive() override;

  private:
    QueueSet& set_;
    std::vector<Key> keys_;
    const bool found_;
};

class BodyCall final : public runtime::Letter {
  public:
    BodyCall(QueueSet& set, const MessageId& id_, std::uint32_t part_, ShardId owner_)
        : id(id_), part(part_), owner(owner_), set_(set) {}
    void arrive() override;

    MessageId id;
    std::uint32_t part;
    ShardId owner;
    bool answered = false;
    bool young = false;  // the origin had it; else it is in the store
    IoResult<BlockRef> block{std::unexpected(IoError::canceled)};
    // On the owner: where the answer is put, and who waits for it.
    struct Answer {
        std::coroutine_handle<> waiter;
        bool young = false;
        IoResult<BlockRef> block{std::unexpected(IoError::canceled)};
    };
    Answer* answer = nullptr;

  private:
    QueueSet& set_;
};

}  // namespace angarium::queue
