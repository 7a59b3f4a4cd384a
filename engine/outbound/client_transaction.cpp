// The ways of a transaction through a session, from one flight to one command at a time.
#include <utility>

#include "engine/outbound/client_session.hpp"

#include "engine/smtp/text.hpp"

namespace angarium::outbound {

using runtime::Task;

Task<void> ClientSession::transact(Attempt& attempt, Content& content) {
    Transaction transaction(attempt, offered_);
    transaction_ = &transaction;
    mail_answered_ = content_sent_ = false;
    ++transactions_;
    const bool pipelining = offered_.pipelining && options_.pipelining;
    const bool chunking = offered_.chunking && options_.chunking;
    // Behind a RSET the body waits for the answers: where the server stumbles over RSET it might yet take what follows,
    // and we would send it again.
    const bool small = content.parts() == 1 && content.first->bytes().size() <= options_.inline_chunk;
    if (pipelining && chunking && small && !needs_reset_) {
        if (!admits(content)) co_await admit(content);
        if (usable_) co_await in_one_flight(content.first);
    } else {
        if (pipelining && chunking)
            co_await envelope_first();
        else if (pipelining)
            co_await in_one_flight(nullptr);
        else
            co_await one_by_one(!chunking);
        if (usable_ && transaction.wants_content() && !admits(content)) co_await admit(content);
        if (usable_ && chunking && transaction.wants_content()) co_await send_chunks(content);
        if (usable_ && transaction.data_open()) co_await send_data(content);
    }
    needs_reset_ = transaction.leaves_residue();
    transaction_ = nullptr;
}

// From here on the peer may take the message. That begins only while few enough are in doubt. False: admit() waits for it.
bool ClientSession::admits(Content& content) {
    if (content.in_doubt == nullptr) return true;
    if (!content.admitted) content.admitted = usable_ && content.in_doubt->enter();
    return content.admitted;
}

Task<void> ClientSession::admit(Content& content) {
    while (usable_ && !admits(content)) co_await content.in_doubt->wait();
    if (!usable_) content.in_doubt->wake_next();
}

void ClientSession::append_reset() {
    if (!std::exchange(needs_reset_, false)) return;
    commands_ += "RSET\r\n";
    expect(Stage::rset);
}

// Begins a flight with MAIL and RCPT.., behind a RSET where one is due.
void ClientSession::begin_envelope() {
    begin_flight();
    commands_.clear();
    append_reset();
    transaction_->append_mail(commands_);
    expect(Stage::mail);
    for (std::size_t i = 0; i < transaction_->recipients_told(); ++i) {
        transaction_->append_rcpt(commands_, i);
        expect(Stage::rcpt, static_cast<std::uint16_t>(i));
    }
}

// MAIL, RCPT.. and DATA; or, with a body, BDAT LAST and the body itself.
Task<void> ClientSession::in_one_flight(queue::BlockRef body) {
    begin_envelope();
    if (body) {
        begin_chunk(body->bytes(), true);
    } else {
        commands_ += "DATA\r\n";
        expect(Stage::data);
        pieces_.push_back(commands_);
    }
    co_await flight();
}

Task<void> ClientSession::envelope_first() {
    begin_envelope();
    pieces_.push_back(commands_);
    co_await flight();
}

Task<void> ClientSession::one_by_one(bool with_data) {
    if (std::exchange(needs_reset_, false)) {
        const bool reset = co_await say(Stage::rset, "RSET\r\n");
        if (!reset) co_return;
    }
    commands_.clear();
    transaction_->append_mail(commands_);
    const bool begun = co_await say(Stage::mail, commands_);
    if (!begun || !transaction_->mail_accepted()) co_return;
    for (std::size_t i = 0; i < transaction_->recipients_told(); ++i) {
        begin_flight();
        commands_.clear();
        transaction_->append_rcpt(commands_, i);
        expect(Stage::rcpt, static_cast<std::uint16_t>(i));
        pieces_.push_back(commands_);
        const bool answered = co_await flight();
        if (!answered) co_return;
    }
    if (with_data && transaction_->wants_content()) co_await say(Stage::data, "DATA\r\n");
}

// Behind a 354. The next part is fetched while the one before is being sent. When no recipient is left, a lone dot ends
// what the server has opened (RFC 2920 section 3.1).
Task<void> ClientSession::send_data(Content& content) {
    begin_flight();
    expect(Stage::end_of_data);
    if (!transaction_->wants_content()) {
        content_sent_ = true;
        pieces_.push_back(".\r\n");
        co_await flight();
        co_return;
    }
    smtp::DataEncoder encoder;
    queue::BlockRef block = content.first;
    for (std::uint32_t part = 0;; ++part) {
        const bool last = part + 1 == content.parts();
        pieces_.clear();
        encoder.add(block->bytes(), pieces_);
        if (last) {
            encoder.finish(pieces_);
            content_sent_ = true;
            co_await flight();
            co_return;
        }
        Task<IoResult<queue::BlockRef>> next = content.outlet.fetch(content.delivery, part + 1);
        set_deadline(shard_.now() + timeout_of(Stage::body));
        count_bytes();
        const auto written = co_await stream_->write(pieces_, no_deadline);
        auto fetched = co_await next;
        if (!written) co_await await_last_words();
        if (!usable_) co_return;
        if (!fetched) {
            transaction_->obstruct(judge(Obstacle::body_unreadable));
            stop();
            co_return;
        }
        block = *std::move(fetched);
    }
}

void ClientSession::begin_chunk(std::string_view part, bool last) {
    smtp::append_decimal(commands_ += "BDAT ", part.size());
    commands_ += last ? " LAST\r\n" : "\r\n";
    expect(last ? Stage::end_of_data : Stage::body, 0, !last);
    content_sent_ = last;
    pieces_.push_back(commands_);
    pieces_.push_back(part);
}

// One BDAT for each part of the body (RFC 3030). With PIPELINING the chunks follow each other without waiting; a refused
// one ends the sending at the next border.
Task<void> ClientSession::send_chunks(Content& content) {
    const bool pipelining = offered_.pipelining && options_.pipelining;
    queue::BlockRef block = content.first;
    begin_flight();
    for (std::uint32_t part = 0; usable_; ++part) {
        const bool last = part + 1 == content.parts();
        pieces_.clear();
        commands_.clear();
        begin_chunk(block->bytes(), last);
        if (last) {
            co_await flight();
            co_return;
        }
        Task<IoResult<queue::BlockRef>> next = content.outlet.fetch(content.delivery, part + 1);
        set_deadline(shard_.now() + timeout_of(Stage::body));
        count_bytes();
        const auto written = co_await stream_->write(pieces_, no_deadline);
        if (written && (!pipelining || !transaction_->wants_content())) co_await wait();
        auto fetched = co_await next;
        if (!written) co_await await_last_words();
        if (!usable_) co_return;
        if (!fetched) {
            transaction_->obstruct(judge(Obstacle::body_unreadable));
            stop();
            co_return;
        }
        if (!transaction_
                 ->wants_content()) {  // refused: nothing more to send, the rest of the replies may come
            co_await wait();
            co_return;
        }
        block = *std::move(fetched);
    }
}

}  // namespace angarium::outbound
