#include "tests/sim/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace angarium::sim {
namespace {

constexpr std::size_t most_faults = 4000;  // characters

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// The token of a message, from its own field; empty: not one of ours.
std::string token_of(std::string_view content) {
    constexpr std::string_view field = "\r\nX-Sim: ";
    const auto at = content.find(field);
    if (at == std::string_view::npos) return {};
    const auto begin = at + field.size();
    return std::string(content.substr(begin, content.find("\r\n", begin) - begin));
}

}  // namespace

void Judge::fault(std::string what) {
    world_.tell("FAULT " + what);
    if (faults_.size() < most_faults) faults_ += what + "\n";
}

void Judge::sending(const Mail& mail) {
    Sent sent;
    sent.mail = mail;
    sent.since = world_.now();
    sent.wall = world_.wall();
    for (const auto& recipient : mail.recipients) sent.copies[lower(recipient)];
    mail_[mail.token] = std::move(sent);
}

void Judge::not_accepted(const std::string& token, const std::string& recipient) {
    auto& copies = mail_.at(token).copies;
    const auto found = copies.find(lower(recipient));
    if (found != copies.end() && found->second.closed())
        fault(fmt::format("invented: {} for {}, which was refused", token, recipient));
    copies.erase(lower(recipient));
}

void Judge::acknowledged(const std::string& token) {
    auto& sent = mail_.at(token);
    sent.fate = Fate::acknowledged;
    sent.acknowledged = world_.now();
    sent.wall = std::min(sent.wall, world_.wall());  // the clock may have been set back meanwhile
    ++totals_.acknowledged;
    totals_.recipients += sent.copies.size();
    for (const auto& [recipient, copy] : sent.copies)
        if (!copy.closed()) ++open_;
}

void Judge::refused(const std::string& token) {
    auto& sent = mail_.at(token);
    sent.fate = Fate::refused;
    for (const auto& [recipient, copy] : sent.copies)
        if (copy.closed())
            fault(fmt::format("invented: {} for {} was refused, and still sent", token, recipient));
}

void Judge::close(Sent& sent, Copy& copy, bool arrival) {
    const bool was = copy.closed();
    if (arrival)
        ++copy.arrivals;
    else
        copy.told = true;
    if (!was && sent.fate == Fate::acknowledged) --open_;
}

bool Judge::is_condemned(const std::string& recipient) const {
    return everybody_ || condemned_.contains(recipient) ||
           condemned_domains_.contains(recipient.substr(recipient.find('@') + 1));
}

bool Judge::may_repeat(const Copy& copy) const {
    if (!copy.last) return true;
    const auto& first = arrivals_[*copy.last];
    if (first.heard == no_deadline || first.excused)
        return true;  // the relay cannot know, or not write it down
    for (std::size_t i = first.crashes; i < crashes_.size(); ++i)
        if (crashes_[i] >= first.heard && crashes_[i] - first.heard <= record_time_) return true;
    return false;
}

std::uint64_t Judge::arrived(const std::string& sender, const std::vector<std::string>& recipients,
                             std::string_view content, bool echo) {
    ++totals_.arrivals;
    const auto number = arrivals_.size();
    arrivals_.push_back({});
    if (sender.empty() && content.find("multipart/report") != std::string_view::npos) {
        bounce(content, echo);
        return number;
    }
    const auto token = token_of(content);
    const auto found = mail_.find(token);
    if (found == mail_.end()) {
        fault(fmt::format("invented: nobody sent what arrived with token '{}'", token));
        return number;
    }
    auto& sent = found->second;
    if (sent.fate == Fate::refused) fault(fmt::format("invented: {} was refused, and still sent", token));
    if (sender != sent.mail.sender)
        fault(fmt::format("damaged: {} came from <{}> instead of <{}>", token, sender, sent.mail.sender));
    // One Received: field, then what was sent, to the byte.
    const auto& wanted = sent.mail.content;
    const bool framed = content.size() > wanted.size() && content.starts_with("Received: ");
    if (!framed || content.substr(content.size() - wanted.size()) != wanted) {
        fault(fmt::format("damaged: {} came with {} bytes instead of {}", token, content.size(),
                          wanted.size()));
    } else {
        auto field = content.substr(0, content.size() - wanted.size());
        for (auto end = field.find("\r\n"); end + 2 < field.size(); end = field.find("\r\n", end + 2))
            if (field[end + 2] != ' ' && field[end + 2] != '\t') {
                fault(fmt::format("damaged: {} has something else in front of it", token));
                break;
            }
    }
    for (const auto& recipient : recipients) {
        const auto copy = sent.copies.find(lower(recipient));
        if (copy == sent.copies.end()) {
            fault(fmt::format("invented: {} came for {}, which was not accepted", token, recipient));
            continue;
        }
        if (copy->second.told && !echo)
            fault(fmt::format("twice: {} for {} was reported as failed", token, recipient));
        if (copy->second.arrivals > 0) {
            ++totals_.doubles;
            if (!echo && !may_repeat(copy->second))
                fault(fmt::format("twice: {} came for {} again", token, recipient));
        }
        close(sent, copy->second, true);
        if (!echo) copy->second.last = number;
    }
    return number;
}

