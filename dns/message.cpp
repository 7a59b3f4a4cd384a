#include "dns/message.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <optional>

namespace angarium::dns {
namespace {

constexpr std::uint16_t class_internet = 1;
constexpr std::size_t header_octets = 12;
constexpr std::size_t most_wire_name = 255;  // octets with lengths and the root (RFC 1035 section 2.3.4)

// A place in the message; every step checks the bounds and says whether it succeeded.
class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> message) : message_(message) {}

    std::size_t at() const { return at_; }
    bool skip(std::size_t octets) {
        if (message_.size() - at_ < octets) return false;
        at_ += octets;
        return true;
    }
    bool u16(std::uint16_t& value) {
        if (message_.size() - at_ < 2) return false;
        value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
        at_ += 2;
        return true;
    }
    bool u32(std::uint32_t& value) {
        std::uint16_t high = 0, low = 0;
        if (!u16(high) || !u16(low)) return false;
        value = static_cast<std::uint32_t>(high) << 16 | low;
        return true;
    }
    std::span<const std::uint8_t> octets(std::size_t from, std::size_t count) const {
        return message_.subspan(from, count);
    }

    // A name, decompressed, as text in lower case. Octets that no host name has are written as \DDD, so that such a name
    // never equals a canonical one.
    bool name(std::string& out) {
        out.clear();
        std::size_t position = at_, before = at_, wire = 0;
        bool jumped = false;
        for (unsigned pointers = 0;;) {
            if (position >= message_.size()) return false;
            const std::size_t length = message_[position];
            if ((length & 0xC0) == 0xC0) {
                if (message_.size() - position < 2 || ++pointers > most_pointers) return false;
                if (!std::exchange(jumped, true)) at_ = position + 2;
                position = (length & 0x3F) << 8 | message_[position + 1];
                if (position >= before || position < header_octets) return false;
                before = position;
                continue;
            }
            if ((length & 0xC0) != 0) return false;
            wire += length + 1;
            if (wire > most_wire_name || message_.size() - position < length + 1) return false;
            ++position;
            if (length == 0) break;
            if (!out.empty()) out += '.';
            append_label(out, message_.subspan(position, length));
            position += length;
        }
        if (!jumped) at_ = position;
        return true;
    }

  private:
    static void append_label(std::string& out, std::span<const std::uint8_t> label) {
        for (const auto octet : label) {
            const bool plain = (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') ||
                               octet == '-' || octet == '_';
            if (plain) {
                out += static_cast<char>(octet);
            } else if (octet >= 'A' && octet <= 'Z') {
                out += static_cast<char>(octet - 'A' + 'a');
            } else {
                char escaped[5];
                std::snprintf(escaped, sizeof escaped, "\\%03u", octet);
                out += escaped;
            }
        }
    }

    std::span<const std::uint8_t> message_;
    std::size_t at_ = 0;
};

struct Header {
    std::uint16_t id = 0, flags = 0, questions = 0, answers = 0, authorities = 0, additionals = 0;
    bool is_reply() const { return (flags & 0x8000) != 0 && (flags & 0x7800) == 0; }
    bool truncated() const { return (flags & 0x0200) != 0; }
    bool authentic() const { return (flags & 0x0020) != 0; }
    unsigned code() const { return flags & 0x000F; }
};

struct Record {
    std::string owner;
    std::uint16_t type = 0, record_class = 0, length = 0;
    std::uint32_t ttl = 0;
    std::size_t data = 0;  // where its octets begin

