// Every metric of the program, one line each, with what a high value means. Adding one is adding its line:
// the enumerator, the place in each shard's sheet and the exposition follow from it. No state; any thread.
//
// A line is X(enumerator, name, labels, help, high):
//   name    keeps to Prometheus: angarium_, base units, `_total` for counts. Lines that share a name are one
//   family, stand
//           together, differ in their labels, and give help and high only in the first.
//   labels  fixed text inside the braces, or "shard": then every shard is a sample of its own instead of
//   their sum. unit    follows from the name: a count `..._seconds_total` is added to in time
//   (Sheet::add_time), a spread `..._seconds`
//           observes time, `..._bytes` bytes, and any other a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// clang-format off
#define ANGARIUM_COUNTS(X) \
    X(connections_accepted, "angarium_inbound_connections_total", "", "Inbound connections accepted.", "Clients connect often: look at messages per session before adding capacity.") \
    X(refused_total_limit, "angarium_inbound_connections_refused_total", "reason=\"total\"", "Inbound connections answered 421 at once.", "Clients exceed a limit of [limits], or the server is under pressure.") \
    X(refused_address_limit, "angarium_inbound_connections_refused_total", "reason=\"address\"", "", "") \
    X(refused_draining, "angarium_inbound_connections_refused_total", "reason=\"draining\"", "", "") \
    X(accept_failed_descriptors, "angarium_inbound_accept_failures_total", "reason=\"descriptors\"", "Times that a listener could not take a connection and paused; clients wait meanwhile.", "descriptors: this process or the system is out of them, see open descriptors; other: the kernel is short of memory.") \
    X(accept_failed_other, "angarium_inbound_accept_failures_total", "reason=\"other\"", "", "") \
    X(commands, "angarium_inbound_commands_total", "", "SMTP commands received.", "Far above three per message: clients do not pipeline mail but chatter.") \
    X(replies_2xx, "angarium_inbound_replies_total", "class=\"2xx\"", "SMTP replies sent to clients, by class.", "Many 4xx: we push back; many 5xx: clients send what we refuse.") \
    X(replies_3xx, "angarium_inbound_replies_total", "class=\"3xx\"", "", "") \
    X(replies_4xx, "angarium_inbound_replies_total", "class=\"4xx\"", "", "") \
    X(replies_5xx, "angarium_inbound_replies_total", "class=\"5xx\"", "", "") \
    X(rejected_relay, "angarium_inbound_rejections_total", "reason=\"relay\"", "Recipients and messages refused, by reason.", "relay: clients outside relay_from; tls: clients that want to send without it; syntax, content: broken or hostile clients; storage, memory: this server is short.") \
    X(rejected_tls, "angarium_inbound_rejections_total", "reason=\"tls\"", "", "") \
    X(rejected_syntax, "angarium_inbound_rejections_total", "reason=\"syntax\"", "", "") \
    X(rejected_sequence, "angarium_inbound_rejections_total", "reason=\"sequence\"", "", "") \
    X(rejected_size, "angarium_inbound_rejections_total", "reason=\"size\"", "", "") \
    X(rejected_recipients, "angarium_inbound_rejections_total", "reason=\"recipients\"", "", "") \
    X(rejected_content, "angarium_inbound_rejections_total", "reason=\"content\"", "", "") \
    X(rejected_loop, "angarium_inbound_rejections_total", "reason=\"loop\"", "", "") \
    X(rejected_storage, "angarium_inbound_rejections_total", "reason=\"storage\"", "", "") \
    X(rejected_memory, "angarium_inbound_rejections_total", "reason=\"memory\"", "", "") \
    X(rejected_auth, "angarium_inbound_rejections_total", "reason=\"auth\"", "", "") \
    X(rejected_signing, "angarium_inbound_rejections_total", "reason=\"signing\"", "", "") \
    X(rejected_draining, "angarium_inbound_rejections_total", "reason=\"draining\"", "", "") \
    X(auth_accepted, "angarium_inbound_auth_total", "result=\"accepted\"", "Logins (AUTH), by result.", "accepted: clients do not keep their connections; wrong, blocked: somebody guesses, or a client has an old password; busy: more new logins than can be hashed.") \
    X(auth_wrong, "angarium_inbound_auth_total", "result=\"wrong\"", "", "") \
    X(auth_blocked, "angarium_inbound_auth_total", "result=\"blocked\"", "", "") \
    X(auth_busy, "angarium_inbound_auth_total", "result=\"busy\"", "", "") \
    X(auth_broken_off, "angarium_inbound_auth_total", "result=\"broken_off\"", "", "") \
    X(auth_cached, "angarium_inbound_auth_cached_total", "", "Logins whose password was known to be right from a short while ago.", "Good: no hashing.") \
    X(sessions_timed_out, "angarium_inbound_sessions_timed_out_total", "", "Sessions closed because the client was silent or too slow.", "Slow or stuck clients, or a network that loses packets.") \
    X(sessions_lost, "angarium_inbound_sessions_lost_total", "", "Sessions that the client tore down without QUIT.", "Clients give up: compare with accept latency.") \
    X(tls_in_full, "angarium_inbound_tls_handshakes_total", "result=\"full\"", "TLS handshakes with clients, by result.", "full: clients do not resume their sessions, or come rarely; failed: see the rejections in the delivery log.") \
    X(tls_in_resumed, "angarium_inbound_tls_handshakes_total", "result=\"resumed\"", "", "") \
    X(tls_in_failed, "angarium_inbound_tls_handshakes_total", "result=\"failed\"", "", "") \
    X(tls_in_1_2, "angarium_inbound_tls_sessions_total", "version=\"1.2\"", "Sessions secured with TLS, by version.", "1.2: old clients.") \
    X(tls_in_1_3, "angarium_inbound_tls_sessions_total", "version=\"1.3\"", "", "") \
    X(inbound_bytes, "angarium_inbound_bytes_total", "", "Bytes received from clients.", "Just load.") \
    X(messages_received, "angarium_messages_received_total", "", "Messages answered with 250, durable by then.", "Just load.") \
    X(recipients_received, "angarium_recipients_received_total", "", "Recipients of the messages answered with 250.", "Just load.") \
    X(message_bytes_received, "angarium_message_bytes_received_total", "", "Body bytes of the messages answered with 250.", "Just load.") \
    X(signatures_rsa, "angarium_dkim_signatures_total", "algorithm=\"rsa-sha256\"", "DKIM signatures made, by algorithm.", "Just load.") \
    X(signatures_ed25519, "angarium_dkim_signatures_total", "algorithm=\"ed25519-sha256\"", "", "") \
    X(signing_failures, "angarium_dkim_failures_total", "", "Messages put off with 451 because their signatures could not be made.", "Any: OpenSSL fails; look at the keys and at memory.") \
    X(unsigned_no_key, "angarium_dkim_unsigned_messages_total", "reason=\"no_key\"", "Messages that were not signed, by reason; none are counted without [[dkim]].", "no_key: senders use domains without an entry; malformed: no single author, or lines that are no header fields; author: a client wrote as somebody whose mail it may not send.") \
    X(unsigned_malformed, "angarium_dkim_unsigned_messages_total", "reason=\"malformed\"", "", "") \
    X(unsigned_author, "angarium_dkim_unsigned_messages_total", "reason=\"author\"", "", "") \
    X(journal_groups, "angarium_journal_groups_total", "", "Groups written and synced to the journals.", "Near the number of messages: nothing gathers, each waits for a sync of its own.") \
    X(journal_records, "angarium_journal_records_total", "", "Records in those groups.", "Just load.") \
    X(journal_bytes, "angarium_journal_bytes_total", "", "Bytes written to the journals, padding included.", "Far above message bytes: many small groups or parts copied forward.") \
    X(journal_failures, "angarium_journal_failures_total", "", "Journal writes or syncs that failed.", "Any: the disk is failing or full; intake is closed, look at the log.") \
    X(messages_retired, "angarium_retired_messages_total", "", "Messages moved from the journals into the store.", "Mail arrives faster than it leaves, or many destinations are deferred.") \
    X(store_batches, "angarium_store_batches_total", "", "Batches applied to the store.", "The store works: see retired messages.") \
    X(store_loads, "angarium_store_loads_total", "", "Loads of a destination's window from the store.", "Queues are longer than their windows.") \
    X(store_deliveries_loaded, "angarium_store_deliveries_loaded_total", "", "Deliveries read by those loads.", "Far above deliveries attempted: windows are dropped and loaded again.") \
    X(store_failures, "angarium_store_failures_total", "", "Store operations that failed.", "Any: the disk is failing or full, look at the log.") \
    X(bodies_read_back, "angarium_bodies_read_back_total", "", "Bodies read from disk because memory did not hold them.", "The memory budget is small for the queue; delivery costs disk reads.") \
    X(recipients_delivered, "angarium_recipients_delivered_total", "", "Recipients that a remote server took.", "Just load.") \
    X(recipients_deferred, "angarium_recipients_deferred_total", "", "Recipients put off, each time anew.", "Remote servers push back or are unreachable: see remote replies and the delivery log.") \
    X(recipients_failed, "angarium_recipients_failed_total", "", "Recipients that failed for good.", "Bad addresses or blocked senders: see the delivery log.") \
    X(recipients_expired, "angarium_recipients_expired_total", "", "Recipients given up because the message's lifetime ended.", "Destinations were unreachable for days.") \
    X(recipients_bounced, "angarium_recipients_bounced_total", "", "Failed or expired recipients that a bounce told the sender about.", "As for failed recipients.") \
    X(bounces, "angarium_bounces_total", "", "Bounce messages made.", "As for failed recipients.") \
    X(attempts, "angarium_delivery_attempts_total", "", "Attempts of one delivery over one connection.", "Far above messages: many retries.") \
    X(outbound_opened, "angarium_outbound_connections_opened_total", "", "Outbound connections that were ready for mail.", "Near the number of attempts: connections are not reused.") \
    X(outbound_reused, "angarium_outbound_connections_reused_total", "", "Attempts over a connection that had carried mail before.", "Good: no new handshakes.") \
    X(outbound_failed_connect, "angarium_outbound_connections_failed_total", "stage=\"connect\"", "Outbound connections that failed, by stage.", "connect: unreachable hosts; greeting: they refuse us; lost: they or the network drop us midway; tls: it failed or was not offered.") \
    X(outbound_failed_greeting, "angarium_outbound_connections_failed_total", "stage=\"greeting\"", "", "") \
    X(outbound_failed_lost, "angarium_outbound_connections_failed_total", "stage=\"lost\"", "", "") \
    X(outbound_failed_timeout, "angarium_outbound_connections_failed_total", "stage=\"timeout\"", "", "") \
    X(outbound_failed_tls, "angarium_outbound_connections_failed_total", "stage=\"tls\"", "", "") \
    X(tls_out_full, "angarium_outbound_tls_handshakes_total", "result=\"full\"", "TLS handshakes with remote servers, by result.", "Many full, few resumed: servers without tickets, or connections to ever new ones; failed: see the delivery log.") \
    X(tls_out_resumed, "angarium_outbound_tls_handshakes_total", "result=\"resumed\"", "", "") \
    X(tls_out_failed, "angarium_outbound_tls_handshakes_total", "result=\"failed\"", "", "") \
    X(tls_out_1_2, "angarium_outbound_tls_sessions_total", "version=\"1.2\"", "Outbound sessions that wanted TLS, by what they got; none: not offered, or its failure is remembered.", "none: plain text where TLS was wanted; a sudden rise may be an attack.") \
    X(tls_out_1_3, "angarium_outbound_tls_sessions_total", "version=\"1.3\"", "", "") \
    X(tls_out_none, "angarium_outbound_tls_sessions_total", "version=\"none\"", "", "") \
    X(tls_out_verified, "angarium_outbound_tls_certificates_total", "result=\"ok\"", "TLS sessions with remote servers, by whether the certificate is good for the name asked for.", "failed: usual under the opportunistic policy, which takes any.") \
    X(tls_out_unverified, "angarium_outbound_tls_certificates_total", "result=\"failed\"", "", "") \
    X(logins_out, "angarium_outbound_logins_total", "result=\"ok\"", "Logins (AUTH) at the servers of routes, by result.", "failed, any: a route's user or password is wrong, or its server's list of users is out of order; the route's mail waits.") \
    X(logins_out_failed, "angarium_outbound_logins_total", "result=\"failed\"", "", "") \
    X(tls_out_fallbacks, "angarium_outbound_tls_fallbacks_total", "", "Times that TLS failed and plain text was used instead (policy opportunistic).", "Servers with broken TLS, or somebody between who wants plain text.") \
    X(outbound_bytes, "angarium_outbound_bytes_total", "", "Bytes sent to remote servers.", "Just load.") \
    X(remote_2xx, "angarium_outbound_replies_total", "class=\"2xx\"", "Replies of remote servers, by class.", "4xx: they push back; 5xx: they refuse; other: not SMTP.") \
    X(remote_3xx, "angarium_outbound_replies_total", "class=\"3xx\"", "", "") \
    X(remote_4xx, "angarium_outbound_replies_total", "class=\"4xx\"", "", "") \
    X(remote_5xx, "angarium_outbound_replies_total", "class=\"5xx\"", "", "") \
    X(remote_other, "angarium_outbound_replies_total", "class=\"other\"", "", "") \
    X(dns_queries_mx, "angarium_dns_queries_total", "kind=\"mx\"", "Queries sent to the DNS servers, by kind.", "Near the number of attempts: the cache does not help (short TTLs, or too many domains for it).") \
    X(dns_queries_a, "angarium_dns_queries_total", "kind=\"a\"", "", "") \
    X(dns_queries_aaaa, "angarium_dns_queries_total", "kind=\"aaaa\"", "", "") \
    X(dns_hits_mx, "angarium_dns_cache_hits_total", "kind=\"mx\"", "Questions answered from the cache, by kind.", "Good.") \
    X(dns_hits_a, "angarium_dns_cache_hits_total", "kind=\"a\"", "", "") \
    X(dns_hits_aaaa, "angarium_dns_cache_hits_total", "kind=\"aaaa\"", "", "") \
    X(dns_failures_mx, "angarium_dns_failures_total", "kind=\"mx\"", "Queries without an answer (timeout, SERVFAIL, refused), by kind.", "The DNS servers are ill or out of reach: deliveries are deferred.") \
    X(dns_failures_a, "angarium_dns_failures_total", "kind=\"a\"", "", "") \
    X(dns_failures_aaaa, "angarium_dns_failures_total", "kind=\"aaaa\"", "", "") \
    X(dns_coalesced, "angarium_dns_coalesced_total", "", "Questions that joined a query already under way.", "Many deliveries ask for the same names at once; harmless.") \
    X(dns_stale, "angarium_dns_stale_answers_total", "", "Expired answers served because the DNS servers did not answer.", "As for DNS failures.") \
    X(log_lines, "angarium_delivery_log_lines_total", "", "Lines written to the delivery log.", "Just load.") \
    X(log_failures, "angarium_delivery_log_failures_total", "", "Delivery log writes that failed, and rejections left out because too many lines wait.", "Any: the log's disk is full or failing; when many lines wait, intake answers 452 and attempts pause.") \
    X(loop_turns, "angarium_loop_turns_total", "shard", "Turns of the event loop.", "Many more than messages: little work per turn, the server is idle.") \
    X(loop_enters, "angarium_loop_enters_total", "shard", "System calls of the event loop (io_uring_enter).", "Several per message: little work per call, the server is idle.") \
    X(loop_busy, "angarium_loop_busy_seconds_total", "shard", "Time the event loop worked rather than waited.", "A rate near 1: this shard's core is full. Far apart between shards: load is uneven.") \
    X(letters_sent, "angarium_letters_total", "shard", "Letters sent to other shards.", "Just load; a few per message are normal.") \
    X(letters_held, "angarium_letters_held_total", "shard", "Letters that found the lane to their shard full.", "One shard cannot keep up with the others.") \
    X(config_reloads, "angarium_config_reloads_total", "", "Reloads of the configuration (HUP) that took effect.", "Somebody or something reloads often.") \
    X(config_reload_failures, "angarium_config_reload_failures_total", "", "Reloads that failed; what was in force stayed.", "Any: the configuration or a file that it names is faulty, see standard error.") \
    X(http_requests, "angarium_http_requests_total", "", "HTTP requests answered.", "Somebody scrapes often.")