void Judge::heard(std::uint64_t arrival) {
    world_.tell(fmt::format("the relay hears of arrival {}", arrival));
    arrivals_[arrival].heard = world_.now();
    arrivals_[arrival].crashes = crashes_.size();
    arrivals_[arrival].excused = !recording_;
}

// News of a failure: for whom, by the machine-readable part; about what, by the returned header, or by for whom.
void Judge::bounce(std::string_view content, bool echo) {
    ++totals_.bounces;
    constexpr std::string_view field = "\r\nFinal-Recipient: rfc822;";
    auto token = token_of(content);
    if (token.empty()) {  // where memory is short nothing is quoted: r3.TOKEN@d1.test
        const auto named = content.substr(std::min(content.find(field), content.size()));
        const auto begin = std::min(named.find('.'), named.size());
        token = named.substr(begin, named.find('@') - begin).substr(begin < named.size());
    }
    const auto found = mail_.find(token);
    if (found == mail_.end())
        return fault(fmt::format("invented: a bounce about '{}', which nobody sent", token));
    auto& sent = found->second;
    for (auto at = content.find(field); at != std::string_view::npos; at = content.find(field, at + 1)) {
        auto name = content.substr(at + field.size());
        name = name.substr(0, name.find("\r\n"));
        while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
        const auto recipient = lower(std::string(name));
        const auto copy = sent.copies.find(recipient);
        if (copy == sent.copies.end()) {
            fault(fmt::format("invented: a bounce of {} for {}", token, recipient));
            continue;
        }
        const bool over = world_.latest_wall() - sent.wall >= lifetime_ * 8 / 10;
        if (!over && !is_condemned(recipient))
            fault(fmt::format("baseless: {} was reported as failed for {}", token, recipient));
        if (!echo && copy->second.arrivals > 0 && !may_repeat(copy->second))
            fault(fmt::format("twice: {} was delivered to {}, and reported as failed", token, recipient));
        close(sent, copy->second, false);
    }
}

void Judge::look_for_starved(const std::set<std::string>& domains, Duration longest) {
    for (const auto& [token, sent] : mail_) {
        if (sent.fate != Fate::acknowledged || world_.now() - sent.acknowledged < longest) continue;
        for (const auto& [recipient, copy] : sent.copies)
            if (!copy.closed() && domains.contains(recipient.substr(recipient.find('@') + 1)))
                return fault(fmt::format("starved: {} for {}", token, recipient));
    }
}

void Judge::cannot_record() {
    if (std::exchange(recording_, false)) crashes_.push_back(world_.now());
}

void Judge::crashed() {
    recording_ = true;
    crashes_.push_back(world_.now());
    ++totals_.crashes;
}

namespace {
// The text of one field of a line, without escapes: what the judge looks for has none. Empty: no such field.
std::string field_of(std::string_view line, std::string_view name) {
    const auto key = fmt::format("\"{}\":\"", name);
    const auto at = line.find(key);
    if (at == std::string_view::npos) return {};
    const auto begin = at + key.size();
    return std::string(line.substr(begin, line.find('"', begin) - begin));
}
}  // namespace

void Judge::read_log(const std::string& name, std::string_view text) {
    logs_read_ = true;
    if (!text.empty() && text.back() != '\n') fault(fmt::format("unlogged: {} ends within a line", name));
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        read_log_line(name, line);
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
}

void Judge::read_log_line(const std::string& name, std::string_view line) {
    if (!line.starts_with('{') || !line.ends_with('}') || line.find('\0') != std::string_view::npos)
        return fault(fmt::format("unlogged: a damaged line in {}", name));
    const auto event = field_of(line, "event");
    if (!event.empty() && !logged_events_.insert(event).second)
        fault(fmt::format("unlogged: event {} stands twice in {}", event, name));
    const auto type = field_of(line, "type");
    if (type == "delivery" || type == "failure" || type == "expiration")
        ++logged_ends_[lower(field_of(line, "recipient"))];
}

std::string Judge::verdict() {
    std::size_t shown = 0;
    for (const auto& [token, sent] : mail_) {
        if (sent.fate != Fate::acknowledged) continue;
        for (const auto& [recipient, copy] : sent.copies) {
            if (copy.closed() || muddled_) continue;
            // The null sender is not told. The others are, by servers that never refuse for good; but the news may have expired,
            // too: early where the recipient was condemned, else a second lifetime later.
            const bool condemned = is_condemned(recipient), null = sent.mail.sender.empty();
            const bool expired = may_have_expired(sent, 1);
            const bool mute =
                null ? condemned || expired : (condemned && expired) || may_have_expired(sent, 2);
            if (!mute && ++shown <= 10) fault(fmt::format("lost: {} for {}", token, recipient));
        }
    }
    shown = 0;
    for (const auto& [token, sent] : mail_) {
        if (sent.fate != Fate::acknowledged || !logs_read_) continue;
        for (const auto& [recipient, copy] : sent.copies)
            if (const auto ends = logged_ends_[recipient]; ends != 1 && ++shown <= 10)
                fault(fmt::format("unlogged: {} for {} has {} ends in the logs", token, recipient, ends));
    }
    return faults_;
}

}  // namespace angarium::sim
