// The envelope, and content on its way into the queue's Incoming.
#include "engine/inbound/transaction.hpp"

#include "engine/base/assert.hpp"

namespace angarium::inbound {

void Transaction::begin(smtp::MailCommand mail) {
    ANGARIUM_ASSERT(!begun_);
    begun_ = true;
    envelope_.sender = std::move(mail.sender);
    envelope_.body = mail.body;
    envelope_.smtputf8 = mail.smtputf8;
    envelope_.ret = mail.ret;
    envelope_.envelope_id = std::move(mail.envelope_id);
    envelope_.declared_size = mail.size;
}

void Transaction::reset() {
    if (!begun_) return;
    envelope_ = smtp::Envelope();
    incoming_.reset();
    signing_.reset();
    refusal_.reset();
    begun_ = receiving_ = false;
}

std::expected<void, queue::Refusal> Transaction::open(queue::Intake& intake, smtp::TraceFacts facts,
                                                      const std::shared_ptr<const dkim::Signer>& signer) {
    ANGARIUM_ASSERT(begun_ && !receiving_);
    auto incoming = intake.open(envelope_.declared_size.value_or(0));
    if (!incoming) return std::unexpected(incoming.error());
    incoming_ = std::move(*incoming);
    receiving_ = true;
    if (signer) signing_ = std::make_unique<dkim::MessageSigner>(signer);
    char id[MessageId::text_size];
    incoming_->id().put_text(id);
    facts.id = {id, sizeof id};
    facts.smtputf8 = envelope_.smtputf8;
    if (envelope_.recipients.size() == 1) facts.recipient = &envelope_.recipients.front().mailbox;
    std::string received;
    received.reserve(256);
    smtp::append_received(received, facts);
    incoming_->push(received);  // the first bytes always fit
    return {};
}

bool Transaction::push(std::string_view content) {
    if (!incoming_) return true;
    if (signing_) signing_->feed(content);
    return incoming_->push(content);
}

runtime::Task<void> Transaction::room() {
    const auto room = co_await incoming_->room();
    if (room) co_return;
    refusal_ = room.error();
    drop();
}

void Transaction::drop() {
    incoming_.reset();
    signing_.reset();
}

}  // namespace angarium::inbound
