"""Outbound TLS: every policy against good, bad and missing TLS, on real receivers; what the log and the metrics say."""

import os
import ssl

import pytest
from support import place
from support.bench import BenchSink, bench
from support.certificates import Authority, openssl
from support.clients import RawClient
from support.names import Nsd
from support.node import SmtpServer, node_missing
from support.place import wait_until
from support.postfix import Postfix
from support.relay import Relay
from support.sink import AioSink, Sink
from support.tls_server import TlsServer

MANY = 600 if place.SANITIZED else 1000  # messages of up to 300 KiB
POLICIES = ["none", "opportunistic", "required", "verified"]


def self_signed(folder, name):
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 3, "-subj", f"/CN={name}",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)
    return certificate, key


def routes(server, authority, **more):
    """One to this server for each policy: mail for `POLICY.test`."""
    return [{"domains": [f"{policy}.test"], "to": [server.address], "tls": policy, "tls_authorities": str(authority.certificate), **more}
            for policy in POLICIES]


def send(relay, *recipients):
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for recipient in recipients:
            client.mail("a@source.test", [recipient], b"Subject: x\r\n\r\nhello\r\n")


def outcomes(relay, *domains) -> dict:
    """The first outcome of mail for each domain."""
    ends = ("delivery", "transient_failure", "failure")

    def first(domain):
        return next((e for e in relay.log() if e["type"] in ends and e["destination"] == domain), None)
    relay.wait_log(lambda _: all(first(domain) for domain in domains), 60)
    return {domain.removesuffix(".test"): first(domain) for domain in domains}


def each_policy(start, server, authority, **more) -> dict:
    relay = start(Relay, {"route": routes(server, authority, **more)})
    domains = [f"{policy}.test" for policy in POLICIES]
    send(relay, *(f"b@{domain}" for domain in domains))
    found = outcomes(relay, *domains)
    relay.stop()
    return found


def spoken(event) -> str:
    return f"{event.get('tls', 'not wanted')} {event.get('verification', '-')}"


@pytest.mark.parametrize("what, verification", [
    ("good", "ok"), ("expired", "certificate has expired"), ("wrong name", "IP address mismatch"),
    ("self-signed", "self-signed certificate"), ("unknown authority", "unable to get local issuer certificate")])
def test_what_a_certificate_is_worth(start, folder, authority, what, verification):
    """aiosmtpd takes mail by TLS only."""
    other = Authority(folder / "other")
    pair = {"good": lambda: authority.issue("mx.test", "IP:127.0.0.1"),
            "expired": lambda: authority.issue("mx.test", "IP:127.0.0.1", expired=True),
            "wrong name": lambda: authority.issue("mx.test", "IP:127.0.0.9"),
            "self-signed": lambda: self_signed(folder, "mx.test"),
            "unknown authority": lambda: other.issue("mx.test", "IP:127.0.0.1")}[what]()
    sink = start(AioSink, tls=("starttls", *pair))
    found = each_policy(start, sink, authority)
    for policy in ("opportunistic", "required"):
        assert found[policy]["type"] == "delivery" and spoken(found[policy]) == f"TLSv1.3 {verification}", found[policy]
        assert found[policy]["cipher"].startswith("TLS_")
    assert found["none"]["type"] == "transient_failure" and found["none"]["code"] == 530 and "tls" not in found["none"], found["none"]
    strict = found["verified"]
    if verification == "ok":
        assert strict["type"] == "delivery" and spoken(strict) == "TLSv1.3 ok", strict
    else:
        assert strict["type"] == "transient_failure" and strict["status"] == "4.7.5", strict
        assert strict["text"] == f"certificate of 127.0.0.1: {verification}"
    stored = sink.messages()
    assert len(stored) == (3 if verification == "ok" else 2) and all(copy["tls"] for copy in stored)


