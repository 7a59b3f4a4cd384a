"""Which certificate a client is shown: by the name that it asks for, and by the kinds of key that it can use."""

import hashlib
import ssl
import time

import pytest
from support.certificates import tls_listener
from support.clients import RawClient
from support.relay import Relay


def digest_of(pair) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pair.chain.read_text())).hexdigest()


def shown(relay, name: str | None, ciphers: str | None = None) -> str:
    """The digest of the certificate that a client of TLS 1.2 with these ciphers is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    with RawClient(relay.smtp, banner=None).secure(context, name) as client:
        client.expect(220)
        client.command("QUIT", 221)
        return hashlib.sha256(client.socket.getpeercert(binary_form=True)).hexdigest()


@pytest.fixture
def pairs(authority):
    return {
        "first": authority.issue("first.test", "DNS:first.test", "DNS:also.first.test"),
        "first-rsa": authority.issue("first-rsa", "DNS:first.test", rsa=True),
        "second": authority.issue("second.test"),
        "wild": authority.issue("wild", "DNS:*.wild.test"),
        "exact": authority.issue("exact", "DNS:mx.wild.test"),
        "wild-rsa": authority.issue("wild-rsa", "DNS:*.wild.test", rsa=True),
    }


def test_the_right_certificate_is_shown(relay_to, sink, pairs):
    config = tls_listener(pairs["first"], "implicit")
    config["listener"][0]["certificate"] = [str(pair.chain) for pair in pairs.values()]
    config["listener"][0]["key"] = [str(pair.key) for pair in pairs.values()]
    relay = relay_to(sink.address, **config)
    rsa = "ECDHE-RSA-AES128-GCM-SHA256"
    for name, ciphers, wanted in (
        (None, None, "first"), ("127.0.0.1", None, "first"), ("unknown.test", None, "first"), ("first.test", None, "first"),
        ("FIRST.test", None, "first"), ("also.first.test", None, "first"), ("second.test", None, "second"),
        ("a.wild.test", None, "wild"), ("mx.wild.test", None, "exact"), ("a.b.wild.test", None, "first"), ("wild.test", None, "first"),
        (None, rsa, "first-rsa"), ("first.test", rsa, "first-rsa"), ("a.wild.test", rsa, "wild-rsa"), ("mx.wild.test", rsa, "wild-rsa"),
    ):
        assert shown(relay, name, ciphers) == digest_of(pairs[wanted]), (name, ciphers, wanted)
    with pytest.raises(ssl.SSLError):  # nothing with an RSA key is for this name
        shown(relay, "second.test", rsa)


def test_a_certificate_that_has_expired_is_warned_of(relay_to, sink, authority):
    old, good = authority.issue("old.test", expired=True), authority.issue("good.test")  # for three days: that is soon
    config = tls_listener(old, "implicit")
    config["listener"][0]["certificate"] = [str(good.chain), str(old.chain)]
    config["listener"][0]["key"] = [str(good.key), str(old.key)]
    relay = relay_to(sink.address, **config)
    for said in (relay.errors(), relay.run("check").stderr):
        assert f"the certificate '{old.chain}' of listener 127.0.0.1:0 has expired on " in said
        assert f"the certificate '{good.chain}' of listener 127.0.0.1:0 expires on " in said and "send HUP" in said
    ends = relay.metrics()["angarium_tls_certificate_expiry_time_seconds"]
    assert time.time() - 3 * 86400 < ends < time.time()


def test_a_certificate_that_is_never_shown(sink, authority):
    one, two = authority.issue("one", "DNS:same.test"), authority.issue("two", "DNS:same.test")
    relay = Relay(sink.folder / "relay", {"listener": [{"address": "127.0.0.1:0", "tls": "implicit", "certificate": [str(one.chain), str(two.chain)],
                                                        "key": [str(one.key), str(two.key)]}]})
    done = relay.run("check")
    assert done.returncode == 78 and f"{two.chain} is never shown" in done.stderr and "listener 127.0.0.1:0" in done.stderr
