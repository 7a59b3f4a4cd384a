// Opening and closing, reading, deadlines. What TLS needs is in client_security.cpp, the ways of a transaction are in
// client_transaction.cpp.
#include "engine/outbound/client_session.hpp"

#include <utility>

#include "engine/base/mistakes.hpp"

namespace angarium::outbound {

using metrics::Count;
using runtime::Task;
using smtp::Reply;

namespace {
// After a failed write: how long a last reply may still be on its way.
constexpr Duration last_words = 2s;
}  // namespace

ClientSession::ClientSession(runtime::Shard& shard, std::unique_ptr<runtime::Stream> stream,
                             const Options& options, metrics::Sheet& metrics, Security security)
    : shard_(shard),
      stream_(std::move(stream)),
      options_(options),
      metrics_(metrics),
      security_(std::move(security)),
      timer_([](void* self) { static_cast<ClientSession*>(self)->on_timer(); }, this) {}

ClientSession::~ClientSession() { ANGARIUM_ASSERT(!reading_); }

// --- opening and closing ---

Task<bool> ClientSession::open() {
    usable_ = true;
    const bool implicit = security_.implicit && security_.tls;
    if (implicit) co_await shake_hands();
    if (usable_) co_await greeting();
    if (usable_) co_await hello();
    const bool wanted = security_.policy != TlsPolicy::none;
    if (usable_ && wanted && !implicit) co_await start_tls();
    if (usable_ && security_.login) co_await log_in();
    co_return usable_;
}

Task<bool> ClientSession::greeting() {
    begin_flight();
    expect(Stage::banner);
    set_deadline(shard_.now() + timeout_of(Stage::banner));
    start_reading();
    const bool greeted = co_await wait();
    co_return greeted;
}

Task<bool> ClientSession::hello() {
    commands_ = "EHLO ";
    commands_ += options_.hostname;
    commands_ += "\r\n";
    bool said = co_await say(Stage::hello, commands_);
    if (said && hello_refused_) {
        commands_ = "HELO ";
        commands_ += options_.hostname;
        commands_ += "\r\n";
        said = co_await say(Stage::hello, commands_);
    }
    co_return said;
}

Task<void> ClientSession::close(bool polite) {
    if (polite && usable_ && all_answered()) co_await say(Stage::quit, "QUIT\r\n");
    if (!parted_) stop();
    set_deadline(no_deadline);
    co_await gate_.closed();
}

std::optional<Judgement> ClientSession::obstacle(const queue::DeliveryFacts& facts) const {
    if (offered_.size && offered_.size_limit > 0 && facts.size > offered_.size_limit)
        return judge(Obstacle::too_big, offered_.size_limit);
    if (facts.options.smtputf8 && !offered_.smtputf8) return judge(Obstacle::needs_smtputf8);
    if (options_.strict_8bitmime && facts.options.body == smtp::Body::eight_bit_mime &&
        !offered_.eight_bit_mime)
        return judge(Obstacle::needs_8bitmime);
    return std::nullopt;
}

void ClientSession::abort(Fault why) {
    if (usable_) lose(judge(awaited_stage(), why));
}

// --- flights ---

void ClientSession::begin_flight() {
    ANGARIUM_ASSERT(all_answered());
    expected_.clear();
    next_expected_ = 0;
    pieces_.clear();
}

void ClientSession::expect(Stage stage, std::uint16_t position, bool chunk) {
    expected_.push_back({stage, position, chunk});
}

void ClientSession::count_bytes() { metrics_.add(Count::outbound_bytes, smtp::total_size(pieces_)); }

Task<bool> ClientSession::flight() {
    if (!usable_) co_return false;
    set_deadline(shard_.now() + timeout_of(awaited_stage()));
    count_bytes();
    writing_ = true;
    const auto written = co_await stream_->write(pieces_, no_deadline);
    writing_ = false;
    if (const auto end = std::exchange(held_end_, std::nullopt)) {
        if (written)
            transaction_->on_end(*end);
        else if (usable_)
            lose(judge(Stage::body, Fault::garbage));
    }
    if (!written) co_await await_last_words();
    while (usable_ && !all_answered()) co_await changed_.wait();
    if (usable_) set_deadline(no_deadline);
    co_return usable_;
}

Task<bool> ClientSession::wait() {
    while (usable_ && !all_answered()) co_await changed_.wait();
    co_return usable_;
}

Task<void> ClientSession::await_last_words() {
    if (usable_) set_deadline(shard_.now() + last_words);
    while (usable_) co_await changed_.wait();
}

Task<bool> ClientSession::say(Stage stage, std::string_view line) {
    begin_flight();
    expect(stage);
    pieces_.push_back(line);
    const bool answered = co_await flight();
    co_return answered;
}

// --- reading ---

void ClientSession::start_reading() {
    stops_reading_ = false;
    reading_ = true;
    gate_.hold(read_loop());
}

Task<void> ClientSession::read_loop() {
    while (true) {
        const auto input = co_await stream_->read(no_deadline);
        if (!input) {
            if (usable_) lose(broken(input.error()));
            break;
        }
        consume(*input);
        if (!usable_ || stops_reading_) break;
    }
    reading_ = false;
    changed_.signal();
}

void ClientSession::consume(std::string_view input) {
    while (usable_ && !input.empty()) {
        const auto complete = parser_.feed(input);
        if (!complete) return lose(judge(awaited_stage(), Fault::garbage));
        if (!*complete) return;
        on_reply();
        if (usable_ && stops_reading_ && !input.empty())
            return lose(judge(TlsTrouble::injected, security_.host));
    }
}

// Many a peer says only in its first words under TLS what it did not like about the handshake.
Judgement ClientSession::broken(IoError error) const {
    const Fault fault = fault_of(error);
    const bool lost = fault == Fault::failed || fault == Fault::disconnected;
    if (tls_ == nullptr || tls_proven_ || !lost) return judge(awaited_stage(), fault);
    if (tls_->trouble().empty()) return judge(Stage::handshake, fault);
    return judge(TlsTrouble::handshake, security_.host, tls_->trouble());
}

Stage ClientSession::awaited_stage() const {
    if (all_answered()) return Stage::mail;  // idle: what would come next
    const Stage stage = expected_[next_expected_].stage;
    return stage == Stage::end_of_data && !content_sent_ ? Stage::body : stage;
}

void ClientSession::on_reply() {
    const Reply& reply = parser_.reply();
    count_reply(reply);
    tls_proven_ = tls_ != nullptr;
    const Stage stage = awaited_stage();
    if (all_answered()) {  // nobody asked
        lose(reply.code == 421 ? judge(stage, reply) : judge(stage, Fault::garbage));
        return;
    }
    const Expected expected = expected_[next_expected_++];
    if (stage == Stage::quit) return part();
    if (is_misplaced(stage, reply)) return lose(judge(stage, Fault::garbage));
    if (reply.code == 421 || wants_other_session(stage, reply)) return lose(judge(stage, reply));
    dispatch(expected, reply);
    if (!usable_) return;
    if (all_answered())
        changed_.signal();
    else
        set_deadline(shard_.now() + timeout_of(awaited_stage()));
}

void ClientSession::dispatch(const Expected& expected, const Reply& reply) {
    switch (expected.stage) {
        case Stage::banner:
            if (!is_good(Stage::banner, reply)) lose(judge(Stage::banner, reply));
            break;
        case Stage::hello:
            if (is_good(Stage::hello, reply)) {
                if (!hello_refused_) offered_ = smtp::parse_ehlo_reply(reply);
                hello_refused_ = false;
            } else if (reply.permanent() && !hello_refused_ && !judge(Stage::hello, reply).never) {
                hello_refused_ = true;  // try HELO (RFC 5321 section 3.2)
            } else {
                lose(judge(Stage::hello, reply));
            }
            break;
        case Stage::starttls:
            if (is_good(Stage::starttls, reply))
                stops_reading_ = true;
            else
                lose(judge(Stage::starttls, reply));
            break;
        case Stage::auth:
            challenge_.reset();
            if (!is_good(Stage::auth, reply))
                lose(judge(Stage::auth, reply));
            else if (reply.code == 334)
                challenge_ = reply.text;
            break;
        case Stage::rset:
            if (!is_good(Stage::rset, reply)) lose(judge(Stage::rset, reply));
            break;
        case Stage::mail:
            mail_answered_ = true;
            transaction_->on_mail(reply);
            break;
        case Stage::rcpt:
            transaction_->on_rcpt(expected.position, reply);
            break;
        case Stage::data:
            transaction_->on_data(reply);
            break;
        case Stage::body:
        case Stage::end_of_data:
            if (expected.chunk)
                transaction_->on_chunk(reply);
            else
                on_end_reply(reply);
            break;
        case Stage::connect:
        case Stage::handshake:
        case Stage::quit:
            break;
    }
}

// A refusal may come while the content is still being sent: it counts, but the dialogue is out of step then, and the
// only safe end is to close (a final dot might deliver what was refused). An early 250 is a lie; one that comes before we
// have heard that the last write has left is held until then (flight()).
void ClientSession::on_end_reply(const Reply& reply) {
    const bool good = is_good(Stage::end_of_data, reply);
    if (!content_sent_ && good) return lose(judge(Stage::body, Fault::garbage));
    if (writing_ && good) {
        held_end_ = reply;
        return;
    }
    transaction_->on_end(reply);
    if (!content_sent_) stop();
}

void ClientSession::lose(Judgement judgement) {
    if (makes(Mistake::unknown_is_delivered) && !all_answered() && content_sent_ && transaction_ != nullptr &&
        expected_[next_expected_].stage == Stage::end_of_data) {
        Reply reply;
        reply.code = 250;
        transaction_->on_end(reply);
    }
    if (!loss_) loss_ = std::move(judgement);
    stop();
}

void ClientSession::stop() {
    usable_ = false;
    stream_->abort(IoError::canceled);
    changed_.signal();
}

// A peer that says goodbye and does not take our QUIT is not waited for.
void ClientSession::part() {
    if (tls_ == nullptr || writing_) return stop();
    usable_ = false;
    parted_ = stops_reading_ = true;
    changed_.signal();
}

void ClientSession::count_reply(const Reply& reply) {
    switch (reply.code / 100) {
        case 2:
            return metrics_.add(Count::remote_2xx);
        case 3:
            return metrics_.add(Count::remote_3xx);
        case 4:
            return metrics_.add(Count::remote_4xx);
        case 5:
            return metrics_.add(Count::remote_5xx);
        default:
            return metrics_.add(Count::remote_other);
    }
}

// --- deadlines ---

Duration ClientSession::timeout_of(Stage stage) const {
    const Timeouts& timeouts = options_.timeouts;
    switch (stage) {
        case Stage::connect:
            return timeouts.connect;
        case Stage::banner:
            return timeouts.banner;
        case Stage::hello:
            return timeouts.hello;
        case Stage::starttls:
        case Stage::handshake:
            return timeouts.tls;
        case Stage::auth:
            return timeouts.hello;
        case Stage::rset:
            return timeouts.rset;
        case Stage::mail:
            return timeouts.mail;
        case Stage::rcpt:
            return timeouts.rcpt;
        case Stage::data:
            return timeouts.data;
        case Stage::body:
            return timeouts.block;
        case Stage::end_of_data:
            return timeouts.end_of_data;
        case Stage::quit:
            return timeouts.quit;
    }
    return timeouts.mail;
}

void ClientSession::set_deadline(MonoTime deadline) {
    deadline_ = deadline;
    if (deadline != no_deadline && (!timer_.armed() || timer_.when() > deadline))
        timer_.arm(shard_.timers(), deadline);
}

void ClientSession::on_timer() {
    if (deadline_ == no_deadline) return;
    if (shard_.now() < deadline_) return timer_.arm(shard_.timers(), deadline_);
    if (usable_) lose(judge(awaited_stage(), Fault::timed_out));
}

}  // namespace angarium::outbound
