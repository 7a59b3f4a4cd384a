#include "bench/sink_metrics.hpp"

#include "metrics/exposition.hpp"

namespace angarium::bench {

std::string sink_metrics(const Ledger& ledger, const DnsTally& dns) {
    metrics::Exposition out;
    const auto counter = [&](std::string_view name, std::string_view help, Counter Tally::* value) {
        out.family(name, "counter", help);
        out.sample(name, "", ledger.total(value));
    };
    counter("angarium_sink_messages_total", "Messages answered with 250.", &Tally::messages);
    counter("angarium_sink_message_bytes_total", "Bytes of their content.", &Tally::bytes);
    constexpr std::string_view copies = "angarium_sink_copies_total";
    out.family(
        copies, "counter",
        "Copies, one for each recipient: unique (for the first time), duplicated, untracked (beyond what "
        "is remembered) and foreign (of messages that no generator of ours made).");
    out.sample(copies, "kind=\"unique\"", ledger.total(&Tally::unique));
    out.sample(copies, "kind=\"duplicated\"", ledger.total(&Tally::duplicated));
    out.sample(copies, "kind=\"untracked\"", ledger.total(&Tally::untracked));
    out.sample(copies, "kind=\"foreign\"", ledger.total(&Tally::foreign));
    counter("angarium_sink_damaged_messages_total", "Messages whose checksum is wrong.", &Tally::damaged);
    counter("angarium_sink_refused_messages_total", "Messages refused by SMTP's rules, not by the script.",
            &Tally::refused_messages);
    counter("angarium_sink_commands_total", "SMTP commands.", &Tally::commands);
    counter("angarium_sink_flights_total", "Writes of replies, each of which answers all that had come.",
            &Tally::flights);
    const auto open = ledger.open_connections();
    out.family("angarium_sink_connections_total", "counter", "Connections accepted.");
    out.sample("angarium_sink_connections_total", "", ledger.total(&Tally::connections) + open);
    out.family("angarium_sink_connections_open", "gauge", "Connections open.");
    out.sample("angarium_sink_connections_open", "", open);

    constexpr std::string_view script = "angarium_sink_script_actions_total";
    out.family(script, "counter", "What the script has done, by stage.");
    for (std::size_t stage = 0; stage < mail_stages; ++stage)
        for (std::size_t deed = 0; deed < deed_names.size(); ++deed)
            out.sample(script,
                       fmt::format("stage=\"{}\",action=\"{}\"", stage_names[stage], deed_names[deed]),
                       ledger.total(Stage(stage), Deed(deed)));
    constexpr std::string_view queries = "angarium_sink_dns_queries_total";
    out.family(queries, "counter", "DNS queries by type and result.");
    for (std::size_t type = 0; type < dns_type_names.size(); ++type)
        for (std::size_t result = 0; result < dns_result_names.size(); ++result)
            out.sample(
                queries,
                fmt::format("type=\"{}\",result=\"{}\"", dns_type_names[type], dns_result_names[result]),
                dns.queries[type][result].value());
    return out.text();
}

runtime::Task<http::Response> MetricsPage::answer(const http::Request&) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = sink_metrics(ledger_, dns_);
    co_return response;
}

}  // namespace angarium::bench