#define ANGARIUM_LEVELS(X) \
    X(sessions_open, "angarium_inbound_sessions_open", "", "Inbound SMTP sessions open.", "Near [limits] connections: new clients will be refused.") \
    X(auth_waiting, "angarium_inbound_auth_waiting", "", "Passwords that wait to be hashed, or are.", "Near 64: further logins get 454. Many new clients at once, or somebody guesses.") \
    X(journal_used, "angarium_journal_used_bytes", "", "Journal bytes in segments that cannot be reused yet.", "Near the journal's size: intake slows to the pace of the store.") \
    X(journal_capacity, "angarium_journal_capacity_bytes", "", "Journal bytes configured.", "A setting.") \
    X(journal_failed, "angarium_journal_failed", "", "Shards whose journal failed.", "Any: intake answers 421; see journal failures.") \
    X(store_failed, "angarium_store_failed", "", "Shards whose mail the store no longer takes.", "Any: the disk is failing; intake answers 452 until a restart, look at the log.") \
    X(store_waits, "angarium_store_waits_for_space", "", "1 when the store has found the disk full and waits for space.", "Any: free some space; nearly full journals answer 452 meanwhile, and go on by themselves.") \
    X(messages_young, "angarium_messages_young", "", "Messages that only the journals hold.", "Delivery does not keep pace, or is about to be retired.") \
    X(young_bytes, "angarium_young_memory_bytes", "", "Memory held by young messages' bodies.", "Near the budget: bodies are dropped and read back.") \
    X(deliveries_young, "angarium_deliveries_queued", "kind=\"young\"", "Deliveries waiting, by where (kinds overlap): young only in the journals, deferred of those until due, stored in the store, ready in a window.", "Backlog: find its destinations with `angarium queue summary`.") \
    X(deliveries_ready, "angarium_deliveries_queued", "kind=\"ready\"", "", "") \
    X(deliveries_deferred, "angarium_deliveries_queued", "kind=\"deferred\"", "", "") \
    X(deliveries_stored, "angarium_deliveries_queued", "kind=\"stored\"", "", "") \
    X(messages_queued, "angarium_messages_queued", "", "Messages with at least one unsettled recipient.", "Backlog.") \
    X(deliveries_in_flight, "angarium_deliveries_in_flight", "", "Deliveries being attempted.", "Many, with few delivered: remote servers are slow.") \
    X(destinations, "angarium_destinations", "", "Destinations that memory knows.", "Many domains at once.") \
    X(sites, "angarium_sites", "", "Sites that memory knows.", "Many exchangers at once.") \
    X(unrecorded_remote, "angarium_unrecorded_remote_acceptances", "", "Remote 250s not yet recorded: what a crash now would deliver twice.", "The disk is slow to sync.") \
    X(outbound_open, "angarium_outbound_connections_open", "", "Outbound connections open.", "Many, with few delivered: remote servers are slow.") \
    X(outbound_idle, "angarium_outbound_connections_idle", "", "Of those, waiting for the next delivery.", "Connections are kept that nobody needs; lower the idle time.") \
    X(dns_open, "angarium_dns_queries_open", "", "DNS queries under way.", "The DNS servers are slow.") \
    X(dns_servers_dead, "angarium_dns_servers_dead", "", "Shards that get no reply from any DNS server.", "The DNS servers are down or out of reach; expired answers serve, other lookups fail at once.") \
    X(dns_entries, "angarium_dns_cache_entries", "", "Answers in the DNS cache.", "Just load.") \
    X(log_lag, "angarium_delivery_log_waiting_lines", "", "Delivery log lines not yet written.", "The log's disk is slow.") \
    X(http_open, "angarium_http_connections_open", "", "HTTP connections open.", "Scrapers do not close.") \
    X(memory_budget, "angarium_memory_budget_bytes", "", "The configured memory budget.", "A setting.") \
    X(memory_used, "angarium_memory_used_bytes", "", "Memory charged to the budget.", "Near the budget: bodies are read back from disk, then intake answers 452.") \
    X(memory_resident, "angarium_memory_resident_bytes", "", "Resident memory of the process.", "Far above memory used: something is not charged to the budget.") \
    X(descriptors_open, "angarium_descriptors_open", "", "File descriptors that this process has open.", "Near the limit: connections and files cannot be opened.") \
    X(descriptors_limit, "angarium_descriptors_limit", "", "File descriptors that this process may have open.", "A setting: RLIMIT_NOFILE, LimitNOFILE= of a service.") \
    X(disk_free, "angarium_disk_free_bytes", "", "Free bytes of the file system that holds the queue.", "Low is bad: under the reserve, intake answers 452.") \
    X(ready, "angarium_ready", "", "1 when mail is accepted: recovered, not draining, journals and store in order.", "0 is bad: starting, draining or failed; /readyz says why.") \
    X(certificate_end, "angarium_tls_certificate_expiry_time_seconds", "", "When the first of the listeners' certificates expires, in seconds since 1970; 0: they have none.", "Near the present time is bad: put a new one in its place and send HUP.") \
    X(start_time, "angarium_start_time_seconds", "", "When the process started, in seconds since 1970.", "Recent: it restarted.")