    bool is(RecordType wanted) const {
        return record_class == class_internet && type == static_cast<std::uint16_t>(wanted);
    }
};

struct Alias {
    std::string from, to;
    std::uint32_t ttl;
};

bool read_header(Reader& reader, Header& header) {
    return reader.u16(header.id) && reader.u16(header.flags) && reader.u16(header.questions) &&
           reader.u16(header.answers) && reader.u16(header.authorities) && reader.u16(header.additionals);
}

bool read_record(Reader& reader, Record& record) {
    if (!reader.name(record.owner) || !reader.u16(record.type) || !reader.u16(record.record_class) ||
        !reader.u32(record.ttl) || !reader.u16(record.length))
        return false;
    record.data = reader.at();
    return reader.skip(record.length);
}

bool repeats_question(Reader& reader, const Header& header, const Question& question) {
    std::string name;
    std::uint16_t type = 0, question_class = 0;
    return header.questions == 1 && reader.name(name) && reader.u16(type) && reader.u16(question_class) &&
           name == question.name && type == static_cast<std::uint16_t>(question.type) &&
           question_class == class_internet;
}

// A name inside a record's data that must end where the data ends.
bool data_name(std::span<const std::uint8_t> message, const Record& record, std::size_t offset,
               std::string& name) {
    Reader reader(message.first(record.data + record.length));
    return reader.skip(record.data + offset) && reader.name(name) &&
           reader.at() == record.data + record.length;
}

IpAddress v4_of(std::span<const std::uint8_t> octets) {
    std::uint32_t value = 0;
    for (const auto octet : octets) value = value << 8 | octet;
    return IpAddress::v4(value);
}

IpAddress v6_of(std::span<const std::uint8_t> octets) {
    std::array<std::uint8_t, 16> bytes;
    std::copy(octets.begin(), octets.end(), bytes.begin());
    return IpAddress::v6(bytes);
}

std::optional<std::string> joined_strings(std::span<const std::uint8_t> octets) {
    std::string text;
    while (!octets.empty()) {
        const std::size_t length = octets[0];
        if (octets.size() - 1 < length) return std::nullopt;
        text.append(reinterpret_cast<const char*>(octets.data()) + 1, length);
        octets = octets.subspan(length + 1);
    }
    return text;
}

// Adds the record's data to the answer; false when the data is not what its type demands.
bool take_data(std::span<const std::uint8_t> message, const Record& record, RecordType type, Answer& answer) {
    const auto octets = message.subspan(record.data, record.length);
    switch (type) {
        case RecordType::a:
            if (octets.size() != 4) return false;
            if (answer.addresses.size() < most_records) answer.addresses.push_back(v4_of(octets));
            return true;
        case RecordType::aaaa:
            if (octets.size() != 16) return false;
            if (answer.addresses.size() < most_records) answer.addresses.push_back(v6_of(octets));
            return true;
        case RecordType::mx: {
            MxRecord mx;
            if (octets.size() < 3 || !data_name(message, record, 2, mx.host)) return false;
            mx.preference = static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
            answer.exchangers.push_back(std::move(mx));
            return true;
        }
        case RecordType::txt: {
            auto text = joined_strings(octets);
            if (!text) return false;
            if (answer.data.size() < most_records) answer.data.push_back(std::move(*text));
            return true;
        }
        default:
            if (answer.data.size() < most_records)
                answer.data.emplace_back(reinterpret_cast<const char*>(octets.data()), octets.size());
            return true;
    }
}

bool has_records(const Answer& answer) {
    return !answer.addresses.empty() || !answer.exchangers.empty() || !answer.data.empty();
}

// One reply being read.
class Parser {
  public:
    Parser(std::span<const std::uint8_t> message, const Question& question)
        : message_(message), reader_(message), question_(question) {}

    Answer parse() {
        Header header;
        if (message_.size() > 65535 || !read_header(reader_, header) || !header.is_reply())
            return Answer::failed(Failure::malformed);
        answer_.authentic = header.authentic();
        const auto refusal = failure_of(header.code());
        if (refusal == Failure::server_failed || refusal == Failure::refused) return Answer::failed(refusal);
        if (header.truncated() || !repeats_question(reader_, header, question_) ||
            !read_answers(header.answers))
            return Answer::failed(Failure::malformed);
        if (refusal == Failure::none && has_records(answer_)) return std::move(answer_);
        return read_negative(header, refusal);
    }

  private:
    static Failure failure_of(unsigned code) {
        switch (code) {
            case 0:
                return Failure::none;
            case 3:
                return Failure::no_such_domain;
            case 5:
                return Failure::refused;
            default:
                return Failure::server_failed;
        }
    }

    void use_ttl(std::uint32_t seconds) {
        if (seconds > std::numeric_limits<std::int32_t>::max()) seconds = 0;  // RFC 2181 section 8
        const std::chrono::seconds ttl(seconds);
        answer_.ttl = answer_.has_ttl ? std::min(answer_.ttl, ttl) : ttl;
        answer_.has_ttl = true;
    }

