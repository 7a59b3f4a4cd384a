// A client's side of SCRAM-SHA-256 (RFC 5802 section 3): first(), then take() the server's first message and say final(),
// then judge() the server's last one: a server that does not know the password is found out. Pure; any thread, one at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/sasl/mechanism.hpp"
#include "engine/sasl/scram.hpp"

namespace angarium::sasl {

class ScramClient {
  public:
    ScramClient(std::string_view user, std::string nonce);

    std::string first() const { return "n,," + first_bare_; }
    // Nothing when the message is good; else what is wrong with it.
    std::optional<std::string_view> take(std::string_view server_first);
    // The server's choice, for make_scram_keys. After take().
    const std::string& salt() const { return salt_; }
    std::uint32_t iterations() const { return iterations_; }
    // `keys` are of the server's salt and iterations.
    std::string final(const ScramKeys& keys);
    // True: the server knows what it must know.
    bool judge(std::string_view server_final) const;

  private:
    const std::string nonce_, first_bare_;
    std::string server_first_, server_nonce_, salt_;
    std::uint32_t iterations_ = 0;
    Digest expected_{};  // the server's signature
};

}  // namespace angarium::sasl