#define ANGARIUM_SPREADS(X) \
    X(accept_latency, "angarium_accept_latency_seconds", "", "From the end of the data to its 250, which waits for the disk.", "The disk syncs slowly, or a shard is overloaded.") \
    X(signing_time, "angarium_dkim_signing_seconds", "", "From the end of a message's data until its signatures are made.", "The signing threads are short of CPU; RSA of 4096 bits takes ten times as long as 2048.") \
    X(message_size, "angarium_message_size_bytes", "", "Body sizes of accepted messages.", "Just load.") \
    X(session_messages, "angarium_inbound_session_messages", "", "Messages per inbound session.", "Good; near one, clients pay a connection for each message.") \
    X(auth_time, "angarium_inbound_auth_verification_seconds", "", "From a password to the judgement of it, hashed on a worker thread.", "As for waiting passwords.") \
    X(tls_in_time, "angarium_inbound_tls_handshake_seconds", "", "From the beginning of a TLS handshake with a client to its end.", "Far or slow clients, or this shard's core is full.") \
    X(group_records, "angarium_journal_group_records", "", "Records per journal group.", "Good for throughput: many messages share a sync.") \
    X(sync_time, "angarium_journal_sync_seconds", "", "From submitting a group to its being durable.", "The disk is slow or shared.") \
    X(delivery_latency, "angarium_delivery_latency_seconds", "", "From the acceptance of a message to a recipient's delivery.", "Backlog or slow remote servers; retries are in it.") \
    X(attempt_time, "angarium_delivery_attempt_seconds", "", "From MAIL to the verdict of one attempt.", "Remote servers are slow.") \
    X(connect_time, "angarium_outbound_connect_seconds", "", "From the start of a connection to its readiness for mail.", "Far or slow remote servers.") \
    X(connection_messages, "angarium_outbound_connection_messages", "", "Messages per outbound connection.", "Good; near one, connections are not reused.") \
    X(dns_time, "angarium_dns_query_seconds", "", "From a DNS query to its answer or failure.", "The DNS servers are slow.") \
    X(load_time, "angarium_store_load_seconds", "", "One load of a window from the store.", "The store's disk is slow, or tombstones pile up.")
