"""Smarthost routes that log in: every mechanism on several servers, wrong passwords, and what must never happen to a password."""

import json
import signal
import subprocess

import pytest
from support import place
from support.accounts import add_user
from support.certificates import Authority, tls_listener
from support.clients import RawClient
from support.node import SmtpServer, node_missing
from support.relay import Relay, toml
from support.sink import AioSink
from support.tls_server import TlsServer

USER, PASSWORD = "relay@example.net", "correct horse, battery = stäple"


@pytest.fixture
def secret(folder):
    """secret("word"): a file with it, closed to others."""
    def write(word, mode=0o600):
        path = folder / f"password-{len(list(folder.glob('password-*')))}"
        path.write_text(word + "\n")
        path.chmod(mode)
        return str(path)
    return write


def send(relay, *recipients):
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for recipient in recipients:
            client.mail("a@source.test", [recipient], b"Subject: x\r\n\r\nhello\r\n")


def smarthost(server, authority, secret, domain="*", password=PASSWORD, user=USER, **more) -> dict:
    return {"domains": [domain], "to": [server.address], "user": user, "password_file": secret(password),
            "tls_authorities": str(authority.certificate), **more}


def pair(authority):
    return authority.issue("smart.test", "IP:127.0.0.1")


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("offered, taken", [("PLAIN LOGIN SCRAM-SHA-256", "SCRAM-SHA-256"), ("LOGIN PLAIN CRAM-MD5", "PLAIN"), ("LOGIN", "LOGIN")])
def test_the_best_mechanism(start, authority, secret, implicit, offered, taken):
    server = start(TlsServer, *pair(authority), implicit=implicit, user=USER, password=PASSWORD, secure=["PIPELINING", f"AUTH {offered}"])
    relay = start(Relay, {"route": [smarthost(server, authority, secret, implicit_tls=implicit)], "delivery": {"idle": "0s"}})
    for number in range(3):
        send(relay, f"b{number}@destination.test")
        relay.wait_delivered(number + 1)
    assert server.logins == [taken] * 3 and [secure for _, secure in server.messages] == [True] * 3
    metrics = relay.metrics()
    assert metrics['angarium_outbound_logins_total{result="ok"}'] == 3 and metrics['angarium_outbound_logins_total{result="failed"}'] == 0
    server.check()
    relay.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_aiosmtpd(start, authority, secret, mechanism):
    server = start(AioSink, USER, PASSWORD, mechanism, tls=("implicit", *pair(authority)))
    relay = start(Relay, {"route": [smarthost(server, authority, secret, implicit_tls=True)]})
    send(relay, "b@destination.test")
    (stored,) = server.wait_messages(1)
    assert stored["tls"]
    relay.stop()


@pytest.mark.skipif(node_missing("smtp-server") is not None, reason=str(node_missing("smtp-server")))
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("implicit", [False, True])
def test_smtp_server_of_npm(start, authority, secret, mechanism, implicit):
    server = start(SmtpServer, *pair(authority), implicit=implicit, user=USER, password=PASSWORD, mechanisms=[mechanism])
    relay = start(Relay, {"route": [smarthost(server, authority, secret, implicit_tls=implicit)]})
    send(relay, "b@destination.test")
    (stored,) = server.wait_messages(1)
    assert stored["tls"] and stored["user"] == USER
    relay.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_a_wrong_password_bounces_nothing(start, authority, secret, mechanism):
    server = start(TlsServer, *pair(authority), user=USER, password=PASSWORD, secure=["PIPELINING", f"AUTH {mechanism}"])
    relay = start(Relay, {"route": [smarthost(server, authority, secret, "wrong.test", password="guess"),
                                    smarthost(server, authority, secret, "right.test")]})
    send(relay, *(f"b{number}@wrong.test" for number in range(5)), "b@right.test")
    relay.wait_delivered(1)
    event = relay.wait_log(lambda e: e["type"] == "transient_failure")  # of the destination: the others wait with it
    assert (event["destination"], event["code"], event["status"]) == ("wrong.test", 535, "4.7.8"), event
    assert len(server.messages) == 1 and not any(e["type"] in ("failure", "bounce") for e in relay.log())
    assert relay.metrics()['angarium_outbound_logins_total{result="failed"}'] >= 1
    said = relay.errors() + json.dumps(relay.log())
    assert PASSWORD not in said and "guess" not in said
    server.check()
    relay.stop()