def test_tls_is_not_offered(start, authority):
    sink = start(Sink)
    relay = start(Relay, {"route": routes(sink, authority)})
    domains = [f"{policy}.test" for policy in POLICIES]
    send(relay, *(f"b@{domain}" for domain in domains))
    found = outcomes(relay, *domains)
    assert found["none"]["type"] == found["opportunistic"]["type"] == "delivery"
    assert spoken(found["none"]) == "not wanted -" and spoken(found["opportunistic"]) == "none -"
    for policy in ("required", "verified"):
        assert found[policy]["type"] == "transient_failure" and found[policy]["status"] == "4.7.4", found[policy]
        assert found[policy]["text"] == "TLS is required, but not offered by 127.0.0.1"
    metrics = relay.metrics()
    assert metrics['angarium_outbound_tls_sessions_total{version="none"}'] == 1
    assert metrics['angarium_outbound_connections_failed_total{stage="tls"}'] == 2
    relay.stop()


def old(context):
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT@SECLEVEL=0")


def test_weak_keys_are_better_than_plain_text(start, folder, authority):
    """And not good enough for those who demand TLS."""
    parameters = folder / "dh.pem"
    openssl("dhparam", "-dsaparam", "-out", parameters, 1024)

    def weak(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
        context.load_dh_params(parameters)
    server = start(TlsServer, *authority.issue("mx.test", "IP:127.0.0.1", rsa=True), context=weak)
    found = each_policy(start, server, authority)
    assert spoken(found["opportunistic"]) == "TLSv1.2 ok" and found["opportunistic"]["cipher"] == "DHE-RSA-AES128-GCM-SHA256"
    for policy in ("required", "verified"):
        assert found[policy]["status"] == "4.7.5" and "dh key too small" in found[policy]["text"], found[policy]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated")
@pytest.mark.parametrize("trouble, text", [
    ("reset", "connection lost while waiting for the TLS handshake"), ("close", "connection lost while waiting for the TLS handshake"),
    ("garbage", "what came is not TLS"), ("TLS 1.0", "protocol version"), ("454", "TLS is out today"),
    ("silence", "timed out waiting for the TLS handshake")])
def test_tls_does_not_work(start, authority, trouble, text):
    """Plain text where that will do; and the host is remembered."""
    pair = authority.issue("mx.test", "IP:127.0.0.1")
    server = start(TlsServer, *pair, trouble=trouble, context=old if trouble == "TLS 1.0" else None)
    timeouts = {"tls": "3s"} if trouble == "silence" else {}  # the others have their time
    relay = start(Relay, {"route": routes(server, authority), "delivery": {"idle": "0s", "timeouts": timeouts}})
    domains = [f"{policy}.test" for policy in POLICIES]
    send(relay, *(f"b@{domain}" for domain in domains))
    found = outcomes(relay, *domains)
    assert found["none"]["type"] == found["opportunistic"]["type"] == "delivery"
    assert spoken(found["opportunistic"]) == "none -"
    for policy in ("required", "verified"):
        assert found[policy]["type"] == "transient_failure" and text in found[policy]["text"], found[policy]
        assert found[policy]["status"] == ("4.7.0" if trouble == "454" else "4.7.5")
    assert relay.metrics()["angarium_outbound_tls_fallbacks_total"] == 1
    before = server.starttls
    send(relay, "c@opportunistic.test")
    relay.wait_delivered(3)
    assert server.starttls == before and relay.metrics()["angarium_outbound_tls_fallbacks_total"] == 1
    assert len(server.messages) == 3 and not any(secure for _, secure in server.messages)
    server.check()
    relay.stop()


def test_response_injection(start, authority):
    """What follows the 220 in plain text is nobody's reply; plain text is what somebody may want from us."""
    server = start(TlsServer, *authority.issue("mx.test", "IP:127.0.0.1"), trouble="injection")
    found = each_policy(start, server, authority)
    assert found["none"]["type"] == "delivery"
    for policy in ("opportunistic", "required", "verified"):
        assert found[policy]["type"] == "transient_failure" and found[policy]["status"] == "4.7.5", found[policy]
        assert "somebody may have put it there" in found[policy]["text"]
    assert len(server.messages) == 1


def test_what_was_learnt_before_tls_is_forgotten(start, authority):
    server = start(TlsServer, *authority.issue("mx.test", "IP:127.0.0.1"), plain=["PIPELINING", "CHUNKING", "SIZE 10"], secure=["8BITMIME"])
    found = each_policy(start, server, authority)
    assert found["none"]["type"] == "failure"  # SIZE 10
    assert all(found[policy]["type"] == "delivery" for policy in POLICIES[1:]), found
    assert not any(line.startswith("BDAT") for line in server.lines)
    server.check()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_sessions_are_resumed_but_never_under_another_policy(start, authority, version):
    def newest(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2 if version == "TLSv1.2" else ssl.TLSVersion.TLSv1_3
    server = start(TlsServer, *authority.issue("mx.test", "IP:127.0.0.1"), context=newest)
    relay = start(Relay, {"route": routes(server, authority), "delivery": {"idle": "0s"}, "runtime": {"shards": 1}})
    for count in range(1, 5):
        for number, policy in enumerate(POLICIES[1:]):
            send(relay, f"b{count}@{policy}.test")
            relay.wait_delivered(3 * (count - 1) + number + 1)
    assert (server.full, server.resumed) == (3, 9)
    metrics = relay.metrics()
    assert metrics['angarium_outbound_tls_handshakes_total{result="resumed"}'] == 9
    assert metrics[f'angarium_outbound_tls_sessions_total{{version="{version[4:]}"}}'] == 12
    assert all(spoken(e) == f"{version} ok" for e in relay.log() if e["type"] == "delivery")
    wait_until(lambda: server.clean_ends == 12, 10, "a close_notify behind each QUIT")
    server.check()
    relay.stop()


@pytest.mark.deadline(300)
@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_everything_arrives(start, authority, mode):
    """Many connections, bodies of all sizes, over two shards: nothing is lost, nothing damaged."""
    pair = authority.issue("mx.test", *(f"IP:127.0.4.{number}" for number in range(1, 9)))
    sink = start(BenchSink, "--tls", mode, "--certificate", str(pair.chain), "--key", str(pair.key), "--shards", "2", "--expect", str(MANY))
    relay = start(Relay, {"route": [{"domains": ["*"], "to": sink.smtp, "tls": "verified", "implicit_tls": mode == "implicit",
                                     "tls_authorities": str(authority.certificate)}],
                          "delivery": {"deliveries_per_connection": 50}, "runtime": {"shards": 2}})
    bench("send", "--to", "{}:{}".format(*relay.smtp), "--messages", MANY, "--sessions", 10, "--size", "1KiB-300KiB", "--pipelining", "--chunking")
    got = sink.result(200)
    assert (got["unique"], got["lost"], got["duplicated"], got["damaged"], got["foreign"]) == (MANY, 0, 0, 0, 0)
    assert got["tls"]["failed"] == 0 and got["tls"]["resumed"]["count"] > 0
    assert relay.metrics()['angarium_outbound_tls_sessions_total{version="none"}'] == 0
    relay.stop()


def test_exchangers(start, authority):
    """By MX: [[tls_policy]]; the certificate is for the exchanger, or for the names that we know."""
    zone = "good MX 10 mx\nother MX 10 elsewhere\nnamed MX 10 elsewhere\nplain MX 10 mx\nmx A 127.0.3.1\nelsewhere A 127.0.3.2\n"
    names = start(Nsd, {"test": zone})
    pair = authority.issue("mx.test")
    first = start(TlsServer, *pair, host="127.0.3.1")
    start(TlsServer, *pair, host="127.0.3.2", port=first.port)
    relay = start(Relay, {
        "delivery": {"port": first.port, "tls_authorities": str(authority.certificate)}, "dns": {"servers": [names.address]},
        "tls_policy": [{"domains": ["plain.test"], "tls": "none"}, {"domains": ["named.test"], "tls": "verified", "tls_names": ["mx.test"]},
                       {"domains": ["*.test"], "tls": "verified"}]})
    domains = ["good.test", "other.test", "named.test", "plain.test"]
    send(relay, *(f"b@{domain}" for domain in domains))
    found = outcomes(relay, *domains)
    assert spoken(found["good"]) == "TLSv1.3 ok" and found["good"]["site"] == "mx.test/verified-2"
    assert found["other"]["text"] == "certificate of elsewhere.test: hostname mismatch"
    assert spoken(found["named"]) == "TLSv1.3 ok" and found["named"]["site"] == "elsewhere.test/verified"
    assert spoken(found["plain"]) == "not wanted -" and found["plain"]["site"] == "mx.test/none"
    relay.stop()


def test_implicit_tls(start, authority):
    sink = start(AioSink, tls=("implicit", *authority.issue("mx.test", "IP:127.0.0.1")))
    route = {"to": [sink.address], "implicit_tls": True, "tls_authorities": str(authority.certificate)}
    other = Authority(authority.folder / "other")
    relay = start(Relay, {"route": [{"domains": ["usual.test"], **route}, {"domains": ["required.test"], "tls": "required", **route},
                                    {"domains": ["strict.test"], **route, "tls_authorities": str(other.certificate)}]})
    domains = ["usual.test", "required.test", "strict.test"]
    send(relay, *(f"b@{domain}" for domain in domains))
    found = outcomes(relay, *domains)
    assert spoken(found["usual"]) == spoken(found["required"]) == "TLSv1.3 ok"
    assert found["usual"]["site"].endswith("/verified")
    assert found["strict"]["text"] == "certificate of 127.0.0.1: unable to get local issuer certificate"
    assert all(copy["tls"] for copy in sink.wait_messages(2))
    relay.stop()


def test_client_certificate(start, authority):
    """The server wants to know who we are; TLS 1.3 says so only after its handshake."""
    def demanding(context):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.certificate)
    server = start(TlsServer, *authority.issue("mx.test", "IP:127.0.0.1"), context=demanding)
    ours = authority.issue("relay.test")
    route = {"to": [server.address], "tls": "required", "tls_authorities": str(authority.certificate)}
    relay = start(Relay, {"route": [{"domains": ["known.test"], **route, "certificate": str(ours.chain), "key": str(ours.key)},
                                    {"domains": ["unknown.test"], **route}]})
    send(relay, "b@known.test", "b@unknown.test")
    found = outcomes(relay, "known.test", "unknown.test")
    assert found["known"]["type"] == "delivery", found
    assert found["unknown"]["type"] == "transient_failure" and found["unknown"]["status"] == "4.7.5"
    assert "certificate required" in found["unknown"]["text"], found["unknown"]
    server.check()
    relay.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="Postfix's master runs as root only")
