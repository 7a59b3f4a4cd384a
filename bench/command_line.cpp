#include "bench/command_line.hpp"

#include <netdb.h>

#include <CLI/CLI.hpp>

#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/address_range.hpp"
#include "bench/relay.hpp"
#include "bench/send.hpp"
#include "bench/sink.hpp"
#include "bench/store.hpp"
#include "engine/runtime/sockaddr.hpp"

namespace angarium::bench {
namespace {

using Choose = std::function<void(std::function<int()>)>;

Endpoint endpoint_of(const std::string& text) {
    const auto endpoint = Endpoint::parse(text);
    if (!endpoint) throw CLI::ValidationError(text + " is no address with a port, as in 127.0.0.1:2525");
    return *endpoint;
}

// An endpoint, or a name with a port: the first address that the system finds for it.
Endpoint server_of(const std::string& text) {
    if (const auto endpoint = Endpoint::parse(text)) return *endpoint;
    const auto colon = text.rfind(':');
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (colon == std::string::npos ||
        ::getaddrinfo(text.substr(0, colon).c_str(), text.substr(colon + 1).c_str(), &wanted, &found) != 0)
        throw CLI::ValidationError(text +
                                   " is no server with a port, as in 127.0.0.1:2525 or localhost:2525");
    runtime::SocketAddress address;
    std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    ::freeaddrinfo(found);
    return address.endpoint();
}

// "[::1]:25" → "::1", "localhost:25" → "localhost".
std::string host_of(const std::string& text) {
    if (const auto endpoint = Endpoint::parse(text)) return endpoint->address.text();
    return text.substr(0, text.rfind(':'));
}

// "250ms", "10s", "5m", "1h".
CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& out, const std::string& help) {
    static const std::map<std::string, double> units{
        {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
    return app
        .add_option_function<double>(
            name, [&out](double nanoseconds) { out = Duration(static_cast<std::int64_t>(nanoseconds)); },
            help)
        ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "TIME"));
}

// "4096", "4KiB", "1MB".
template <class T>
CLI::Option* add_size(CLI::App& app, const std::string& name, T& out, const std::string& help) {
    return app.add_option(name, out, help)->transform(CLI::AsSizeValue(true));
}

CLI::Option* add_endpoint(CLI::App& app, const std::string& name, std::function<void(Endpoint)> store,
                          const std::string& help) {
    return app.add_option_function<std::string>(
        name, [store](const std::string& text) { store(endpoint_of(text)); }, help);
}

// "USER:PASSWORD"; nothing of it is repeated in the error.
sasl::Credentials credentials_of(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == 0 || colon == std::string::npos) throw CLI::ValidationError("credentials are USER:PASSWORD");
    sasl::Credentials credentials{text.substr(0, colon), text.substr(colon + 1)};
    if (!sasl::is_name(credentials.user) || !sasl::is_password(credentials.password))
        throw CLI::ValidationError("credentials are UTF-8 without control characters, a name and a password");
    return credentials;
}