def test_a_password_is_never_shown_to_everybody(start, authority, secret):
    """Nor to somebody whose certificate is not good, unless the route says so."""
    plain = start(TlsServer, *pair(authority), user=USER, password=PASSWORD, plain=["AUTH PLAIN"], secure=["AUTH PLAIN"], trouble="454")
    wrong = start(TlsServer, *authority.issue("other.test"), user=USER, password=PASSWORD, secure=["AUTH PLAIN"])
    relay = start(Relay, {"route": [
        smarthost(plain, authority, secret, "plain.test", tls="required"), smarthost(wrong, authority, secret, "wrong.test"),
        smarthost(wrong, authority, secret, "any.test", tls="required"),
        smarthost(plain, authority, secret, "trusting.test", tls="opportunistic", auth_without_tls=True)]})
    send(relay, "b@plain.test", "b@wrong.test", "b@any.test", "b@trusting.test")
    relay.wait_delivered(2)
    for domain in ("plain.test", "wrong.test"):
        event = relay.wait_log(lambda e: e["type"] == "transient_failure" and e["destination"] == domain)
        assert event["status"].startswith("4.7."), event
    assert (len(plain.messages), len(wrong.messages)) == (1, 1)
    assert len(plain.logins) == len(wrong.logins) == 1
    relay.stop()


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_our_own_listener(start, folder, authority, secret, sink, mode):
    """Which wants a certificate of ours besides, and offers SCRAM."""
    clients = Authority(folder / "clients")
    accounts = folder / "accounts"
    add_user(accounts, USER, PASSWORD)
    secure = tls_listener(pair(authority), mode, client_certificate="required", client_authorities=str(clients.certificate), auth=str(accounts),
                          relay_from=[])
    smart = start(Relay, {"route": [{"domains": ["*"], "to": [sink.address]}], **secure})
    ours = clients.issue("relay.test")
    server = type("Server", (), {"address": "{}:{}".format(*smart.smtp)})
    route = {"implicit_tls": mode == "implicit", "certificate": str(ours.chain), "key": str(ours.key)}
    relay = start(Relay, {"route": [smarthost(server, authority, secret, "known.test", **route),
                                    smarthost(server, authority, secret, "unknown.test", **route, password="guess")]})
    send(relay, "b@known.test", "b@unknown.test")
    sink.wait_messages(1)
    event = relay.wait_log(lambda e: e["type"] == "transient_failure")
    assert (event["destination"], event["code"], event["status"]) == ("unknown.test", 535, "4.7.8")
    event = relay.wait_log(lambda e: e["type"] == "delivery")
    assert (event["tls"], event["verification"]) == ("TLSv1.3", "ok")
    event = smart.wait_log(lambda e: e["type"] == "reception")
    assert event["identity"] == USER and event["protocol"] == "ESMTPSA"
    for one in (relay, smart):
        one.stop()


def test_a_corrected_password_counts_after_hup(start, authority, secret, folder):
    server = start(TlsServer, *pair(authority), user=USER, password=PASSWORD, secure=["AUTH SCRAM-SHA-256"])
    route = smarthost(server, authority, secret, password="guess")
    relay = start(Relay, {"route": [route], "queue": {"retry": {"first": "1s", "factor": 1.0}}})
    send(relay, "b@destination.test")
    relay.wait_log(lambda e: e["type"] == "transient_failure" and e["code"] == 535)
    with open(route["password_file"], "w") as file:
        file.write(PASSWORD)
    relay.process.send_signal(signal.SIGHUP)
    relay.wait_delivered(1)
    assert server.logins == ["SCRAM-SHA-256"]
    relay.stop()


def test_identities_share_no_connection(start, authority, secret):
    server = start(TlsServer, *pair(authority), user=USER, password=PASSWORD, secure=["AUTH PLAIN"])
    relay = start(Relay, {"route": [smarthost(server, authority, secret, "known.test"),
                                    {"domains": ["unknown.test"], "to": [server.address], "tls_authorities": str(authority.certificate), "tls": "verified"}],
                          "delivery": {"idle": "1m"}, "runtime": {"shards": 1}})
    send(relay, "b@known.test")
    relay.wait_delivered(1)
    send(relay, "b@unknown.test")  # while the other's connection is idle
    event = relay.wait_log(lambda e: e["type"] == "transient_failure")
    assert (event["recipient"], event["code"]) == ("b@unknown.test", 530)
    assert server.connections == 2 and len(server.messages) == 1
    server.check()
    relay.stop()


@pytest.mark.parametrize("change, what", [
    ({"password_file": "/nowhere"}, "/nowhere"), ({"password_file": "OPEN"}, "chmod o="), ({"tls": "opportunistic"}, "auth_without_tls"),
    ({"user": ""}, "needs the other one"), ({"certificate": "/nowhere.pem"}, "pair"), ({"tls_authorities": "/nowhere.pem"}, "/nowhere.pem"),
    ({"tls": "sometimes"}, "write one of none, opportunistic, required, verified")])
def test_faults_are_named(folder, secret, change, what):
    route = {"domains": ["*"], "to": ["192.0.2.1:465"], "user": USER, "password_file": secret(PASSWORD), "implicit_tls": True, **change}
    if route["password_file"] == "OPEN":
        route["password_file"] = secret(PASSWORD, 0o644)
    file = folder / "relay.toml"
    file.write_text(toml({"hostname": "relay.test", "listener": [{"address": "127.0.0.1:2525"}], "queue": {"path": str(folder / "queue")}, "route": [route]}))
    done = subprocess.run([place.PROGRAM, "check", "--config", str(file)], capture_output=True, text=True, timeout=60 * place.SLOWDOWN)
    assert done.returncode != 0 and what in done.stderr, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
