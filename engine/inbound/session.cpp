// The life of a session: reading lines, writing replies, timeouts, the end.
#include "engine/inbound/session.hpp"

#include <algorithm>

namespace angarium::inbound {
namespace {
// What grew beyond this many bytes is given back when the client is idle.
constexpr std::size_t kept_capacity = 512;
}  // namespace

Session::Session(const Services& services, std::unique_ptr<runtime::Stream> stream,
                 std::shared_ptr<const Terms> terms)
    : services_(services),
      limits_(services.options.limits),
      terms_(std::move(terms)),
      stream_(std::move(stream)),
      peer_(stream_->peer().text()),
      lines_(terms_->accounts ? sasl::max_line : smtp::max_command_line),
      linger_([](void* self) { static_cast<Session*>(self)->stream_->abort(IoError::timed_out); }, this) {
    client_.peer = stream_->peer();
    standing_ = terms_->listener.relay.judge(client_);
}

runtime::Task<void> Session::run() {
    gate_.hold(write_replies());
    if (terms_->listener.tls == TlsMode::implicit) co_await shake_hands();
    if (!closing_) greet();
    co_await read_commands();
    closing_ = true;
    transaction_.reset();
    wake_.signal();
    if (!input_ended_) co_await discard_input();
    co_await gate_.closed();
    services_.sheet.observe(metrics::Spread::session_messages, messages_);
}

void Session::greet() {
    replies_.text().append("220 ").append(services_.options.hostname).append(" ESMTP angarium\r\n");
    count_reply(220);
}

runtime::Task<void> Session::read_commands() {
    auto deadline = services_.shard.now() + patience();
    while (!closing_) {
        if (draining_) {
            refuse(replies::going_down, Reason::draining);
            break;
        }
        while (replies_.waiting() > limits_.reply_backlog && !closing_) {
            flush();
            co_await progress_.wait();
        }
        if (input_.empty()) {
            if (!stream_->has_input()) flush();
            release_buffers();
            awaiting_command_ = true;
            const auto read = co_await stream_->read(deadline);
            awaiting_command_ = false;
            if (may_wait_longer(read, deadline)) continue;
            if (!got(read)) break;
        }
        const auto result = lines_.next(input_);
        if (result.kind == smtp::LineReader::Kind::need_more) continue;
        const auto next = line(result);
        if (next == Next::stop) break;
        if (next == Next::data) co_await receive_data();
        if (next == Next::bdat) co_await receive_bdat();
        if (next == Next::auth) co_await authenticate();
        if (next == Next::tls) {
            co_await all_said();
            co_await shake_hands();
        }
        deadline = services_.shard.now() + patience();
    }
}

Duration Session::patience() const {
    return services_.connections.pressed() ? std::min(limits_.pressure_timeout, limits_.command_timeout)
                                           : limits_.command_timeout;
}

// The client was silent because it waited for us: its time begins with our reply. Moves the deadline.
bool Session::may_wait_longer(const IoResult<std::string_view>& read, MonoTime& deadline) const {
    if (read || read.error() != IoError::timed_out || closing_) return false;
    const bool owed = replies_.slot_open() || replies_.waiting() > 0;
    const auto until = (owed ? services_.shard.now() : replied_at_) + patience();
    if (until <= services_.shard.now()) return false;
    deadline = until;
    return true;
}

// Takes a read's result. False: there will be no more input, or none that counts.
bool Session::got(const IoResult<std::string_view>& read) {
    if (read) {
        services_.sheet.add(metrics::Count::inbound_bytes, read->size());
        if (closing_) return false;
        input_ = *read;
        return true;
    }
    if (read.error() == IoError::timed_out && !closing_) {
        services_.sheet.add(metrics::Count::sessions_timed_out);
        stop(replies::too_slow);
        return false;
    }
    input_ended_ = true;
    if (read.error() != IoError::end_of_stream) lost_ = true;
    if (!closing_) services_.sheet.add(metrics::Count::sessions_lost);
    return false;
}

// After our last reply: reads what still comes, so that closing does not destroy the reply on its way, until the client
// has closed or the linger timer ends it.
runtime::Task<void> Session::discard_input() {
    for (;;) {
        const auto read = co_await stream_->read(no_deadline);
        if (!got(read) && input_ended_) break;
    }
}

runtime::Task<void> Session::write_replies() {
    while (!lost_) {
        if (!replies_.has_ready()) {
            if (closing_ && !replies_.slot_open()) break;
            co_await wake_.wait();
            continue;
        }
        replies_.take(out_);
        writing_ = true;
        const auto written = co_await stream_->write(out_, services_.shard.now() + limits_.write_timeout);
        writing_ = false;
        replied_at_ = services_.shard.now();
        if (!written) lose();
        progress_.signal();
    }
    if (lost_) co_return;
    stream_->half_close();
    if (!input_ended_) linger_.arm(services_.shard.timers(), services_.shard.now() + limits_.linger);
}

void Session::flush() {
    if (replies_.has_ready()) wake_.signal();
}

// Says the last reply.
void Session::stop(const smtp::FixedReply& last) {
    say(last);
    closing_ = true;
    wake_.signal();
}

// The connection is of no more use, and nobody shall hear another word.
void Session::lose() {
    lost_ = closing_ = true;
    replies_.clear();
    stream_->abort(IoError::reset);
    wake_.signal();
}

void Session::drain() {
    draining_ = true;
    // It hears of it behind the handshake; one that is silent is not waited for.
    if (shaking_) linger_.arm(services_.shard.timers(), services_.shard.now() + limits_.linger);
    if (!awaiting_command_ || closing_) return;
    refuse(replies::going_down, Reason::draining);
    closing_ = true;
    wake_.signal();
}

void Session::release_buffers() {
    if (lines_.within_line()) return;
    lines_.release();
    // What is being written stays where it is.
    if (!writing_ && out_.capacity() > kept_capacity && !replies_.has_ready()) std::string().swap(out_);
    if (pieces_.capacity() * sizeof(std::string_view) > kept_capacity)
        std::vector<std::string_view>().swap(pieces_);
}

}  // namespace angarium::inbound
