// What went wrong in a run, counted: refusals by the step of the dialogue and reply code, connections that failed or were
// lost by step and reason. One shard writes; merged when all is done.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/smtp/reply.hpp"

namespace angarium::bench {

// The step that a reply answers.
enum class Phase : std::uint8_t {
    connect,
    greeting,
    hello,
    tls,  // STARTTLS, and the handshake
    auth,
    mail,
    rcpt,
    data,
    end_of_data,
    reset,
    quit
};
std::string_view to_string(Phase phase);

struct SendError {
    Phase phase = Phase::connect;
    unsigned code = 0;                 // of the reply that refused; 0: none came
    IoError reason = IoError::failed;  // why none came
    std::uint64_t count = 0;
    std::string example;  // the first such reply's text
};

class SendErrors {
  public:
    void refused(Phase phase, const smtp::Reply& reply);
    void lost(Phase phase, IoError reason);
    void merge(const SendErrors& other);

    const std::vector<SendError>& all() const { return errors_; }
    // Refusals with this code, in whatever step.
    std::uint64_t refusals(unsigned code) const;

  private:
    SendError& find(Phase phase, unsigned code, IoError reason);
    std::vector<SendError> errors_;  // few: looked through from the front
};

}  // namespace angarium::bench
