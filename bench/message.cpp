#include "bench/message.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>

#include <fmt/core.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>  // the widest vectors that this processor has
#endif

#include "engine/base/time.hpp"
#include "engine/smtp/received.hpp"

namespace angarium::bench {
namespace {

constexpr std::string_view bench_field = "X-Angarium-Bench: ";
constexpr std::string_view check_field = "X-Angarium-Check: ";
constexpr unsigned run_digits = 16, number_digits = 10, time_digits = 16, recipient_digits = 4;

void put_decimal(char* out, unsigned digits, std::uint64_t value) {
    for (unsigned i = digits; i > 0; --i, value /= 10) out[i - 1] = static_cast<char>('0' + value % 10);
}

void put_hex(char* out, std::uint64_t value) {
    for (unsigned i = run_digits; i > 0; --i, value >>= 4) out[i - 1] = "0123456789abcdef"[value & 15];
}

constexpr std::string_view filler_text =
    "The mounted relay of the Persian kings: a fresh rider waited at each station.";
static_assert(filler_text.size() >= Filler::line - 1);  // the last line takes up to so much of it
// The lines with a dot in front: number 2, 66, 130 ...
constexpr std::size_t dot_every = 64, first_dot = 2;

// Whole lines, with dots doubled.
std::string stuffed(std::string_view plain) {
    std::string out;
    out.reserve(plain.size() + plain.size() / 512 + 8);
    bool line_start = true;
    for (const char c : plain) {
        if (line_start && c == '.') out += '.';
        out += c;
        line_start = c == '\n';
    }
    return out;
}

}  // namespace

Checksum::Checksum() : state_(XXH3_createState(), [](XXH3_state_s* state) { XXH3_freeState(state); }) {
    reset();
}
Checksum::~Checksum() = default;
Checksum::Checksum(const Checksum& other) : Checksum() { *this = other; }
Checksum& Checksum::operator=(const Checksum& other) {
    if (this != &other) XXH3_copyState(state_.get(), other.state_.get());
    return *this;
}
void Checksum::reset() { XXH3_64bits_reset(state_.get()); }
void Checksum::add(std::string_view piece) { XXH3_64bits_update(state_.get(), piece.data(), piece.size()); }
std::uint64_t Checksum::value() const { return XXH3_64bits_digest(state_.get()); }

Filler::Filler(std::size_t lines) {
    plain_.reserve(lines * line);
    for (std::size_t n = 0; n < lines; ++n) {
        plain_.append(filler_text.substr(0, line - 2)).append("\r\n");
        if (n % dot_every == first_dot) plain_[n * line] = '.';
    }
    stuffed_ = bench::stuffed(plain_);
}

std::string_view Filler::stuffed(std::size_t lines) const {
    const auto dots = (lines + dot_every - 1 - first_dot) / dot_every;
    return std::string_view(stuffed_).substr(0, lines * line + dots);
}

void MessageForm::begin(const RunFacts& facts) {
    head_ = fmt::format("{}{:016x}-", bench_field, facts.run);
    number_at_ = head_.size();
    head_.append(number_digits, '0').append(" ");
    time_at_ = head_.size();
    head_.append(time_digits, '0');
    head_ += fmt::format(" {:0{}}\r\n{}", facts.recipients, recipient_digits, check_field);
    check_at_ = head_.size();
    head_.append(run_digits, '0').append("\r\n");
}

void MessageForm::generated_header(const RunFacts& facts, const Domains& domains) {
    head_ += fmt::format("From: <{}>\r\nTo: <", facts.from);
    if (facts.to.empty()) {
        head_ += "r0@";
        domain_at_ = head_.size();
        head_ += domains.pattern();
    } else {
        head_ += facts.to;
    }
    head_ += ">\r\nSubject: a message of angarium bench\r\nDate: ";
    smtp::append_date(head_, std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
    head_ += "\r\nMessage-ID: <";
    message_id_at_ = head_.size();
    head_.append(number_digits, '0');
    head_ += fmt::format(".{:016x}@{}>\r\n\r\n", facts.run, domains.suffix());
}

void MessageForm::last_line(const RunFacts& facts) {
    tail_ = fmt::format("Run {:016x}, message ", facts.run);
    last_number_at_ = tail_.size();
    tail_.append(number_digits, '0').append("\r\n");
}

std::size_t MessageForm::least_size(const RunFacts& facts, const Domains& domains) {
    return MessageForm(facts, domains, 0, Filler(0)).size();
}

MessageForm::MessageForm(const RunFacts& facts, const Domains& domains, std::uint64_t size,
                         const Filler& filler) {
    begin(facts);
    generated_header(facts, domains);
    last_line(facts);
    const auto least = head_.size() + tail_.size();
    const auto rest = size > least ? static_cast<std::size_t>(size) - least : 0;
    const auto lines = rest / Filler::line;
    tail_.insert(tail_.size() - 2, filler_text.data(), rest % Filler::line);
    plain_ = filler.plain(lines);
    stuffed_ = filler.stuffed(lines);
    body_.add(plain_);
}

MessageForm::MessageForm(const RunFacts& facts, const MailFile& file)
    : plain_(file.plain), eight_bit_(file.eight_bit) {
    begin(facts);
    own_stuffed_ = bench::stuffed(plain_);
    if (own_stuffed_.size() == plain_.size()) own_stuffed_ = {};  // no dots
    stuffed_ = own_stuffed_.empty() ? plain_ : own_stuffed_;
    body_.add(plain_.substr(file.body_at));
}

void Composer::compose(const MessageForm& form, std::uint64_t number, std::uint64_t sent_microseconds,
                       unsigned domain) {
    head_ = form.head_;
    tail_ = form.tail_;
    char* const head = head_.data();
    char digits[number_digits];
    put_decimal(digits, number_digits, number);
    std::memcpy(head + form.number_at_, digits, number_digits);
    put_decimal(head + form.time_at_, time_digits, sent_microseconds);
    checksum_ = form.body_;
    if (form.generated()) {
        std::memcpy(head + form.message_id_at_, digits, number_digits);
        if (form.domain_at_ != MessageForm::nowhere) domains_.put_name(head + form.domain_at_, domain);
        std::memcpy(tail_.data() + form.last_number_at_, digits, number_digits);
        checksum_.add(tail_);
    }
    put_hex(head + form.check_at_, checksum_.value());
    tail_ += end_of_data;
}

void MessageReader::begin() {
    in_header_ = true;
    partial_.clear();
    facts_ = {};
    expected_ = 0;
    checksum_.reset();
}

void MessageReader::feed(std::string_view piece) {
    while (in_header_ && !piece.empty()) {
        const auto newline = piece.find('\n');
        const auto part = piece.substr(0, newline == std::string_view::npos ? newline : newline + 1);
        piece.remove_prefix(part.size());
        if (partial_.empty() && newline != std::string_view::npos) {
            line(part);
            continue;
        }
        partial_.append(part.substr(0, most_partial - std::min(partial_.size(), most_partial)));
        if (newline == std::string_view::npos) return;
        line(partial_);
        partial_.clear();
    }
    checksum_.add(piece);
}

// A header line with its end, or as much of it as was kept.
void MessageReader::line(std::string_view text) {
    if (text == "\r\n" || text == "\n") {
        in_header_ = false;
        return;
    }
    if (!text.starts_with("X-Angarium-")) return;
    const auto number = [&](auto& out, int base) {
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
        if (error != std::errc{} || stop == text.data() + text.size()) return false;
        text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);  // and what follows it
        return true;
    };
    if (text.starts_with(bench_field)) {
        text.remove_prefix(bench_field.size());
        Facts found = facts_;
        found.generated = number(found.run, 16) && number(found.number, 10) &&
                          number(found.sent_microseconds, 10) && number(found.recipients, 10) &&
                          found.recipients > 0;
        if (found.generated) facts_ = found;
    } else if (text.starts_with(check_field)) {
        text.remove_prefix(check_field.size());
        facts_.checked = number(expected_, 16);
    }
}

MessageReader::Facts MessageReader::finish() const {
    auto facts = facts_;
    facts.damaged = facts.checked && checksum_.value() != expected_;
    return facts;
}

unsigned recipient_number(std::string_view address) {
    if (!address.starts_with('r')) return 0;
    unsigned number = 0;
    const auto [stop, error] = std::from_chars(address.data() + 1, address.data() + address.size(), number);
    if (error != std::errc{} || stop == address.data() + address.size() || *stop != '@') return 0;
    return number;
}

}  // namespace angarium::bench