// clang-format on

namespace angarium::metrics {

#define ANGARIUM_METRIC_ENUMERATOR(enumerator, ...) enumerator,
enum class Count : std::uint16_t { ANGARIUM_COUNTS(ANGARIUM_METRIC_ENUMERATOR) };    // only grows
enum class Level : std::uint16_t { ANGARIUM_LEVELS(ANGARIUM_METRIC_ENUMERATOR) };    // goes up and down
enum class Spread : std::uint16_t { ANGARIUM_SPREADS(ANGARIUM_METRIC_ENUMERATOR) };  // a histogram
#undef ANGARIUM_METRIC_ENUMERATOR

struct Entry {
    std::string_view name, labels, help, high;
    constexpr bool per_shard() const { return labels == "shard"; }
    // Same family as the entry before: help and type are printed once.
    constexpr bool continues() const { return help.empty(); }
};

#define ANGARIUM_METRIC_ENTRY(enumerator, name, labels, help, high) Entry{name, labels, help, high},
inline constexpr Entry count_entries[] = {ANGARIUM_COUNTS(ANGARIUM_METRIC_ENTRY)};
inline constexpr Entry level_entries[] = {ANGARIUM_LEVELS(ANGARIUM_METRIC_ENTRY)};
inline constexpr Entry spread_entries[] = {ANGARIUM_SPREADS(ANGARIUM_METRIC_ENTRY)};
#undef ANGARIUM_METRIC_ENTRY

inline constexpr std::size_t counts = std::size(count_entries);
inline constexpr std::size_t levels = std::size(level_entries);
inline constexpr std::size_t spreads = std::size(spread_entries);

constexpr std::size_t index(Count id) { return static_cast<std::size_t>(id); }
constexpr std::size_t index(Level id) { return static_cast<std::size_t>(id); }
constexpr std::size_t index(Spread id) { return static_cast<std::size_t>(id); }
constexpr const Entry& entry(Count id) { return count_entries[index(id)]; }
constexpr const Entry& entry(Level id) { return level_entries[index(id)]; }
constexpr const Entry& entry(Spread id) { return spread_entries[index(id)]; }

}  // namespace angarium::metrics
