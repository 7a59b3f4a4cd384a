#include "bench/message.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/core.h>
#include <xxhash.h>

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

// Text of exactly `size` octets: whole lines of 76 octets as long as they fit, every 64th with a dot in front, and a last
// line that ends in CRLF.
std::string filler(std::size_t size) {
    constexpr std::size_t line = 78;
    constexpr std::string_view text =
        "The mounted relay of the Persian kings: a fresh rider waited at each station.";
    static_assert(text.size() >= line - 2);
    std::string out;
    out.reserve(size);
    for (std::size_t n = 1; out.size() < size; ++n) {
        auto length = std::min(line, size - out.size());
        if (const auto rest = size - out.size() - length; rest == 1)
            --length;  // never a lone CR in the next line
        if (length < 2) {
            out.append(length, ' ');  // a message of one octet more than its head: nothing can end a line
            break;
        }
        const auto begin = out.size();
        out.append(text.substr(0, length - 2)).append("\r\n");
        if (n % 64 == 3 && length > 2) out[begin] = '.';
    }
    return out;
}

std::string stuffed(std::string_view plain) {
    std::string out;
    out.reserve(plain.size() + plain.size() / 512 + 8);
    bool line_start = true;
    for (const char c : plain) {
        if (line_start && c == '.') out += '.';
        out += c;
        line_start = c == '\n';
    }
    if (!line_start) out += "\r\n";
    return out += ".\r\n";
}

}  // namespace

Checksum::Checksum() : state_(XXH3_createState(), [](XXH3_state_s* state) { XXH3_freeState(state); }) {
    reset();
}
Checksum::~Checksum() = default;
void Checksum::reset() { XXH3_64bits_reset(state_.get()); }
void Checksum::add(std::string_view piece) { XXH3_64bits_update(state_.get(), piece.data(), piece.size()); }
std::uint64_t Checksum::value() const { return XXH3_64bits_digest(state_.get()); }

MessageForm::MessageForm(std::uint64_t run, std::uint64_t size, unsigned recipients, const std::string& from,
                         const Domains& domains)
    : run_(run), recipients_(recipients) {
    head_ = fmt::format("{}{:016x}-", bench_field, run);
    number_at_ = head_.size();
    head_.append(number_digits, '0').append(" ");
    time_at_ = head_.size();
    head_.append(time_digits, '0');
    head_ += fmt::format(" {:0{}}\r\n{}", recipients, recipient_digits, check_field);
    check_at_ = head_.size();
    head_.append(run_digits, '0');
    head_ += fmt::format("\r\nFrom: <{}>\r\nTo: <r0@", from);
    domain_at_ = head_.size();
    head_ += domains.name(0) + ">\r\nSubject: a message of angarium bench\r\nDate: ";
    smtp::append_date(head_, std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
    head_ += "\r\nMessage-ID: <";
    message_id_at_ = head_.size();
    head_.append(number_digits, '0');
    head_ += fmt::format(".{:016x}@{}>\r\n\r\n", run, domains.suffix());
    body_at_ = head_.size();
    head_ += fmt::format("Run {:016x}, message ", run);
    body_number_at_ = head_.size();
    head_.append(number_digits, '0').append("\r\n");
    plain_ = filler(size > head_.size() ? size - head_.size() : 0);
    stuffed_ = bench::stuffed(plain_);
    if (plain_.empty()) stuffed_ = ".\r\n";
}

Composer::Composer(const MessageForm& form, const Domains& domains)
    : form_(form), domains_(domains), head_(form.head()) {}

void Composer::compose(std::uint64_t number, std::uint64_t sent_microseconds, unsigned domain) {
    char* const head = head_.data();
    put_decimal(head + form_.number_at_, number_digits, number);
    put_decimal(head + form_.time_at_, time_digits, sent_microseconds);
    put_decimal(head + form_.message_id_at_, number_digits, number);
    put_decimal(head + form_.body_number_at_, number_digits, number);
    domains_.put_name(head + form_.domain_at_, domain);
    checksum_.reset();
    checksum_.add(std::string_view(head_).substr(form_.body_at_));
    checksum_.add(form_.plain());
    put_hex(head + form_.check_at_, checksum_.value());
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
