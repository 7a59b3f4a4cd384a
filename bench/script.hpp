// The script of a sink that misbehaves: rules that say what happens at which stage, to whom and how often.
//
//   STAGE [WHERE]: [delay TIME[-TIME]] [tarpit TIME] [OUTCOME] [@PROBABILITY]
//
//   STAGE     connect, ehlo, mail, rcpt, data (DATA, or a message's first BDAT), end-of-data; or dns
//   WHERE     whom it concerns, separated by commas: a recipient domain (d007.example.test), some of the generated ones
//             (d000-d049, or 10%: the first tenth of them), or addresses that the sink listens on (127.0.1.1-127.0.1.5).
//             From rcpt on a domain is that of the (first) recipient; at dns it is the name that is asked for. Without: all
//   delay     passes before the reply; of two times one between them is drawn
//   tarpit    passes before each octet of the reply
//   OUTCOME   a reply (451 4.2.0 try later; without text it gets one), which closes the connection when it is a 421;
//             disconnect; stall: never an answer. Of dns: servfail, nxdomain, truncate, stall. Without: as if there were
//             no script
//
//   rcpt: 451 4.2.0 mailbox busy @0.1
//   end-of-data 10%: delay 50ms-200ms
//   connect 127.0.1.2: stall
//   dns d003.example.test: nxdomain
//
// The first rule that applies and whose draw succeeds decides. Pure values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/domains.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/random.hpp"
#include "engine/base/result.hpp"
#include "engine/base/time.hpp"

namespace angarium::bench {

enum class Stage : std::uint8_t { connect, ehlo, mail, rcpt, data, end_of_data, dns };
inline constexpr std::array<std::string_view, 7> stage_names{"connect", "ehlo",        "mail", "rcpt",
                                                             "data",    "end-of-data", "dns"};

enum class Outcome : std::uint8_t { normal, reply, disconnect, stall, servfail, nxdomain, truncate };

struct Rule {
    struct Numbers {
        unsigned first, last;
    };
    Stage stage = Stage::connect;
    // Where; all empty: everywhere.
    std::vector<std::string> domains;
    std::vector<Numbers> numbers;  // of generated domains
    double share = 0;              // of the generated domains: the first ones
    std::vector<IpAddress> addresses;

    Duration delay{}, longest_delay{};
    Duration tarpit{};
    Outcome outcome = Outcome::normal;
    std::string reply;  // with its CRLF
    double probability = 1;

    bool everywhere() const { return domains.empty() && numbers.empty() && share == 0 && addresses.empty(); }
    bool slow() const { return longest_delay > Duration::zero() || tarpit > Duration::zero(); }
    // The Error says what is wrong with the text and how it should look.
    static Result<Rule> parse(std::string_view text);
};

class Script {
  public:
    Script(const std::vector<Rule>& rules, Domains domains);

    bool empty() const { return empty_; }
    // What decides at this stage for a recipient domain (or a name that DNS is asked for), at one of our addresses; nullptr:
    // nothing does. The rule lives as long as the script.
    const Rule* draw(Stage stage, std::string_view domain, const IpAddress& local, Random& random) const {
        const auto& rules = stages_[static_cast<std::size_t>(stage)];
        return rules.empty() ? nullptr : draw_from(rules, domain, local, random);
    }
    static Duration delay(const Rule& rule, Random& random);

  private:
    const Rule* draw_from(const std::vector<Rule>& rules, std::string_view domain, const IpAddress& local,
                          Random& random) const;
    bool applies(const Rule& rule, std::string_view domain, const IpAddress& local) const;

    std::array<std::vector<Rule>, stage_names.size()> stages_;
    bool empty_;
    Domains domains_;
};

}  // namespace angarium::bench