// The first line of a file.
std::string first_line_of(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    if (!std::getline(in, line)) throw CLI::ValidationError("cannot read a line from " + path);
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

CLI::Option* add_tls(CLI::App& app, TlsMode& mode, const std::string& help) {
    return app.add_option_function<std::string>(
        "--tls",
        [&mode](const std::string& text) {
            const auto parsed = parse_tls_mode(text);
            if (!parsed)
                throw CLI::ValidationError("--tls", "is starttls, implicit or none, not '" + text + "'");
            mode = *parsed;
        },
        help);
}

void add_send(CLI::App& parent, const Choose& choose) {
    auto& app = *parent.add_subcommand("send", "generate mail and measure how it is taken");
    const auto o = std::make_shared<SendOptions>();
    app.add_option_function<std::string>(
           "--to",
           [o](const std::string& text) {
               o->to = server_of(text);
               if (o->tls_name.empty()) o->tls_name = host_of(text);
           },
           "the server, as ADDRESS:PORT or NAME:PORT")
        ->required();
    auto* messages = app.add_option("--messages", o->messages, "how many must be accepted");
    add_duration(app, "--duration", o->duration, "how long to send, as in 10s")->excludes(messages);
    app.add_option("--warmup", o->warm_up, "the first so many, which rates and latencies do not count");
    app.add_option("--sessions", o->sessions, "connections at a time")->capture_default_str();
    auto* size = app.add_option_function<std::string>(
        "--size",
        [o](const std::string& text) {
            auto sizes = parse_sizes(text);
            if (!sizes) throw CLI::ValidationError("--size", sizes.error().text);
            o->sizes = std::move(*sizes);
        },
        "of a message: 4KiB; a range (log-uniform): 1KiB-64KiB; a mix with weights: "
        "4KiB:70,32KiB:25,1MiB-4MiB:5");
    size->default_str("4KiB");
    app.add_option("--file", o->files,
                   "a message to send instead, or a folder of *.eml; several times if wanted")
        ->excludes(size)
        ->allow_extra_args(false);
    auto* recipients = app.add_option("--recipients", o->recipients, "of a message")->capture_default_str();
    auto* domains = app.add_option("--domains", o->domains, "recipient domains")->capture_default_str();
    auto* zipf = app.add_option(
        "--zipf", o->zipf, "choose them by Zipf's law with this exponent, d000 most often; else uniformly");
    app.add_option_function<std::vector<std::string>>(
           "--recipient",
           [o](const std::vector<std::string>& addresses) {
               o->addresses = addresses;
               o->recipients = static_cast<unsigned>(addresses.size());
           },
           "an address that every message goes to, instead of generated ones; several times if wanted")
        ->excludes(recipients)
        ->excludes(domains)
        ->excludes(zipf)
        ->allow_extra_args(false);
    app.add_option("--domain-suffix", o->domain_suffix, "they are d000.SUFFIX, d001.SUFFIX, ...")
        ->capture_default_str();
    app.add_option("--from", o->from, "the sender's address")->capture_default_str();
    app.add_option("--helo", o->hello, "the name in EHLO")->capture_default_str();
    auto* auth = app.add_option_function<std::string>(
        "--auth", [o](const std::string& text) { o->auth = credentials_of(text); },
        "USER:PASSWORD: every connection logs in; with --messages-per-session 1 that measures logins");
    app.add_option_function<std::string>(
           "--auth-file", [o](const std::string& path) { o->auth = credentials_of(first_line_of(path)); },
           "a file whose first line is that, so that no process list shows it")
        ->excludes(auth);
    app.add_option_function<std::string>(
        "--auth-mechanism",
        [o](const std::string& text) {
            o->mechanism = sasl::parse_mechanism(text);
            if (!o->mechanism)
                throw CLI::ValidationError("--auth-mechanism",
                                           "is PLAIN, LOGIN or SCRAM-SHA-256, not '" + text + "'");
        },
        "PLAIN, LOGIN or SCRAM-SHA-256, instead of the best that is offered");
    auto* tls = add_tls(app, o->tls,
                        "starttls (after EHLO) or implicit (before the greeting); the certificate is not "
                        "judged without --ca");
    app.add_option("--ca", o->ca,
                   "a PEM file of authorities: the certificate must be theirs, and for the name in --to")
        ->needs(tls);
    app.add_option("--tls-name", o->tls_name,
                   "the name that is asked for by SNI and verified, instead of that in --to")
        ->needs(tls);
    app.add_flag_callback(
           "--no-tls-resumption", [o] { o->tls_resume = false; }, "every handshake is a full one")
        ->needs(tls);
    app.add_flag_callback(
           "--tls-1.2", [o] { o->tls_newest = runtime::TlsVersion::v1_2; }, "do not offer TLS 1.3")
        ->needs(tls);
    auto* rate = app.add_option("--rate", o->rate,
                                "messages a second, open loop: latency counts from when each was due");
    add_duration(app, "--pause", o->pause, "of each session between its messages, as in 50ms")
        ->excludes(rate);
    app.add_flag("--pipelining", o->pipelining, "MAIL, RCPT and DATA in one flight, where offered");
    app.add_flag("--chunking", o->chunking, "BDAT instead of DATA, where offered");
    auto* keep = app.add_flag("--keep-sessions");
    keep->description("connections stay for the whole run (the default)");
    app.add_option("--messages-per-session", o->messages_per_session, "then QUIT and a new connection")
        ->excludes(keep);
    app.add_option("--shards", o->shards, "threads")->capture_default_str();
    app.add_option("--seed", o->seed, "of the run's name and the choice of domains");
    add_duration(app, "--timeout", o->timeout, "for one reply (300s)");
    app.add_flag("--json", o->json, "the result as one line of JSON");
    app.add_flag("--progress", o->progress, "a line a second on standard error");
    app.final_callback([o, choose] { choose([o] { return run_send(*o); }); });
}

void add_sink(CLI::App& parent, const Choose& choose) {
    auto& app = *parent.add_subcommand("sink", "take mail, keep none, account for every message");
    const auto o = std::make_shared<SinkOptions>();
    const auto listen = std::make_shared<std::vector<std::string>>();
    const auto script = std::make_shared<std::vector<std::string>>();
    app.add_option("--listen", *listen,
                   "ADDRESS:PORT or FIRST-LAST:PORT, as in 127.0.1.1-127.0.1.9:2526, several times if "
                   "wanted; port 0 takes "
                   "a free one, further addresses the first one's")
        ->required();
    app.add_option("--shards", o->shards, "threads")->capture_default_str()->check(CLI::Range(1, 64));
    app.add_option("--expect", o->expect, "end when so many have come, one for each recipient");
    app.add_option(
        "--warmup", o->warm_up,
        "rates and latencies count only when so many have come; then it says 'warm' on standard error");
    add_endpoint(app, "--http", [o](Endpoint e) { o->http = e; }, "show /metrics for Prometheus here");
    app.add_option("--domains", o->domains, "that DNS knows and that are counted")->capture_default_str();
    app.add_option("--domain-suffix", o->domain_suffix, "they are d000.SUFFIX, d001.SUFFIX, ...")
        ->capture_default_str();
    add_endpoint(app, "--dns", [o](Endpoint e) { o->dns = e; }, "answer DNS here, over UDP and TCP");
    app.add_option("--mx-hosts", o->mx_hosts,
                   "exchangers that the domains share (one for each address of --listen)");
    app.add_option("--ttl", o->ttl, "of DNS answers, seconds")->capture_default_str();
    add_size(app, "--size-limit", o->size_limit, "of a message")->capture_default_str();
    app.add_flag_callback("--no-pipelining", [o] { o->pipelining = false; }, "do not offer PIPELINING");
    app.add_flag_callback("--no-chunking", [o] { o->chunking = false; }, "do not offer CHUNKING");
    auto* tls = add_tls(app, o->tls, "starttls (offered after EHLO) or implicit (before the greeting)");
    auto* certificate =
        app.add_option("--certificate", o->certificate,
                       "a PEM file with it and its chain; else one is made in memory that signs itself")
            ->needs(tls);
    auto* key = app.add_option("--key", o->key, "a PEM file with its private key")->needs(certificate);
    certificate->needs(key);
    app.add_flag_callback(
           "--no-tls-resumption", [o] { o->tls_resume = false; }, "every handshake is a full one")
        ->needs(tls);
    add_size(app, "--bandwidth", o->bandwidth,
             "bytes a second that each connection is read at, as in 100KiB");
    app.add_option(
        "--script", *script,
        "misbehave: 'STAGE [WHERE]: [delay TIME[-TIME]] [tarpit TIME] [OUTCOME] [@PROBABILITY]', several "
        "times; "
        "the first rule that applies decides. STAGE: connect, ehlo, mail, rcpt, data, end-of-data, dns. "
        "WHERE: "
        "domains (d007, d000-d049, 10% of them, other.test) or addresses of --listen. OUTCOME: a reply, "
        "disconnect, stall; of dns: servfail, nxdomain, truncate, stall. As in 'rcpt: 451 4.2.0 try later "
        "@0.1', "
        "'end-of-data 10%: delay 50ms-1s', 'connect 127.0.1.2: stall'");
    app.add_option("--seed", o->seed, "of the script's draws")->capture_default_str();
    add_duration(app, "--report-every", o->report_every, "a line of JSON on standard output this often");
    app.add_flag("--json", o->json, "the summary as one line of JSON");
    app.final_callback([o, listen, script, choose] {
        for (const auto& text : *listen) {
            const auto endpoints = parse_endpoints(text);
            if (!endpoints)
                throw CLI::ValidationError(
                    text + " is no address with a port, as in 127.0.0.1:2525, nor a range of them");
            o->listen.insert(o->listen.end(), endpoints->begin(), endpoints->end());
        }
        for (const auto& text : *script) {
            auto rule = Rule::parse(text);
            if (!rule) throw CLI::ValidationError(rule.error().text);
            o->script.push_back(std::move(*rule));
        }
        choose([o] { return run_sink(*o); });
    });
}

void add_relay(CLI::App& parent, const Choose& choose) {
    auto& app = *parent.add_subcommand(
        "relay", "relay, sink with DNS and generator together: what each does and uses");
    app.option_defaults()->take_last();  // so that scripts' choices can be overruled
    const auto o = std::make_shared<RelayOptions>();
    auto* messages = app.add_option("--messages", o->messages, "how many must be accepted (10000)");
    auto* duration =
        add_duration(app, "--duration", o->duration, "how long to send, as in 10s")->excludes(messages);
    app.add_option("--warmup", o->warm_up,
                   "so many before them, which are delivered when those begin and count for nothing");
    app.add_option("--sessions", o->sessions, "the generator's connections")->capture_default_str();
    app.add_option("--size", o->size, "of a message, as `bench send` takes it")->capture_default_str();
    app.add_option("--recipients", o->recipients, "of a message")
        ->capture_default_str()
        ->check(CLI::Range(1, 9999));
    app.add_option("--domains", o->domains, "recipient domains")->capture_default_str();
    app.add_option("--rate", o->rate, "messages a second, open loop: latency counts from when each was due");
    app.add_option_function<std::string>(
           "--route", [o](const std::string& route) { o->by_mx = route == "mx"; },
           "by mx: the domains share some exchangers; or all to one smarthost")
        ->check(CLI::IsMember({"mx", "smarthost"}))
        ->default_str("mx");
    app.add_option("--exchangers", o->exchangers, "that the domains share")
        ->capture_default_str()
        ->check(CLI::Range(1, 200));
    app.add_option("--waiting", o->waiting, "messages that wait for dead destinations meanwhile");
    app.add_option("--shards", o->shards, "the relay's threads; else as many as it chooses");
    app.add_option("--set", o->settings,
                   "a setting of the relay's, as in limits.memory=1GiB; several times if wanted")
        ->take_all()
        ->allow_extra_args(false);
    app.add_option("--path", o->path,
                   "where a folder is made for queue and output: the disk that is measured")
        ->capture_default_str();
    app.add_flag("--keep", o->keep, "leave that folder");
    app.add_flag("--stay", o->stay, "leave everything running, for messages of your own, until Ctrl-C");
    app.add_flag("--progress", o->progress, "a line a second on standard error");
    app.add_flag("--json", o->json, "the result as one line of JSON");
    app.final_callback([o, choose, duration] {
        if (duration->count() == 0 && o->messages == 0) o->messages = 10'000;
        if (const auto sizes = parse_sizes(o->size); !sizes)
            throw CLI::ValidationError("--size", sizes.error().text);
        choose([o] { return run_relay(*o); });
    });
}

void add_store(CLI::App& parent, const Choose& choose) {
    auto& app = *parent.add_subcommand("store", "measure this disk and the journal without any SMTP");
    const auto o = std::make_shared<StoreOptions>();
    app.add_option("--path", o->path, "a directory on the disk to be measured")->required();
    add_size(app, "--sizes", o->sizes, "bytes of a message, as in 4KiB,32KiB")->delimiter(',');
    app.add_option("--groups", o->groups, "messages a synced write, as in 1,8,64")->delimiter(',');
    add_duration(app, "--seconds", o->seconds, "for each figure (2s)");
    app.add_flag("--json", o->json, "the result as one line of JSON");
    app.final_callback([o, choose] { choose([o] { return run_store(*o); }); });
}

}  // namespace

void add_bench_commands(CLI::App& parent, std::function<void(std::function<int()>)> choose) {
    add_send(parent, choose);
    add_sink(parent, choose);
    add_relay(parent, choose);
    add_store(parent, choose);
}

}  // namespace angarium::bench
