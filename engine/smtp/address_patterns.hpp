// A set of envelope addresses, given by patterns: who may send as whom, whose mail goes where. Immutable, compiled once; any
// thread. Errors: the pattern that is none.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/mailbox.hpp"

namespace angarium::smtp {

class AddressPatterns {
  public:
    // "example.net" (every address there), "*.example.net" (those of all domains below it), "jack@example.net", "<>" (the
    // null sender), "*" (every address, and the null sender). Domains in any case, internationalised ones in either form;
    // the local part is compared by octets (RFC 5321 section 2.4). Without patterns the set is empty.
    static std::expected<AddressPatterns, std::string> make(const std::vector<std::string>& patterns);

    bool contains(const Mailbox& mailbox) const;
    bool contains(const ReversePath& sender) const {
        return sender.is_null() ? all_ || null_ : contains(sender.mailbox());
    }

  private:
    bool has_domain(std::string_view name, bool literal) const;

    // Sorted. Domains as they are looked up in DNS: in lower case and in A-labels.
    std::vector<std::string> mailboxes_, domains_, suffixes_;
    bool all_ = false, null_ = false;
};

}  // namespace angarium::smtp
