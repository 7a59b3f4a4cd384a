#include "engine/dkim/signature.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/base64.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::dkim {
namespace {

constexpr std::size_t line_octets = 76;  // RFC 5322 section 2.1.1 asks for at most 78

std::size_t occurrences(std::span<const Field> fields, std::string_view name) {
    return static_cast<std::size_t>(std::count_if(fields.begin(), fields.end(), [name](const Field& field) {
        return smtp::equals_ignoring_case(field.name, name);
    }));
}

// Appends words to a field and begins a new line when one does not fit.
class Folder {
  public:
    explicit Folder(std::string& out) : out_(out) {}
    // `gap`: a space stands before it when it stays on the line.
    void word(std::string_view text, bool gap) {
        if (out_.size() - line_ + text.size() + (gap ? 1 : 0) > line_octets) {
            out_ += "\r\n\t";
            line_ = out_.size() - 1;
        } else if (gap) {
            out_ += ' ';
        }
        out_ += text;
    }

  private:
    std::string& out_;
    std::size_t line_ = 0;  // where it began
};

}  // namespace

std::vector<std::string> default_headers() {
    return {"from",
            "sender",
            "reply-to",
            "subject",
            "date",
            "message-id",
            "to",
            "cc",
            "resent-date",
            "resent-from",
            "resent-to",
            "resent-cc",
            "in-reply-to",
            "references",
            "mime-version",
            "content-type",
            "content-transfer-encoding",
            "list-id",
            "list-help",
            "list-unsubscribe",
            "list-unsubscribe-post",
            "list-subscribe",
            "list-post",
            "list-owner",
            "list-archive"};
}

std::vector<std::string> default_oversign() { return {"from", "reply-to", "subject", "date", "to", "cc"}; }

std::vector<std::string_view> names_to_sign(const Form& form, std::span<const Field> fields) {
    std::vector<std::string_view> names;
    const auto add = [&](std::string_view name, std::size_t times) {
        names.insert(names.end(), times, name);
    };
    const auto over = [&](std::string_view name) {
        return std::find(form.oversign.begin(), form.oversign.end(), name) != form.oversign.end() ? 1u : 0u;
    };
    const auto signs = [&](std::string_view name) {
        return std::find(form.headers.begin(), form.headers.end(), name) != form.headers.end();
    };
    if (!signs("from")) add("from", occurrences(fields, "from") + over("from"));
    for (const auto& name : form.headers) add(name, occurrences(fields, name) + over(name));
    for (const auto& name : form.oversign)
        if (name != "from" && !signs(name)) add(name, occurrences(fields, name) + 1);
    return names;
}

std::string compose(const Form& form, Algorithm algorithm, std::string_view domain,
                    std::span<const std::string_view> names, const Digest& body,
                    std::chrono::sys_seconds at) {
    std::string out;
    out.reserve(1024);
    out += "DKIM-Signature:";
    Folder fold(out);
    fold.word("v=1;", true);
    fold.word(fmt::format("a={};", to_string(algorithm)), true);
    fold.word(fmt::format("c={}/{};", to_string(form.canonical.header), to_string(form.canonical.body)),
              true);
    fold.word(fmt::format("d={};", domain), true);
    fold.word(fmt::format("s={};", form.selector), true);
    const auto seconds = at.time_since_epoch().count();
    fold.word(fmt::format("t={};", seconds), true);
    if (form.expire.count() > 0) fold.word(fmt::format("x={};", seconds + form.expire.count()), true);
    fold.word("h=", true);
    std::string word;
    for (std::size_t i = 0; i < names.size(); ++i) {
        word.assign(names[i]).push_back(i + 1 == names.size() ? ';' : ':');
        fold.word(word, false);
    }
    fold.word(fmt::format("bh={};", base64(bytes_of(body))), true);
    out += "\r\n\tb=";
    return out;
}

Digest header_digest(const Library& library, std::span<const Field> fields,
                     std::span<const std::string_view> names, std::string_view signature, Canonical how) {
    std::string input;
    input.reserve(2048);
    std::vector<bool> used(fields.size());
    std::string_view sought;
    std::size_t i = 0;
    for (const auto name : names) {
        // The same name again goes on from where it was found: a header section may hold thousands of one name.
        if (name != sought) i = fields.size();
        sought = name;
        while (i > 0) {
            --i;
            if (used[i] || !smtp::equals_ignoring_case(fields[i].name, name)) continue;
            used[i] = true;
            append_field(input, fields[i].text, how);
            input += "\r\n";
            break;
        }
    }
    append_field(input, signature, how);
    Sha256 hash(library);
    hash.update(input);
    return hash.finish();
}

void complete(std::string& field, std::string_view signature) {
    const auto text = base64(signature);
    constexpr std::size_t first = line_octets - 3, further = line_octets - 1;  // behind "\tb=" and "\t"
    auto rest = std::string_view(text);
    field += rest.substr(0, first);
    for (rest.remove_prefix(std::min(first, rest.size())); !rest.empty();
         rest.remove_prefix(std::min(further, rest.size())))
        (field += "\r\n\t") += rest.substr(0, further);
    field += "\r\n";
}

}  // namespace angarium::dkim
