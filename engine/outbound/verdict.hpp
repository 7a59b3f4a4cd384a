// Verdict: the one place that knows what a reply, its absence or an obstacle means. Pure; any thread.
//
//   stage        2xx/354     4xx                      5xx                          421          silence, loss, garbage
//   connect      -           -                        -                            -            exchanger
//   banner,hello go on       exchanger                exchanger (521, 556: never)  exchanger    exchanger
//   starttls     go on       exchanger, of TLS        exchanger, of TLS            exchanger    exchanger, of TLS
//   handshake    -           -                        -                            -            exchanger, of TLS
//   auth         go on       exchanger                exchanger                    exchanger    exchanger
//   rset         go on       close, delivery untried  the same                     the same     the same
//   mail         go on       delivery deferred        delivery failed              exchanger    exchanger
//   rcpt         go on       recipient deferred       recipient failed             exchanger    exchanger
//   data         go on       delivery deferred        delivery failed              exchanger    exchanger
//   body,end     delivered   delivery deferred        delivery failed              deferred     body: exchanger
//                                                                                              end: deferred, unknown
//
// "exchanger": this host does not serve now; the connection closes, the address rests, and what the delivery still
// needs may be tried at the next exchanger within the same attempt. When none is left, the destination backs off.
// "of TLS": under the opportunistic policy the same host is tried again in plain text first.
//
// Decisions:
//   * A refusal in the banner or to EHLO and HELO is temporary, also with 5xx: it is about us and that host (block lists,
//     overload), operators repair it, and Postfix (smtp_skip_5xx_greeting) has taught people to expect deferral. The
//     exceptions are 521 and 556, which say "this host never takes mail" (RFC 7504): if every exchanger that was tried
//     says so, the destination is permanently unreachable, like a null MX.
//   * A connection that ends after the end of data was sent, before its reply: the outcome is unknown. The delivery is
//     deferred and may arrive twice; losing it would be worse. It is not tried at the next exchanger at once, since the
//     first may still be working on it.
//   * 552 5.5.3 to RCPT is "too many recipients" from before RFC 5321 (section 4.5.3.1.10) and counts as 452.
//   * Failed TLS is always temporary: certificates are renewed and servers repaired. RFC 3463: 4.7.4 where TLS is not
//     offered, 4.7.5 where it fails or a certificate is not good enough.
//   * A login that fails never bounces mail: a wrong password is for the operator to repair (Postfix defers, too), 4.7.8.
//   * 530 to MAIL asks for TLS (RFC 3207) or a login (RFC 4954) first. It is about the session: exchanger, never a bounce.
//   * Without 8BITMIME a body is sent as it is unless Options::strict_8bitmime (see there).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dns/mx.hpp"
#include "engine/base/result.hpp"
#include "engine/smtp/reply.hpp"
#include "queue/outcome.hpp"

namespace angarium::outbound {

// What was being waited for.
enum class Stage : std::uint8_t {
    connect,
    banner,
    hello,      // EHLO, or HELO where that is refused
    starttls,   // the 220 to it
    handshake,  // TLS
    auth,       // AUTH (RFC 4954): a 334 or the end
    rset,
    mail,
    rcpt,
    data,         // the 354
    body,         // the content is not completely sent yet
    end_of_data,  // the final dot or the last chunk is sent
    quit,
};
std::string_view to_string(Stage);

// Why there is no reply.
enum class Fault : std::uint8_t {
    refused,         // nobody listens
    unreachable,     // no route, host or network down
    timed_out,       // silence
    disconnected,    // closed or reset
    garbage,         // not SMTP, or out of step
    no_descriptors,  // we are out of descriptors: not the peer's fault
    shutdown,        // we stop
    failed,          // any other error of the network
};
Fault fault_of(IoError);

// Why a delivery is not even offered to a server, or not to the end.
enum class Obstacle : std::uint8_t {
    too_big,          // beyond the server's SIZE (RFC 1870)
    needs_smtputf8,   // the server has no SMTPUTF8 (RFC 6531 section 3.2)
    needs_8bitmime,   // the server has no 8BITMIME, and we are strict
    body_unreadable,  // our own disk
};

// Why a connection is not as well protected as its mail demands.
enum class TlsTrouble : std::uint8_t {
    not_offered,  // no STARTTLS
    handshake,    // it failed
    certificate,  // the peer's is not good enough
    injected,     // something followed the 220 to STARTTLS in plain text
};

// Why we could not log in, apart from what the server says.
enum class LoginTrouble : std::uint8_t {
    unprotected,   // without TLS the password could be read on its way
    no_mechanism,  // the server offers none that we know
    failed,        // it does not go by the rules, or does not know the password itself
};

enum class Concern : std::uint8_t {
    recipient,    // the one recipient
    delivery,     // every recipient of the transaction that has not ended
    exchanger,    // the host, and with it the same recipients
    destination,  // all mail for the domain
};

struct Judgement {
    Concern concern = Concern::delivery;
    queue::Verdict verdict = queue::Verdict::deferred;
    bool closes = false;     // the connection is of no more use
    bool elsewhere = false;  // the next exchanger may be tried within this attempt
    bool never = false;      // the host says that it takes no mail at all (RFC 7504)
    bool ours = false;       // no fault of the peer's: it neither rests nor backs off
    bool silent = false;     // a deadline passed
    bool tls = false;        // TLS is what failed: the host may serve in plain text
    bool login = false;      // the login failed: only an operator can mend it
    queue::Reason reason;
};

// The reply lets the dialogue go on.
bool is_good(Stage stage, const smtp::Reply& reply);
// The reply is none that a server could give here (a 354 to MAIL): treat as Fault::garbage.
bool is_misplaced(Stage stage, const smtp::Reply& reply);

// A reply that is neither good nor misplaced.
Judgement judge(Stage stage, const smtp::Reply& reply);
Judgement judge(Stage stage, Fault fault);
Judgement judge(Obstacle obstacle, std::uint64_t limit = 0);
// `cause` in OpenSSL's words.
Judgement judge(TlsTrouble trouble, std::string_view host, std::string_view cause = {});
// Permanent: null MX, NXDOMAIN and the like. The destination fails or backs off as a whole.
Judgement judge(const dns::Trouble& trouble);
// The names of a static route could not be resolved. Never permanent: a typing error of the operator's, or an ill DNS
// server, must not bounce everybody's mail.
Judgement judge_route(const dns::Trouble& trouble);
// Every address that was tried said `judgement`.never: as good as a null MX (RFC 7504 section 3).
Judgement as_permanent(Judgement judgement);

// A reply as a reason: its enhanced status, made from the code where the server gave none, and its text on one line.
queue::Reason reason_of(const smtp::Reply& reply);

Judgement judge(LoginTrouble trouble, std::string_view host, std::string_view cause = {});
// MAIL was refused because the session is not as the server wants it.
bool wants_other_session(Stage stage, const smtp::Reply& reply);
// RCPT was refused because the transaction is full: the recipient can go into another one at once.
bool is_too_many_recipients(const smtp::Reply& reply);

}  // namespace angarium::outbound
