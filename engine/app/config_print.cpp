// Prints the effective configuration as TOML: a visitor of config_schema.hpp.
#include <fmt/format.h>

#include "engine/app/config_schema.hpp"

namespace angarium::app {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\u{:04X}", byte);
        else if (c == '"' || c == '\\')
            (out += '\\') += c;
        else
            out += c;
    }
    return out + "\"";
}

std::string toml(const std::string& text) { return quoted(text); }
std::string toml(bool value) { return value ? "true" : "false"; }
std::string toml(unsigned value) { return std::to_string(value); }
std::string toml(Duration value) { return quoted(format_duration(value)); }
std::string toml(Bytes value) { return quoted(format_size(value)); }
std::string toml(const Endpoint& value) { return quoted(value.text()); }
std::string toml(const HostPort& value) { return quoted(value.text()); }
std::string toml(const IpNetwork& value) { return quoted(value.text()); }
std::string toml(const std::optional<Endpoint>& value) { return value ? toml(*value) : quoted("off"); }
std::string toml(const std::optional<IpAddress>& value) { return quoted(value ? value->text() : "any"); }
std::string toml(double value) {
    const auto text = fmt::format("{}", value);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}
template <class T>
std::string toml(const std::vector<T>& values) {
    std::string out;
    for (const auto& value : values) out += (out.empty() ? "" : ", ") + toml(value);
    return "[" + out + "]";
}

class Printer {
  public:
    Printer(std::string& out, std::string prefix) : out_(out), prefix_(std::move(prefix)) {}

    template <class T>
    void value(std::string_view name, const T& field, std::string_view doc) {
        const auto line = fmt::format("{} = {}", name, toml(field));
        out_ += fmt::format("{:<38} # {}\n", line, doc);
    }
    template <class T, class L, class M>
    void value(std::string_view name, const T& field, L, M, std::string_view doc) {
        value(name, field, doc);
    }
    template <class T>
    void required(std::string_view name, const T& field, std::string_view doc) {
        value(name, field, doc);
    }
    template <class S>
    void section(std::string_view name, const S& fields, std::string_view doc) {
        out_ += fmt::format("\n[{}{}] # {}\n", prefix_, name, doc);
        inside(name, fields);
    }
    template <class S>
    void entries(std::string_view name, const std::vector<S>& list, std::string_view doc) {
        for (const auto& fields : list) {
            out_ += fmt::format("\n[[{}{}]] # {}\n", prefix_, name, doc);
            inside(name, fields);
        }
    }

  private:
    template <class S>
    void inside(std::string_view name, const S& fields) {
        Printer printer(out_, fmt::format("{}{}.", prefix_, name));
        describe(printer, fields);
    }

    std::string& out_;
    std::string prefix_;
};

}  // namespace

std::string print_config(const Config& config) {
    std::string out;
    Printer printer(out, "");
    describe(printer, config);
    return out;
}

}  // namespace angarium::app