    // Two passes over the answer section: first the aliases, then the records at the chain's end.
    bool read_answers(unsigned count) {
        const auto start = reader_;
        Record record;
        std::vector<Alias> aliases;
        for (unsigned i = 0; i < count; ++i) {
            if (!read_record(reader_, record)) return false;
            if (!record.is(RecordType::cname)) continue;
            Alias alias{record.owner, {}, record.ttl};
            if (aliases.size() == most_aliases || !data_name(message_, record, 0, alias.to)) return false;
            aliases.push_back(std::move(alias));
        }
        if (!follow(aliases)) return false;
        auto again = start;
        for (unsigned i = 0; i < count; ++i) {
            if (!read_record(again, record)) return false;
            if (!record.is(question_.type) || record.owner != answer_.canonical) continue;
            if (!take_data(message_, record, question_.type, answer_)) return false;
            use_ttl(record.ttl);
        }
        keep_best_exchangers();
        return true;
    }

    bool follow(const std::vector<Alias>& aliases) {
        answer_.canonical = question_.name;
        for (unsigned hops = 0;; ++hops) {
            const auto next = std::find_if(aliases.begin(), aliases.end(), [this](const Alias& alias) {
                return alias.from == answer_.canonical;
            });
            if (next == aliases.end()) return true;
            if (hops == most_alias_hops) return false;  // also how a loop ends
            answer_.canonical = next->to;
            use_ttl(next->ttl);
        }
    }

    void keep_best_exchangers() {
        auto& all = answer_.exchangers;
        if (all.size() <= most_records) return;
        std::sort(all.begin(), all.end(),
                  [](const MxRecord& x, const MxRecord& y) { return x.preference < y.preference; });
        all.resize(most_records);
    }

    // No records: NXDOMAIN or no data, with the SOA's word on how long (RFC 2308 section 5). An OPT record may carry
    // the upper bits of another code (RFC 6891 section 6.1.3); name servers without SOA are a referral.
    Answer read_negative(const Header& header, Failure refusal) {
        bool referral = false, soa = false;
        Record record;
        for (unsigned i = 0; i < header.authorities; ++i) {
            if (!read_record(reader_, record)) return Answer::failed(Failure::malformed);
            if (record.is(RecordType::ns)) referral = true;
            if (!record.is(RecordType::soa) || soa) continue;
            std::uint32_t minimum = 0;
            if (!soa_minimum(record, minimum)) return Answer::failed(Failure::malformed);
            use_ttl(std::min(record.ttl, minimum));
            soa = true;
        }
        for (unsigned i = 0; i < header.additionals; ++i) {
            if (!read_record(reader_, record)) return Answer::failed(Failure::malformed);
            const bool extended =
                record.type == static_cast<std::uint16_t>(RecordType::opt) && record.ttl >> 24 != 0;
            if (extended) return Answer::failed(Failure::server_failed);
        }
        if (refusal == Failure::none && referral && !soa) return Answer::failed(Failure::server_failed);
        answer_.failure = refusal == Failure::none ? Failure::no_data : refusal;
        answer_.has_ttl = soa;
        answer_.addresses.clear();
        answer_.exchangers.clear();
        answer_.data.clear();
        return std::move(answer_);
    }

    bool soa_minimum(const Record& record, std::uint32_t& minimum) {
        Reader reader(message_.first(record.data + record.length));
        std::string primary, mailbox;
        std::uint32_t serial = 0, refresh = 0, retry = 0, expire = 0;
        return reader.skip(record.data) && reader.name(primary) && reader.name(mailbox) &&
               reader.u32(serial) && reader.u32(refresh) && reader.u32(retry) && reader.u32(expire) &&
               reader.u32(minimum) && reader.at() == record.data + record.length;
    }

    std::span<const std::uint8_t> message_;
    Reader reader_;
    const Question& question_;
    Answer answer_;
};

}  // namespace

Answer parse_reply(std::span<const std::uint8_t> message, const Question& question) {
    return Parser(message, question).parse();
}

}  // namespace angarium::dns
