// One message on its way in: a buffer of at most one part, parts in the journal for what is larger, and the accept record
// that ends it. A head goes in front of the buffer, or becomes a part of its own: the last one written, the first of the
// body. Owning thread: the shard's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "queue/body.hpp"
#include "queue/journal.hpp"
#include "queue/origin.hpp"

namespace angarium::queue {

class IncomingMessage final : public Incoming {
  public:
    IncomingMessage(Origin& origin, const MessageId& id, std::uint64_t declared);
    ~IncomingMessage() override;

    const MessageId& id() const override { return id_; }
    bool push(std::string_view bytes) override;
    runtime::Task<std::expected<void, Refusal>> room() override;
    void head(std::string bytes) override;
    std::uint64_t size() const override { return size_; }
    runtime::Task<std::expected<Durable, Refusal>> commit(smtp::Envelope envelope, Trace trace) override;

    // Retire moves parts of open messages out of the way. The accept record is not written while that goes on.
    bool committing() const { return committing_; }
    std::vector<Extent>& parts() { return parts_; }
    void hold_parts() { ++moving_; }
    void parts_moved();

  private:
    // One part's record, awaited.
    class PartEntry;
    class AcceptEntry;
    runtime::Task<std::expected<void, Refusal>> write_part(std::string_view bytes);
    std::vector<Extent> parts_of_body() const;
    bool charge();  // false: it has become more than the budget allows

    Origin& origin_;
    const MessageId id_;
    std::string buffer_;
    std::uint64_t size_ = 0;
    std::size_t charged_ = 0;
    bool too_much_ = false;      // memory was short when the buffer last grew
    std::vector<Extent> parts_;  // in the order of writing
    std::string head_;           // not yet with the rest
    bool headed_ = false;        // the head is the last of the parts
    bool committing_ = false;
    unsigned moving_ = 0;
    runtime::Event moved_;
};

// Appends a part to the journal and waits until it is durable. `settle`, if given, hears where it lies in the step that makes it
// durable, before anything else can happen.
runtime::Task<IoResult<Extent>> append_part(Journal& journal, const MessageId& id, std::uint32_t part,
                                            std::string_view bytes, Precedence precedence,
                                            std::function<void(Extent)> settle);

}  // namespace angarium::queue
