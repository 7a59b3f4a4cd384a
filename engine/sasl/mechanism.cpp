#include "engine/sasl/mechanism.hpp"

#include "engine/base/assert.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::sasl {

std::string_view name(Mechanism mechanism) {
    switch (mechanism) {
        case Mechanism::plain:
            return "PLAIN";
        case Mechanism::login:
            return "LOGIN";
        case Mechanism::scram_sha_256:
            return "SCRAM-SHA-256";
    }
    ANGARIUM_ASSERT(false);
}

std::optional<Mechanism> parse_mechanism(std::string_view text) {
    for (const auto mechanism : mechanisms)
        if (smtp::equals_ignoring_case(text, name(mechanism))) return mechanism;
    return std::nullopt;
}

smtp::AuthMechanisms flag(Mechanism mechanism) {
    switch (mechanism) {
        case Mechanism::plain:
            return smtp::AuthMechanisms::plain;
        case Mechanism::login:
            return smtp::AuthMechanisms::login;
        case Mechanism::scram_sha_256:
            return smtp::AuthMechanisms::scram_sha_256;
    }
    ANGARIUM_ASSERT(false);
}

std::optional<Mechanism> best(smtp::AuthMechanisms offered) {
    for (const auto mechanism : {Mechanism::scram_sha_256, Mechanism::plain, Mechanism::login})
        if (smtp::contains(offered, flag(mechanism))) return mechanism;
    return std::nullopt;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= max_name && smtp::is_clean_utf8(text);
}

bool is_password(std::string_view text) {
    return !text.empty() && text.size() <= max_password && smtp::is_clean_utf8(text);
}

}  // namespace angarium::sasl
