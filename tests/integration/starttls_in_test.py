"""STARTTLS (RFC 3207) of the relay: what is offered, what is forgotten, what is refused, and what the log tells of it."""

import ssl
import warnings

import pytest
from support.certificates import tls_listener
from support.clients import RawClient, swaks
from support.mail import plain
from support.place import wait_until

BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def relay(relay_to, sink, authority):
    return relay_to(sink.address, **tls_listener(authority.issue("relay.test")))


def offers(client) -> bool:
    return "STARTTLS" in client.command("EHLO client.test").lines


@pytest.mark.parametrize("version", BOTH)
def test_a_message_comes_by_tls(relay, sink, authority, version):
    with RawClient(relay.smtp) as client:
        assert offers(client)
        client.starttls(authority.client(version=version), "relay.test")
        assert not offers(client)
        client.mail("a@source.test", ["b@destination.test"], plain(1))
        client.command("QUIT", 221)
    name = {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    received = sink.wait_messages(1)[0]["received"]
    assert f"(using {name} with cipher " in received and "with ESMTPS id " in received
    event = relay.wait_log(lambda e: e["type"] == "reception")
    assert (event["protocol"], event["tls"]) == ("ESMTPS", name) and f"with cipher {event['cipher']})" in received
    metrics = relay.metrics()
    assert metrics['angarium_inbound_tls_handshakes_total{result="full"}'] == 1
    assert metrics[f'angarium_inbound_tls_sessions_total{{version="{name[4:]}"}}'] == 1


def test_what_was_said_before_is_forgotten(relay, authority):
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<b@destination.test>")
        client.starttls(authority.client(), "relay.test")
        client.command("MAIL FROM:<a@source.test>", 503, "5.5.1")
        client.command("EHLO client.test")
        client.command("RCPT TO:<b@destination.test>", 503, "5.5.1")
        client.command("STARTTLS", 554, "5.5.1")
        client.command("QUIT", 221)


def test_nothing_is_injected(relay):
    for behind in ("RSET", "MAIL FROM:<injected@source.test>", "EHLO client.test", ""):
        with RawClient(relay.smtp) as client:
            client.command("EHLO client.test")
            client.send(b"STARTTLS\r\n" + behind.encode() + b"\r\n")
            client.expect(554, "5.5.0")
            assert client.closed()
    assert relay.metrics().total("angarium_inbound_tls_handshakes_total") == 0


def test_parameters_and_plain_text_go_on(relay):
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("STARTTLS now", 501, "5.5.4")
        client.mail("a@source.test", ["b@destination.test"], plain(1))
        client.command("QUIT", 221)
    assert relay.wait_log(lambda e: e["type"] == "reception").get("tls") is None


def test_a_failed_handshake_ends_the_session(relay):
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("STARTTLS", 220)
        client.send("MAIL FROM:<a@source.test>")
        try:
            while client.socket.recv(4096):
                pass
        except ConnectionError:
            pass
    event = relay.wait_log(lambda e: e["type"] == "rejection")
    assert event["response"] == {"text": "TLS handshake: what came is not TLS"} and event["peer"]["name"] == "client.test"
    assert relay.metrics()['angarium_inbound_tls_handshakes_total{result="failed"}'] == 1


def test_old_versions_are_refused(relay):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        with RawClient(relay.smtp) as client:
            client.command("EHLO client.test")
            with pytest.raises(ssl.SSLError, match="(?i)alert protocol version"):
                client.starttls(context)
    rejections = wait_until(lambda: [e for e in relay.log() if e["type"] == "rejection"][1:] and relay.log(), 10, "two rejections")
    assert [e["response"]["text"] for e in rejections] == ["TLS handshake: unsupported protocol"] * 2


def test_where_tls_is_required(relay_to, sink, authority):
    relay = relay_to(sink.address, **tls_listener(authority.issue("relay.test"), require_tls=True))
    with RawClient(relay.smtp) as client:
        for line in ("NOOP", "RSET", "HELO client.test", "EHLO client.test"):
            client.command(line)
        for line in ("MAIL FROM:<a@source.test>", "RCPT TO:<b@destination.test>", "DATA", "VRFY b", "HELP", "AUTH PLAIN"):
            client.command(line, 530, "5.7.0")
        client.command(b"BDAT 7 LAST\r\nRSET\r\n\n", 530, "5.7.0")
        client.starttls(authority.client(), "relay.test")
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@destination.test"], plain(1))
        client.command("QUIT", 221)
    with RawClient(relay.smtp) as client:
        client.command("QUIT", 221)
    assert relay.metrics()['angarium_inbound_rejections_total{reason="tls"}'] == 7


def test_swaks(relay, sink, authority):
    said = swaks(relay.smtp, "--from", "a@source.test", "--to", "b@destination.test", "--tls", "--tls-verify", "--tls-ca-path",
                 str(authority.certificate), "--tls-sni", "relay.test")
    assert "TLS started" in said and "250 2.0.0 queued as" in said
    sink.wait_messages(1)
