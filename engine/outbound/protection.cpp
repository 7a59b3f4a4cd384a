#include "engine/outbound/protection.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <tuple>

namespace angarium::outbound {

std::string_view to_string(TlsPolicy policy) {
    switch (policy) {
        case TlsPolicy::none:
            return "none";
        case TlsPolicy::opportunistic:
            return "opportunistic";
        case TlsPolicy::required:
            return "required";
        case TlsPolicy::verified:
            return "verified";
    }
    return "";
}

std::string site_suffix(const std::vector<Protection>& all, ProtectionId id) {
    if (id == 0) return {};
    const auto policy = all[id].policy;
    const auto same = std::count_if(all.begin() + 1, all.begin() + id,
                                    [policy](const Protection& other) { return other.policy == policy; });
    return same == 0 ? fmt::format("/{}", to_string(policy))
                     : fmt::format("/{}-{}", to_string(policy), same + 1);
}

namespace {

// A password that everybody may read is none.
Result<std::string> read_password(const std::string& path) {
    const auto wrong = [&path](std::string_view what) {
        return failure(fmt::format("the password file '{}' {}", path, what));
    };
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0)
        return wrong(fmt::format("cannot be read: {}; write the password into it, readable by this user only",
                                 std::strerror(errno)));
    if ((status.st_mode & S_IRWXO) != 0)
        return wrong(fmt::format(
            "is open to every user of this system (mode {:04o}); chmod o= it, and change the password "
            "if somebody may have read it",
            status.st_mode & 07777));
    std::ifstream file(path);
    std::string password;
    if (!std::getline(file, password))
        return wrong("is empty or cannot be read; its first line is the password");
    if (password.ends_with('\r')) password.pop_back();
    if (!sasl::is_password(password))
        return wrong(
            "holds no password: it must be UTF-8 text without control characters, at most 1000 octets");
    return password;
}

}  // namespace

Result<Materials> make_materials(const std::vector<Protection>& protections) {
    Materials materials(protections.size());
    std::map<std::tuple<std::string, std::string, std::string, bool>, std::shared_ptr<runtime::TlsContext>>
        made;
    for (std::size_t i = 0; i < protections.size(); ++i) {
        const Protection& protection = protections[i];
        if (!protection.user.empty()) {
            auto password = read_password(protection.password_file);
            if (!password) return std::unexpected(password.error());
            materials[i].login =
                std::make_shared<Login>(Login{sasl::Credentials{protection.user, std::move(*password)}});
        }
        if (protection.policy == TlsPolicy::none) continue;
        runtime::TlsClientOptions options;
        std::error_code ignored;
        const bool missing =
            protection.authorities_optional && !std::filesystem::exists(protection.authorities, ignored);
        options.authorities = missing ? "" : protection.authorities;
        options.lenient = protection.policy == TlsPolicy::opportunistic;
        auto& context = made[{options.authorities, protection.certificate, protection.key, options.lenient}];
        if (!context) {
            if (!protection.certificate.empty()) {
                auto identity = runtime::read_identity(protection.certificate, protection.key);
                if (!identity) return std::unexpected(identity.error());
                options.identity = std::move(*identity);
            }
            auto client = runtime::TlsContext::client(options);
            if (!client) return std::unexpected(client.error());
            context = std::move(*client);
        }
        materials[i].tls = context;
    }
    return materials;
}

}  // namespace angarium::outbound
