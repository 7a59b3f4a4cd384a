"""Client certificates: whom a listener asks, whom it takes, and what they may do."""

import hashlib
import ssl

import pytest
from support.certificates import Authority, tls_listener
from support.clients import RawClient
from support.mail import plain
from support.place import wait_until
from support.relay import Relay

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def clients(folder) -> Authority:
    """The authority of the clients' certificates, another than the server's."""
    return Authority(folder / "clients")


def connect(relay, context, session=None) -> RawClient:
    client = RawClient(relay.smtp, banner=None).secure(context, "relay.test", session)
    client.expect(220)
    client.command("EHLO client.test")
    return client


def test_required(relay_to, sink, authority, clients):
    relay = relay_to(sink.address, **tls_listener(authority.issue("relay.test"), "implicit", client_certificate="required",
                                                  client_authorities=str(clients.certificate)))
    for version in VERSIONS:
        with connect(relay, authority.client(version=version, pair=clients.issue("app.test"))) as client:
            client.mail("a@source.test", ["b@destination.test"], plain(1))
        for pair in (None, authority.issue("stranger.test"), clients.issue("old.test", expired=True)):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                connect(relay, authority.client(version=version, pair=pair))
    reasons = wait_until(lambda: (r := [e["response"]["text"] for e in relay.log() if e["type"] == "rejection"])[5:] and r, 10, "six rejections")
    per_version = ["peer did not return a certificate", "the certificate is refused: self-signed certificate in certificate chain",
                   "the certificate is refused: certificate has expired"]
    assert sorted(reasons) == sorted(f"TLS handshake: {reason}" for reason in per_version * 2)
    assert relay.metrics()['angarium_inbound_tls_handshakes_total{result="failed"}'] == 6


def test_optional_as_permission_to_relay(relay_to, sink, authority, clients):
    known, named = clients.issue("known.test"), clients.issue("named.test")
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(known.chain.read_text())).hexdigest()
    relay = relay_to(sink.address, **tls_listener(authority.issue("relay.test"), "implicit", client_certificate="optional", relay_from=[],
                                                  client_authorities=str(clients.certificate)),
                     relay=[{"certificate": [fingerprint, "named.test"], "action": "allow"}])
    for version in VERSIONS:
        for pair, code in ((None, 550), (known, 250), (named, 250), (clients.issue("other.test"), 550),
                           (authority.issue("named.test"), 550),  # the right name, by an authority that does not count
                           (clients.issue("late.test", "DNS:named.test", expired=True), 550)):
            context = authority.client(version=version, pair=pair)
            with connect(relay, context) as client:
                client.command("MAIL FROM:<a@source.test>")
                client.command("RCPT TO:<b@destination.test>", code)
                client.command("QUIT", 221)
                session = client.socket.session
            with connect(relay, context, session) as client:  # a resumed session carries its certificate
                assert client.socket.session_reused, (version, pair)
                client.command("MAIL FROM:<a@source.test>")
                client.command("RCPT TO:<b@destination.test>", code)
                client.command("QUIT", 221)


def test_a_session_is_not_resumed_where_others_are_trusted(relay_to, sink, authority, clients, folder):
    """Tickets of a listener say nothing to one with other authorities, though both are sealed with the same keys."""
    others = Authority(folder / "others")
    pair = authority.issue("relay.test")
    config = tls_listener(pair, "implicit", client_certificate="optional", client_authorities=str(clients.certificate), relay_from=[])
    config["listener"].append({**config["listener"][0], "client_authorities": str(others.certificate)})
    relay = relay_to(sink.address, **config, relay=[{"certificate": ["app.test"], "action": "allow"}])
    first, second = [address for kind, address in relay.listeners if kind == "smtp"]
    context = authority.client(version=ssl.TLSVersion.TLSv1_2, pair=clients.issue("app.test"))
    for address, code in ((first, 250), (second, 550)):
        relay.smtp = address
        with connect(relay, context, None if address == first else session) as client:
            assert not client.socket.session_reused
            client.command("MAIL FROM:<a@source.test>")
            client.command("RCPT TO:<b@destination.test>", code)
            client.command("QUIT", 221)
            session = client.socket.session


def test_authorities_that_cannot_be_read(relay_to, sink, authority, folder):
    nothing = folder / "nothing.pem"
    nothing.write_text("hello")
    for file, what in ((folder / "missing.pem", "No such file"), (nothing, "holds no or damaged certificates")):
        relay = Relay(folder / "relay", tls_listener(authority.issue("relay.test"), "implicit", client_certificate="optional",
                                                     client_authorities=str(file)))
        done = relay.run("check")
        assert done.returncode == 78 and str(file) in done.stderr and what in done.stderr and "listener 127.0.0.1:0" in done.stderr
