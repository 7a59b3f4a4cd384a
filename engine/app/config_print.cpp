// Prints the effective configuration as TOML, and compares two: visitors of config_schema.hpp.
#include <fmt/format.h>

#include <map>

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

std::string toml(const Files& files) {
    return files.names.size() == 1 ? toml(files.names.front()) : toml(files.names);
}

// What is not there is printed as a comment: every key is seen, and what is printed reads back to the same.
class Printer {
  public:
    Printer(std::string& out, std::string prefix, bool absent = false)
        : out_(out), prefix_(std::move(prefix)), absent_(absent) {}

    template <class T>
    void value(std::string_view name, const T& field, std::string_view doc) {
        print(absent_, name, field, doc);
    }
    template <class T, class L, class M>
    void value(std::string_view name, const T& field, L, M, std::string_view doc) {
        value(name, field, doc);
    }
    template <class T>
    void required(std::string_view name, const T& field, std::string_view doc) {
        value(name, field, doc);
    }
    template <class T>
    void condition(std::string_view name, const std::vector<T>& field, std::string_view doc) {
        print(absent_ || field.empty(), name, field, doc);  // an empty list would be an error
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
        if (!list.empty()) return;
        out_ += fmt::format("\n# [[{}{}]] # {}\n", prefix_, name, doc);
        inside(name, S{}, true);
    }

  private:
    template <class T>
    void print(bool absent, std::string_view name, const T& field, std::string_view doc) {
        const auto line = fmt::format("{}{} = {}", absent ? "# " : "", name, toml(field));
        out_ += fmt::format("{:<38} # {}\n", line, doc);
    }
    template <class S>
    void inside(std::string_view name, const S& fields, bool absent = false) {
        Printer printer(out_, fmt::format("{}{}.", prefix_, name), absent);
        describe(printer, fields);
    }

    std::string& out_;
    std::string prefix_;
    const bool absent_;
};

// Every key with its value's text.
class Flattener {
  public:
    explicit Flattener(std::map<std::string, std::string>& out, std::string prefix = "")
        : out_(out), prefix_(std::move(prefix)) {}

    template <class T, class... More>
    void value(std::string_view name, const T& field, const More&...) {
        out_[prefix_ + std::string(name)] = toml(field);
    }
    template <class T>
    void required(std::string_view name, const T& field, std::string_view) {
        value(name, field);
    }
    template <class T>
    void condition(std::string_view name, const T& field, std::string_view) {
        value(name, field);
    }
    template <class S>
    void section(std::string_view name, const S& fields, std::string_view) {
        Flattener inside(out_, fmt::format("{}{}.", prefix_, name));
        describe(inside, fields);
    }
    template <class S>
    void entries(std::string_view name, const std::vector<S>& list, std::string_view) {
        out_[prefix_ + std::string(name)] = std::to_string(list.size());
        for (std::size_t i = 0; i < list.size(); ++i) {
            Flattener inside(out_, fmt::format("{}{}[{}].", prefix_, name, i));
            describe(inside, list[i]);
        }
    }

  private:
    std::map<std::string, std::string>& out_;
    std::string prefix_;
};

std::map<std::string, std::string> flat(const Config& config) {
    std::map<std::string, std::string> out;
    Flattener flattener(out);
    describe(flattener, config);
    return out;
}

}  // namespace

std::vector<std::string> changed_keys(const Config& before, const Config& after) {
    const auto old_values = flat(before), new_values = flat(after);
    std::vector<std::string> changed;
    for (const auto& [key, value] : new_values)
        if (const auto old = old_values.find(key); old != old_values.end() && old->second != value)
            changed.push_back(key);
    return changed;
}

std::string print_config(const Config& config) {
    std::string out;
    Printer printer(out, "");
    describe(printer, config);
    return out;
}

}  // namespace angarium::app
