#include "engine/dkim/header.hpp"

#include "engine/smtp/mailbox.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::dkim {
namespace {

// Printable ASCII without the colon, then maybe white space (RFC 5322 section 4.5.8), then the colon. The name.
std::optional<std::string_view> name_of(std::string_view line) {
    std::size_t end = 0;
    while (end < line.size() && line[end] > ' ' && line[end] < 0x7f && line[end] != ':') ++end;
    auto colon = end;
    while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
    if (end == 0 || colon >= line.size() || line[colon] != ':') return std::nullopt;
    return line.substr(0, end);
}

// Reads the value of a From field octet by octet; comments and white space fall away, quoted strings stay as they are.
class AuthorReader {
  public:
    std::optional<Author> read(std::string_view value) {
        for (std::size_t i = 0; i < value.size() && ok_; ++i) {
            const char c = value[i];
            if (quoted_ || comment_ > 0) {
                if (c == '\\' && i + 1 < value.size()) {
                    if (quoted_) word().append(value.substr(i, 2));
                    ++i;
                    continue;
                }
                if (quoted_)
                    inside_quotes(c);
                else if (c == '(' || c == ')')
                    comment_ += c == '(' ? 1u : ~0u;
                continue;
            }
            outside(c);
        }
        end_of_mailbox();
        if (!ok_ || quoted_ || comment_ > 0 || in_angle_ || author_.addresses.empty()) return std::nullopt;
        return std::move(author_);
    }

  private:
    std::string& word() { return in_angle_ ? angle_ : bare_; }

    void inside_quotes(char c) {
        if (c == '"') quoted_ = false;
        if (c != '\r' && c != '\n') word().push_back(c);
    }

    void outside(char c) {
        switch (c) {
            case ' ':
            case '\t':
            case '\r':
            case '\n':
                break;
            case '(':
                comment_ = 1;
                break;
            case '"':
                quoted_ = true;
                add(c);
                break;
            case '<':
                ok_ = !in_angle_ && !has_angle_;
                in_angle_ = has_angle_ = true;
                ats_ = 0;  // what stood before was a name
                break;
            case '>':
                ok_ = in_angle_;
                in_angle_ = false;
                break;
            case ',':
            case ';':
                if (in_angle_)
                    add_of_route(c);
                else
                    end_of_mailbox();
                break;
            case ':':
                if (in_angle_)
                    add_of_route(c);
                else if (has_angle_ || ats_ > 0)
                    ok_ = false;
                else
                    bare_.clear();  // the name of a group
                break;
            case ')':
                ok_ = false;
                break;
            default:
                if (c == '@') ++ats_;
                add(c);
        }
    }

    // Only comments may stand behind an address in angle brackets.
    void add(char c) {
        ok_ = in_angle_ || !has_angle_;
        word().push_back(c);
    }

    // An old source route: "@one.test,@two.test:" in front of the address.
    void add_of_route(char c) {
        angle_.push_back(c);
        ats_ = 0;
    }

    void end_of_mailbox() {
        const std::string_view address = has_angle_ ? angle_ : bare_;
        if (!address.empty() || has_angle_) note(address);
        bare_.clear();
        angle_.clear();
        has_angle_ = false;
        ats_ = 0;
    }

    void note(std::string_view address) {
        // A '@' in a quoted local part is before the one that counts, of which there is one; a quoted domain is none.
        const auto at = ats_ == 1 ? address.rfind('@') : std::string_view::npos;
        const auto domain =
            at == std::string_view::npos
                ? std::nullopt
                : std::optional(smtp::Domain::parse(address.substr(at + 1), smtp::Utf8::allowed));
        auto name = domain && *domain ? (*domain)->dns_name() : std::string();  // empty for a literal
        if (name.empty() || (!author_.addresses.empty() && author_.domain != name)) {
            ok_ = false;
            return;
        }
        author_.domain = std::move(name);
        author_.addresses.emplace_back(address);
    }

    Author author_;
    std::string bare_, angle_;
    unsigned comment_ = 0;  // depth
    unsigned ats_ = 0;      // in the address, so far; those in quotes do not count
    bool quoted_ = false, in_angle_ = false, has_angle_ = false, ok_ = true;
};

}  // namespace

std::optional<std::vector<Field>> split_fields(std::string_view section) {
    std::vector<Field> fields;
    fields.reserve(16);
    while (!section.empty()) {
        const auto end = section.find("\r\n");
        const auto line = section.substr(0, end);
        if (line.starts_with(' ') || line.starts_with('\t')) {
            if (fields.empty()) return std::nullopt;
            auto& text = fields.back().text;
            text = {text.data(), static_cast<std::size_t>(line.data() + line.size() - text.data())};
        } else {
            const auto name = name_of(line);
            if (!name) return std::nullopt;
            fields.push_back({*name, line});
        }
        if (end == std::string_view::npos) break;
        section.remove_prefix(end + 2);
    }
    return fields;
}

std::optional<Author> author_of(std::span<const Field> fields) {
    const Field* from = nullptr;
    for (const auto& field : fields) {
        if (!smtp::equals_ignoring_case(field.name, "from")) continue;
        if (from != nullptr) return std::nullopt;
        from = &field;
    }
    if (from == nullptr) return std::nullopt;
    return AuthorReader().read(from->text.substr(from->text.find(':') + 1));
}

}  // namespace angarium::dkim
