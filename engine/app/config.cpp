// Reads the configuration from TOML: a visitor of config_schema.hpp that gathers every error. The only file that knows
// toml++, which reads the syntax and says where things stand.
#include "engine/app/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "engine/app/config_findings.hpp"
#include "engine/app/config_schema.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace angarium::app {
namespace {

constexpr std::size_t most_file_bytes = 1 << 20;  // what is larger is no configuration of ours

Place place_of(const toml::source_position& position) { return {position.line, position.column}; }
Place place_of(const toml::node& node) { return place_of(node.source().begin); }

std::string lower(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// What stands there, for "..., not ...".
std::string kind(const toml::node& node) {
    if (const auto number = node.value_exact<std::int64_t>()) return fmt::format("the number {}", *number);
    if (const auto text = node.value_exact<std::string>()) return fmt::format("the text \"{}\"", *text);
    if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
    if (node.is_floating_point()) return "a fraction";
    if (node.is_array()) return "a list";
    return node.is_table() ? "a table" : "a date or time";
}

// read(node, out): nothing when the node was such a value, else what is wrong with it.
using Wrong = std::optional<std::string>;

template <class T, class Parse>
Wrong read_text(const toml::node& node, T& out, std::string_view wanted, Parse parse) {
    const auto text = node.value_exact<std::string>();
    if (!text) return fmt::format("write {}, not {}", wanted, kind(node));
    const auto value = parse(*text);
    if (!value) return fmt::format("\"{}\" cannot be read; write {}", *text, wanted);
    out = *value;
    return std::nullopt;
}

template <class T, class Parse>
Wrong read_quantity(const toml::node& node, T& out, std::string_view wanted, Parse parse) {
    const auto text = node.value_exact<std::string>();
    if (!text) return fmt::format("write {}, not {}", wanted, kind(node));
    const auto value = parse(*text);
    if (!value) return value.error().text;
    out = *value;
    return std::nullopt;
}

Wrong read(const toml::node& node, std::string& out) {
    if (const auto text = node.value_exact<std::string>()) {
        out = *text;
        return std::nullopt;
    }
    return fmt::format("write a text in quotes, not {}", kind(node));
}

Wrong read(const toml::node& node, bool& out) {
    if (const auto truth = node.value_exact<bool>()) {
        out = *truth;
        return std::nullopt;
    }
    return fmt::format("write true or false, not {}", kind(node));
}

Wrong read(const toml::node& node, unsigned& out) {
    const auto number = node.value_exact<std::int64_t>();
    if (!number) return fmt::format("write a whole number without quotes, not {}", kind(node));
    if (*number < 0 || *number > UINT32_MAX) return fmt::format("{} is out of range", *number);
    out = static_cast<unsigned>(*number);
    return std::nullopt;
}

Wrong read(const toml::node& node, double& out) {
    const auto number = node.is_number() ? node.value<double>() : std::nullopt;
    if (!number) return fmt::format("write a number without quotes, not {}", kind(node));
    out = *number;
    return std::nullopt;
}

Wrong read(const toml::node& node, Duration& out) {
    return read_quantity(node, out, "a duration with its unit such as \"30s\", \"5m\" or \"4h\"",
                         parse_duration);
}

Wrong read(const toml::node& node, Bytes& out) {
    return read_quantity(node, out, "a size with its unit such as \"64MiB\" or \"50MB\"", parse_size);
}

Wrong read(const toml::node& node, Endpoint& out) {
    return read_text(node, out, "\"address:port\", such as \"127.0.0.1:2525\" or \"[::1]:2525\"",
                     Endpoint::parse);
}

Wrong read(const toml::node& node, HostPort& out) {
    return read_text(node, out, "\"host:port\", such as \"192.0.2.1:25\" or \"smtp.example.net:587\"",
                     HostPort::parse);
}

Wrong read(const toml::node& node, IpNetwork& out) {
    return read_text(node, out,
                     "a network such as \"192.0.2.0/24\" or \"2001:db8::/32\", no bits behind the prefix",
                     IpNetwork::parse);
}

// Nothing is written as a word of its own.
template <class T, class Parse>
Wrong read_optional(const toml::node& node, std::optional<T>& out, std::string_view nothing,
                    std::string_view wanted, Parse parse) {
    if (node.value_exact<std::string>() == nothing) {
        out.reset();
        return std::nullopt;
    }
    T value;
    auto wrong = read_text(node, value, wanted, parse);
    if (!wrong) out = value;
    return wrong;
}

Wrong read(const toml::node& node, std::optional<Endpoint>& out) {
    return read_optional(node, out, "off", "\"address:port\", such as \"127.0.0.1:9925\", or \"off\"",
                         Endpoint::parse);
}

Wrong read(const toml::node& node, std::optional<IpAddress>& out) {
    return read_optional(node, out, "any", "an address such as \"192.0.2.1\", or \"any\"", IpAddress::parse);
}

template <class T>
bool within(const T& value, const T& least, const T& most) {
    return least <= value && value <= most;
}
std::string shown(unsigned value) { return std::to_string(value); }
std::string shown(double value) { return fmt::format("{}", value); }
std::string shown(Duration value) { return format_duration(value); }
std::string shown(Bytes value) { return format_size(value); }

// Every key of every table, for "did you mean".
class KeyList {
  public:
    template <class... A>
    void value(std::string_view name, const A&...) {
        keys_.push_back(prefix_ + std::string(name));
    }
    template <class... A>
    void required(std::string_view name, const A&...) {
        value(name);
    }
    template <class S>
    void section(std::string_view name, const S& fields, std::string_view) {
        value(name);
        const auto outer = prefix_;
        prefix_ += std::string(name) + ".";
        describe(*this, fields);
        prefix_ = outer;
    }
    template <class S>
    void entries(std::string_view name, const std::vector<S>&, std::string_view doc) {
        section(name, S{}, doc);
    }
    const std::vector<std::string>& keys() const { return keys_; }

  private:
    std::string prefix_;
    std::vector<std::string> keys_;
};

std::vector<std::string> all_keys() {
    const Config config;
    KeyList list;
    describe(list, config);
    return list.keys();
}

class Loader {
  public:
    Loader(const toml::table& table, std::string prefix, Findings& findings)
        : table_(table), prefix_(std::move(prefix)), findings_(findings) {}

    template <class T>
    void value(std::string_view name, T& field, std::string_view) {
        if (const toml::node* node = find(name)) take(*node, prefix_ + std::string(name), field);
    }
    template <class T, class L, class M>
    void value(std::string_view name, T& field, L least_given, M most_given, std::string_view) {
        const T least(least_given), most(most_given);
        const toml::node* node = find(name);
        const auto key = prefix_ + std::string(name);
        T value = field;
        if (node == nullptr || !take(*node, key, value)) return;
        if (within(value, least, most))
            field = value;
        else
            findings_.unusable(place_of(*node), key,
                               fmt::format("{} is out of range; choose from {} to {}", shown(value),
                                           shown(least), shown(most)));
    }
    template <class T>
    void required(std::string_view name, T& field, std::string_view doc) {
        if (find(name) != nullptr) return value(name, field, doc);
        const auto key = prefix_ + std::string(name);
        findings_.unusable(place_of(table_), key, fmt::format("is missing; set it ({})", doc));
    }
    template <class S>
    void section(std::string_view name, S& fields, std::string_view) {
        const toml::node* node = find(name);
        if (node == nullptr) return;
        const auto key = prefix_ + std::string(name);
        if (const auto* inner = node->as_table()) return inside(*inner, key, fields);
        findings_.unusable(place_of(*node), key,
                           fmt::format("write it as a table, [{}], not as {}", key, kind(*node)));
    }
    template <class S>
    void entries(std::string_view name, std::vector<S>& list, std::string_view) {
        const toml::node* node = find(name);
        if (node == nullptr) return;
        const auto key = prefix_ + std::string(name);
        const auto* array = node->as_array();
        if (array == nullptr || !array->is_homogeneous<toml::table>()) {
            if (array == nullptr || !array->empty())
                findings_.unusable(place_of(*node), key,
                                   fmt::format("write each as a table of its own, [[{}]]", key));
            return;
        }
        for (std::size_t i = 0; i < array->size(); ++i)
            inside(*array->get(i)->as_table(), fmt::format("{}[{}]", key, i), list.emplace_back());
    }

    // After all keys were visited: what is left in the table is not ours.
    void report_unknown() {
        for (const auto& [key, node] : table_) {
            const std::string name(key.str());
            if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
            findings_.unusable(place_of(key.source().begin), prefix_ + name,
                               "unknown key; " + suggestion(name));
        }
    }

  private:
    const toml::node* find(std::string_view name) {
        known_.emplace_back(name);
        return table_.get(name);
    }

    template <class T>
    bool take(const toml::node& node, const std::string& key, T& field) {
        findings_.note(key, place_of(node));
        if (const auto wrong = read(node, field)) {
            findings_.unusable(place_of(node), key, *wrong);
            return false;
        }
        return true;
    }
    template <class T>
    bool take(const toml::node& node, const std::string& key, std::vector<T>& field) {
        findings_.note(key, place_of(node));
        const auto* array = node.as_array();
        if (array == nullptr) {
            findings_.unusable(place_of(node), key,
                               fmt::format("write a list in brackets, [...], not {}", kind(node)));
            return false;
        }
        std::vector<T> values;
        for (const auto& element : *array)
            if (const auto wrong = read(element, values.emplace_back()))
                findings_.unusable(place_of(element), key, *wrong);
        field = std::move(values);
        return true;
    }

    template <class S>
    void inside(const toml::table& table, const std::string& key, S& fields) {
        findings_.note(key, place_of(table));
        Loader loader(table, key + ".", findings_);
        describe(loader, fields);
        loader.report_unknown();
    }

    std::string suggestion(const std::string& name) const {
        if (const auto near = nearest(name, known_)) return fmt::format("did you mean \"{}\"?", *near);
        for (const auto& key : all_keys()) {  // right key, wrong table
            const auto dot = key.rfind('.');
            if (dot != std::string::npos && key.substr(dot + 1) == name)
                return fmt::format("\"{}\" belongs in [{}]", name, key.substr(0, dot));
        }
        auto sorted = known_;
        std::sort(sorted.begin(), sorted.end());
        return fmt::format("known here: {}", fmt::join(sorted, ", "));
    }

    const toml::table& table_;
    std::string prefix_;
    Findings& findings_;
    std::vector<std::string> known_;
};

// Defaults that depend on other keys, where those keys' values were given and these were not.
void derive(Config& c, const Findings& f) {
    if (!f.given("log.delivery")) c.log.delivery = c.queue.path + "/log";
    if (!f.given("limits.connections_per_address"))
        c.limits.connections_per_address = std::min(c.limits.connections_per_address, c.limits.connections);
    auto& d = c.delivery;
    if (!f.given("delivery.connections_per_site"))
        d.connections_per_site = std::min(d.connections_per_site, d.connections);
    if (!f.given("delivery.connections_at_start"))
        d.connections_at_start = std::min(d.connections_at_start, d.connections_per_site);
    auto& retry = c.queue.retry;
    if (!f.given("queue.retry.cap")) retry.cap = std::min(std::max(retry.cap, retry.first), retry.lifetime);
    if (!f.given("queue.retry.first")) retry.first = std::min(retry.first, retry.cap);
    auto& q = c.queue;
    const auto segments = std::uint64_t{least_segments} * c.runtime.shards;
    if (!f.given("queue.segment"))
        while (f.given("queue.journal") && q.segment.count * segments > q.journal.count && q.segment > mib(1))
            q.segment.count /= 2;
    if (!f.given("queue.journal")) q.journal = std::max(q.journal, Bytes{q.segment.count * segments});
    if (!f.given("limits.message_size"))
        c.limits.message_size =
            std::min(c.limits.message_size, Bytes{q.journal.count / c.runtime.shards / 2});
}

Config defaults(const SystemFacts& facts) {
    Config config;
    config.hostname = facts.hostname.value_or("");
    config.limits.memory = std::max(mib(64), mib(facts.memory / 2 >> 20));
    config.runtime.shards = std::clamp(facts.cores, 1u, most_shards);
    return config;
}

}  // namespace

std::optional<HostPort> HostPort::parse(std::string_view text) {
    if (const auto endpoint = Endpoint::parse(text)) {
        if (endpoint->port == 0) return std::nullopt;
        return HostPort{endpoint->address.text(), endpoint->port};
    }
    const auto colon = text.find(':');
    if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
    const auto digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
    return HostPort{lower(std::string(text.substr(0, colon))), port};
}

std::string HostPort::text() const {
    if (const auto address = endpoint()) return address->text();
    return fmt::format("{}:{}", host, port);
}

std::optional<Endpoint> HostPort::endpoint() const {
    const auto address = IpAddress::parse(host);
    if (!address) return std::nullopt;
    return Endpoint{*address, port};
}

std::expected<Config, ConfigErrors> parse_config(std::string_view text, std::string_view name,
                                                 const SystemFacts& facts) {
    const toml::parse_result parsed = toml::parse(text, name);
    if (!parsed) {
        const auto& error = parsed.error();
        const auto place = place_of(error.source().begin);
        return std::unexpected(ConfigErrors{Error{fmt::format("{}:{}:{}: no valid TOML: {}", name, place.line,
                                                              place.column, error.description())}});
    }
    Config config = defaults(facts);
    Findings findings(name);
    Loader loader(parsed.table(), "", findings);
    describe(loader, config);
    loader.report_unknown();
    for (auto& route : config.routes)
        for (auto& domain : route.domains) domain = lower(std::move(domain));
    config.hostname = lower(std::move(config.hostname));
    derive(config, findings);
    check_config(config, findings);
    if (!findings.empty()) return std::unexpected(findings.errors());
    return config;
}

std::expected<Config, ConfigErrors> load_config(const std::string& path, const SystemFacts& facts) {
    const auto failed = [&path](std::string_view what) {
        return std::unexpected(ConfigErrors{Error{fmt::format("{}: {}", path, what)}});
    };
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return failed("cannot be opened; give the configuration with --config FILE, readable by this user");
    std::string text(most_file_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad()) return failed("cannot be read; is it a file?");
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > most_file_bytes) return failed("is larger than 1MiB and no configuration");
    return parse_config(text, path, facts);
}

}  // namespace angarium::app
