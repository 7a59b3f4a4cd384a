// SASL: a server of each mechanism that hears what the input's lines say, a client that hears the same, and base64. The first
// octet chooses the mechanism.
#include <optional>
#include <vector>

#include "engine/base/base64.hpp"
#include "engine/sasl/client.hpp"
#include "engine/sasl/server.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using sasl::Server;

const sasl::ScramVerifier& verifier() {
    static const auto made = sasl::make_scram_verifier("water", "saltsaltsalt", sasl::least_iterations);
    return made;
}

void serve(sasl::Mechanism mechanism, const std::vector<std::string>& lines) {
    Server server(mechanism, "servernonce");
    std::size_t at = 0;
    const bool initial = !lines.empty() && lines[0] != "-";
    if (!lines.empty()) at = 1;
    auto next = initial ? server.begin(lines[0]) : server.begin(std::nullopt);
    for (;;) {
        switch (next) {
            case Server::Next::challenge:
                if (at == lines.size()) return;
                next = server.take(lines[at++]);
                continue;
            case Server::Next::verifier:
                require(mechanism == sasl::Mechanism::scram_sha_256, "only SCRAM has verifiers");
                require(sasl::is_name(server.user()), "a user is a name");
                next = server.use(verifier());
                continue;
            case Server::Next::password:
                require(mechanism != sasl::Mechanism::scram_sha_256, "SCRAM shows no password");
                require(sasl::is_name(server.user()) && sasl::is_password(server.password()),
                        "a name and a password");
                return;
            case Server::Next::proven:
                require(mechanism == sasl::Mechanism::scram_sha_256, "only SCRAM proves");
                return;
            case Server::Next::wrong:
            case Server::Next::malformed:
                return;
        }
    }
}

void say(sasl::Mechanism mechanism, const std::vector<std::string>& lines) {
    sasl::Client client(mechanism, {"jack", "water"}, nullptr, "clientnonce");
    const auto command = client.command();
    require(command.starts_with("AUTH ") && command.ends_with("\r\n"), "a command is a line");
    for (const auto& line : lines) {
        if (!client.read(line)) return;
        if (client.must_hash()) return;  // the server decides how long that takes; see below
        const auto response = client.response();
        require(response.ends_with("\r\n") && response.find_first_of("\r\n") == response.size() - 2,
                "a response is a line");
        require(decode_base64(std::string_view(response).substr(0, response.size() - 2)).has_value(),
                "of base64");
        require(mechanism != sasl::Mechanism::scram_sha_256 || !client.complete(),
                "no stranger knows the password");
    }
}

void challenge(const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    sasl::ScramClient client("jack", "clientnonce");
    if (client.take(lines[0])) return;
    require(client.iterations() >= 1 && client.iterations() <= sasl::most_iterations, "the work is bounded");
    require(client.salt().size() <= sasl::max_salt, "and the salt");
    sasl::ScramKeys keys;
    keys.salt = client.salt();
    keys.iterations = client.iterations();
    const auto final = client.final(keys);
    require(final.starts_with("c=biws,r=clientnonce"), "the nonces are repeated");
    if (lines.size() > 1) client.judge(lines[1]);
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    if (size == 0) return 0;
    const auto mechanism = sasl::mechanisms[data[0] % sasl::mechanisms.size()];
    auto text = text_of(data + 1, size - 1);
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    serve(mechanism, lines);
    say(mechanism, lines);
    challenge(lines);
    for (const auto& line : lines) {
        require(decode_base64(base64(line)) == line, "base64, there and back");
        if (const auto decoded = decode_base64(line))
            require(base64(*decoded) == line, "one encoding for a text");
        sasl::parse_mechanism(line);
        if (const auto name = sasl::unescape_name(line))
            require(sasl::unescape_name(sasl::escape_name(*name)) == name, "a name, there and back");
    }
    return 0;
}
