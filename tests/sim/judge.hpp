// The judge: knows what clients sent and what they were told, what servers got and what they said, and nothing of the relay. It
// shares no code with it. Its verdicts:
//
//   lost        a message was acknowledged, and a recipient got neither it, nor its sender the news that it failed
//   damaged     what arrived is not what was sent behind one Received: field
//   invented    an arrival that nobody sent, or for a recipient that was not accepted
//   twice       a second arrival although the relay had heard the first 250, and had time to write it down
//   baseless    news of a failure though no server refused that recipient for good and the time was not over
//   starved     mail for a server that is well waits although nothing but another one's trouble is in its way
//   untold      a reply out of order or out of place (clients report these)
//   unlogged    the end of a recipient is not in the delivery logs once, or a line there is damaged or doubled
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/world.hpp"

namespace angarium::sim {

class Judge {
  public:
    // `lifetime`: after which the relay may give up.
    Judge(World& world, Duration lifetime) : world_(world), lifetime_(lifetime) {}

    // From a 250 that the relay has heard to its synced record: a disk that is held up may take long.
    void expect_records_within(Duration time) { record_time_ = time; }

    // --- clients ---
    struct Mail {
        std::string token, sender, content;  // content: CRLF lines, as it must arrive
        std::vector<std::string> recipients;
    };
    // It is being sent. What becomes of it is told by the next three; without a word from them nobody knows.
    void sending(const Mail& mail);
    void not_accepted(const std::string& token, const std::string& recipient);
    void acknowledged(const std::string& token);
    void refused(const std::string& token);  // or its end was never sent
    void fault(std::string what);            // a client or server saw something that must not be

    // --- servers ---
    // A message was accepted by a server: returns a number for heard(). `content` as it came. `echo`: over a connection that the
    // relay has left; it was sent long ago and waited in the server's hands.
    std::uint64_t arrived(const std::string& sender, const std::vector<std::string>& recipients,
                          std::string_view content, bool echo);
    // The 250 for that arrival reached the relay (its process read it, or its kernel had it).
    void heard(std::uint64_t arrival);
    // The server refused this recipient for good, in a session about this message where that is known.
    void condemned(const std::string& recipient) { condemned_[recipient] = world_.now(); }
    void condemned_domain(const std::string& domain) { condemned_domains_.insert(domain); }
    void condemned_everybody() { everybody_ = true; }
    // A server has given replies that nobody had asked for: what the relay takes for an answer to its next command may be one of
    // them, so mail may be gone by the server's word alone.
    void muddled() { muddled_ = true; }

    // --- the world ---
    void crashed();
    // From now on everything arrives within `longest`, if its time is not over by then.
    void healed(Duration longest) {
        delivered_by_ = world_.latest_wall() + std::chrono::duration_cast<std::chrono::milliseconds>(longest);
    }
    // Of acknowledged mail for these domains none is open that has been so for longer.
    void look_for_starved(const std::set<std::string>& domains, Duration longest);
    // The relay can record nothing any more, until it is started again.
    void cannot_record();

    // At the end: a delivery log, whole. Every recipient's end stands in the logs once, and every event has one line.
    void read_log(const std::string& name, std::string_view text);
    // At the end, when everything should have ended. Empty: all is well.
    std::string verdict();
    bool settled() const { return open_ == 0; }
    std::size_t open() const { return open_; }
    std::string faults() const { return faults_; }
    struct Totals {
        std::uint64_t acknowledged = 0, recipients = 0, arrivals = 0, doubles = 0, bounces = 0, crashes = 0;
    };
    const Totals& totals() const { return totals_; }

  private:
    enum class Fate : std::uint8_t { sending, acknowledged, refused };
    struct Copy {
        std::uint64_t arrivals = 0;
        std::optional<std::uint64_t> last;  // the newest arrival that is no echo
        bool told = false;                  // its failure was reported to the sender
        bool closed() const { return arrivals > 0 || told; }
    };
    struct Sent {
        Mail mail;
        Fate fate = Fate::sending;
        MonoTime since{}, acknowledged{};
        WallTime wall{};                     // when it may have been accepted, at the earliest
        std::map<std::string, Copy> copies;  // by accepted recipient
    };
    struct Arrival {
        MonoTime heard = no_deadline;  // never, so far
        std::uint64_t crashes = 0;     // there had been so many when it was heard
        bool excused = false;          // and could not be recorded
    };
    void bounce(std::string_view content, bool echo);
    void close(Sent& sent, Copy& copy, bool arrival);
    void read_log_line(const std::string& name, std::string_view line);
    bool is_condemned(const std::string& recipient) const;
    bool may_have_expired(const Sent& sent, int times) const {
        return delivered_by_ - sent.wall >= lifetime_ * times;
    }
    bool may_repeat(const Copy& copy) const;

    World& world_;
    const Duration lifetime_;
    Duration record_time_ = 100s;
    std::map<std::string, Sent> mail_;
    std::vector<Arrival> arrivals_;
    std::vector<MonoTime> crashes_;
    bool recording_ = true;
    std::map<std::string, MonoTime> condemned_;
    std::set<std::string> condemned_domains_;
    bool everybody_ = false, muddled_ = false;
    WallTime delivered_by_{};
    std::size_t open_ = 0;  // recipients of acknowledged mail whose fate is not known
    bool logs_read_ = false;
    std::map<std::string, unsigned>
        logged_ends_;  // by recipient: unique, since each carries its message's token
    std::set<std::string> logged_events_;
    std::string faults_;
    Totals totals_;
};

}  // namespace angarium::sim