@pytest.mark.parametrize("kind", ["good", "self-signed"])
def test_postfix_that_requires_tls(start, folder, authority, sink, kind):
    chain, key = authority.issue("mx.test", "IP:127.0.0.1") if kind == "good" else self_signed(folder, "mx.test")
    key.chmod(0o600)
    postfix = start(Postfix, sink.address, smtpd_tls_security_level="encrypt", smtpd_tls_cert_file=chain, smtpd_tls_key_file=key)
    found = each_policy(start, postfix, authority)
    assert found["none"]["type"] == "transient_failure" and found["none"]["code"] == 530
    for policy in ("opportunistic", "required"):
        assert found[policy]["type"] == "delivery" and found[policy]["tls"] == "TLSv1.3"
    if kind == "good":
        assert spoken(found["verified"]) == "TLSv1.3 ok"
    else:
        assert found["verified"]["text"] == "certificate of 127.0.0.1: self-signed certificate"
    sink.wait_messages(3 if kind == "good" else 2)


@pytest.mark.skipif(node_missing("smtp-server") is not None, reason=str(node_missing("smtp-server")))
@pytest.mark.parametrize("kind", ["good", "self-signed"])
def test_smtp_server_of_npm(start, folder, authority, kind):
    pair = authority.issue("mx.test", "IP:127.0.0.1") if kind == "good" else self_signed(folder, "mx.test")
    server = start(SmtpServer, *pair)
    found = each_policy(start, server, authority)
    assert spoken(found["none"]) == "not wanted -" and found["none"]["type"] == "delivery"
    for policy in ("opportunistic", "required"):
        assert found[policy]["type"] == "delivery" and found[policy]["tls"] == "TLSv1.3"
    if kind == "good":
        assert spoken(found["verified"]) == "TLSv1.3 ok"
    else:
        assert found["verified"]["text"] == "certificate of 127.0.0.1: self-signed certificate"
    assert [copy["tls"] for copy in server.wait_messages(3)].count(True) == (3 if kind == "good" else 2)
