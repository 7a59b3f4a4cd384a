"""Implicit TLS (RFC 8314) of the relay: the handshake comes before the banner, within the limits on connections."""

import contextlib
import smtplib
import socket

import pytest
from support import place
from support.bench import bench
from support.certificates import tls_listener
from support.clients import RawClient
from support.mail import plain
from support.place import wait_until


@pytest.fixture
def relay(relay_to, sink, authority):
    return relay_to(sink.address, **tls_listener(authority.issue("relay.test"), "implicit"))


def connect(relay, context) -> RawClient:
    client = RawClient(relay.smtp, banner=None).secure(context, "relay.test")
    client.expect(220)
    return client


def test_the_handshake_comes_first(relay, sink, authority):
    with connect(relay, authority.client()) as client:
        assert "STARTTLS" not in client.command("EHLO client.test").lines
        client.command("STARTTLS", 554, "5.5.1")
        client.mail("a@source.test", ["b@destination.test"], plain(1))
        client.command("QUIT", 221)
    assert "with ESMTPS id " in sink.wait_messages(1)[0]["received"]


def test_smtplib(relay, sink, authority):
    with smtplib.SMTP_SSL("127.0.0.1", relay.smtp[1], context=unnamed(authority), timeout=20 * place.SLOWDOWN) as client:
        for size in (10, 100_000, 3_000_000):
            client.sendmail("a@source.test", ["b@destination.test"], b"Subject: x\r\n\r\n" + b"0123456789\r\n" * (size // 12))
    sink.wait_messages(3)


def unnamed(authority):
    context = authority.client()
    context.check_hostname = False
    return context


def test_load_by_the_generator(relay, sink, authority):
    sent = bench("send", "--to", "%s:%d" % relay.smtp, "--tls", "implicit", "--ca", authority.certificate, "--tls-name", "relay.test",
                 "--messages", 500, "--sessions", 5, "--messages-per-session", 10, "--pipelining", "--size", "1KiB-100KiB")
    assert (sent["accepted"], sent["errors"], sent["tls"]["failed"]) == (500, [], 0)
    assert list(sent["tls"]["verification"]) == ["ok"]
    relay.wait_delivered(500)
    metrics = relay.metrics()
    assert metrics.total("angarium_inbound_tls_handshakes_total") == sent["connections"]
    assert metrics['angarium_inbound_tls_handshakes_total{result="resumed"}'] >= sent["connections"] - 5


def test_plain_text_is_no_handshake(relay):
    with RawClient(relay.smtp, banner=None) as client:
        client.send("EHLO client.test")
        with contextlib.suppress(ConnectionError):
            while data := client.socket.recv(4096):
                assert b"220" not in data
    assert relay.wait_log(lambda e: e["type"] == "rejection")["response"]["text"] == "TLS handshake: what came is not TLS"


def test_a_silent_client_is_closed(relay_to, sink, authority):
    relay = relay_to(sink.address, **tls_listener(authority.issue("relay.test"), "implicit"), limits={"command_timeout": "2s"})
    with RawClient(relay.smtp, banner=None) as client:
        assert client.closed()
    wait_until(lambda: relay.metrics().total("angarium_inbound_sessions_open") == 0, 10, "the end of the session")
    assert relay.metrics()['angarium_inbound_tls_handshakes_total{result="failed"}'] == 1


def test_too_many_connections_are_closed_without_a_word(relay_to, sink, authority):
    relay = relay_to(sink.address, **tls_listener(authority.issue("relay.test"), "implicit"), limits={"connections": 1})
    with connect(relay, authority.client()) as client:
        with socket.create_connection(relay.smtp, timeout=20 * place.SLOWDOWN) as second:
            with contextlib.suppress(ConnectionResetError):
                assert second.recv(100) == b""
        client.command("NOOP")
    assert relay.metrics()['angarium_inbound_connections_refused_total{reason="total"}'] == 1


def test_draining(relay, authority):
    with connect(relay, authority.client()) as client:
        client.command("EHLO client.test")
        relay.terminate()
        client.expect(421, "4.3.2")
        assert client.closed()
    assert relay.wait_end() == 0
