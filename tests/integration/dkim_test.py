"""Signatures of the relay, verified by dkimpy and opendkim on the bytes that receivers got."""

import random
import signal

import pytest
from support.clients import RawClient
from support.mail import dot_stuffed, split_received
from support.place import wait_until
from support.relay import toml
from support.signatures import Key, OpenDkim, dkimpy_verifies, split_signatures
from support.sink import AioSink, Sink, SmtpSink

HEAD = (b"From: Joe <joe@signed.test>\r\nTo: Suzie <suzie@destination.test>\r\nSubject: Is dinner ready?\r\n"
        b"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <1@signed.test>\r\n")


def text(size: int) -> bytes:
    """Words and awkward white space, `size` octets in all with HEAD."""
    generator = random.Random(size)
    out = bytearray(HEAD + b"\r\n")
    while len(out) < size:
        out += b"".join(generator.choices([b"word", b" ", b"  ", b"\t", b"=", b"."], k=generator.randint(0, 60)))[:200] + b"\r\n"
    return bytes(out[:size - 2]).rstrip(b"\r\n").ljust(size - 2, b"x") + b"\r\n"


CORPUS = {
    "plain": HEAD + b"\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n",
    "folded-fields": b"From: Joe\r\n\t<joe@signed.test>\r\nSubject: a\r\n very \t long  \r\n\tsubject \r\nTo:\r\n suzie@destination.test\r\n\r\ntext\r\n",
    "empty-body": HEAD + b"\r\n",
    "no-body": HEAD,
    "only-line-ends": HEAD + b"\r\n" * 7,
    "8-bit": HEAD + "X-Name: grüße\r\n\r\ngrüße, ".encode() + bytes(range(128, 256)) + b"\r\n",
    "8-bit-subject": b"From: joe@signed.test\r\nSubject: " + "grüße".encode() + b"\r\n\r\ntext\r\n",
    "trailing-spaces": HEAD + b"\r\nspaces  \r\ntab\t\r\n \t\r\n  indented\r\n\tby a tab\r\nwithin   and\t\tagain\r\n",
    "trailing-empty-lines": HEAD + b"\r\ntext\r\n\r\n\r\n\r\n",
    "trailing-white-lines": HEAD + b"\r\ntext\r\n \r\n\t\r\n",
    "leading-empty-lines": HEAD + b"\r\n\r\n\r\ntext\r\n",
    "dots": HEAD + b"\r\n.\r\n..\r\n.x\r\n . \r\n",
    "duplicate-fields": HEAD + b"Received: by a\r\nComments: one\r\nTo: b@c.test\r\nReceived: by b\r\nComments: two\r\nTO: d@e.test\r\n\r\ntext\r\n",
    "spaced-fields": b"from:joe@signed.test\r\nSUBJECT:   x   y\t z \r\nTo:\r\nCc: \r\nDate:\tMon\r\n\r\ntext\r\n",
    "long-lines": HEAD + b"X-Long: " + b"x" * 900 + b"\r\n\r\n" + b"y" * 998 + b"\r\n" + b"z " * 499 + b"\r\n",
    "mime": HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"b\"\r\nList-Unsubscribe: <mailto:x@y.test>\r\n"
                   b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
    **{f"{size}-octets": text(size) for size in (1024, 255 * 1024, 256 * 1024, 256 * 1024 - 1500, 257 * 1024, 1 << 20)},
}


def no_final_newline(client: RawClient) -> None:
    content = HEAD + b"\r\nthe end is missing"
    client.command(b"BDAT %d LAST\r\n%s" % (len(content), content))


def send_corpus(relay, corpus: dict[str, bytes] = CORPUS, chunked: bool = False) -> None:
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for name, content in corpus.items():
            client.command("MAIL FROM:<joe@signed.test> BODY=8BITMIME")
            client.command(f"RCPT TO:<{name}@destination.test>")
            if chunked:
                cut = len(content) // 3
                client.command(b"BDAT %d\r\n%s" % (cut, content[:cut]))
                client.command(b"BDAT %d LAST\r\n%s" % (len(content) - cut, content[cut:]))
            else:
                client.command("DATA", 354)
                client.command(dot_stuffed(content))


@pytest.fixture
def keys(folder) -> list[Key]:
    return [Key(folder, "signed.test", "rsa", "rsa-2048"), Key(folder, "signed.test", "strict", "rsa-2048"),
            Key(folder, "signed.test", "ed", "ed25519"), Key(folder, "signed.test", "mixed", "rsa-2048")]


def entries(keys: list[Key]) -> list[dict]:
    forms = {"strict": "simple/simple", "mixed": "relaxed/simple"}
    return [key.entry(canonicalization=forms.get(key.selector, "relaxed/relaxed")) for key in keys]


def check(content: bytes, sent: bytes, keys: list[Key], opendkim: OpenDkim | None, name: str) -> None:
    fields, rest = split_signatures(content)
    assert len(fields) == len(keys), f"{name}: {len(fields)} signatures"
    received, body = split_received(rest)
    assert received and body == sent, f"{name}: the content has changed"
    assert all(len(line) <= 78 for field in fields for line in field.split(b"\r\n")), fields
    assert dkimpy_verifies(content, keys) == [True] * len(keys), f"dkimpy: {name}"
    if opendkim is not None:
        opendkim_verifies(content, keys, opendkim, name)


# opendkim's test mode writes one space behind each colon, whatever was there: no simple signature survives that.
RESPACED = {"folded-fields", "spaced-fields"}


def opendkim_verifies(content: bytes, keys: list[Key], opendkim: OpenDkim, name: str) -> None:
    expected = [name not in RESPACED or key.selector != "strict" for key in keys]
    assert opendkim.verifies(content) == expected, f"opendkim: {name}"


@pytest.mark.parametrize("shards", [1, 2])
def test_verified_at_aiosmtpd(start, relay_to, folder, keys, shards):
    sink = start(AioSink)
    relay = relay_to(sink.address, dkim=entries(keys), runtime={"shards": shards})
    send_corpus(relay)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<joe@signed.test>")
        client.command("RCPT TO:<no-final-newline@destination.test>")
        no_final_newline(client)
    stored = {copy["to"][0].split("@")[0]: copy["content"].encode("latin-1") for copy in sink.wait_messages(len(CORPUS) + 1)}
    opendkim = OpenDkim(folder / "opendkim", keys)
    for name, content in CORPUS.items():
        check(stored[name], content, keys, opendkim, name)
    check(stored["no-final-newline"], HEAD + b"\r\nthe end is missing\r\n", keys, opendkim, "no final newline")
    metrics = relay.metrics()
    assert metrics['angarium_dkim_signatures_total{algorithm="rsa-sha256"}'] == 3 * len(stored)
    assert metrics['angarium_dkim_signatures_total{algorithm="ed25519-sha256"}'] == len(stored)
    assert metrics["angarium_dkim_signing_seconds_count"] == len(stored)
    assert metrics.total("angarium_dkim_failures_total") == 0
    relay.stop()


@pytest.mark.once
def test_verified_at_smtp_sink(start, relay_to, folder, keys):
    """Postfix's smtp-sink, by BDAT in; it writes line ends as LF and its own lines in front."""
    sink = start(SmtpSink, dump=True)
    relay = relay_to(sink.address, dkim=entries(keys))
    corpus = {name: content for name, content in CORPUS.items() if len(content) < 300_000}
    send_corpus(relay, corpus, chunked=True)
    relay.wait_delivered(len(corpus))
    opendkim = OpenDkim(folder / "opendkim", keys)
    seen = set()
    for stored in sink.stored():
        content = stored.replace(b"\n", b"\r\n")
        name = content.split(b"X-Rcpt-Args: <", 1)[1].split(b"@", 1)[0].decode()
        content = content[content.index(b"DKIM-Signature:"):]
        content = content.removesuffix(b"\r\n") if not content.removesuffix(b"\r\n").endswith(b"\n") else content
        fields, _ = split_signatures(content)
        assert len(fields) == len(keys), name
        assert dkimpy_verifies(content, keys) == [True] * len(keys), name
        opendkim_verifies(content, keys, opendkim, name)
        seen.add(name)
    assert seen == set(corpus)
    relay.stop()


def test_every_recipient_gets_the_same_signature(start, relay_to, keys):
    """Signed once when it is accepted, not once a delivery."""
    sink = start(AioSink)
    relay = relay_to(sink.address, dkim=entries(keys[:1]))
    recipients = [f"r{number}@d{number % 10}.test" for number in range(50)]
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("joe@signed.test", recipients, CORPUS["plain"])
    relay.wait_delivered(50)
    copies = sink.messages()
    assert sorted(to for copy in copies for to in copy["to"]) == sorted(recipients) and len(copies) == 10
    contents = {copy["content"] for copy in copies}
    assert len(contents) == 1
    check(contents.pop().encode("latin-1"), CORPUS["plain"], keys[:1], None, "many recipients")
    assert relay.metrics().total("angarium_dkim_signatures_total") == 1
    relay.stop()


def test_after_a_restart_too(start, relay_to, folder, keys):
    """Signed messages come back from the journal with their signatures in front."""
    down = start(Sink, rules=[{"stage": "banner", "reply": "421 4.3.2 not yet", "close": True}])
    relay = relay_to(down.address, dkim=entries(keys[:1]), queue={"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}})
    send_corpus(relay)
    relay.kill9()
    sink = start(AioSink)
    relay.config["route"][0]["to"] = [sink.address]
    relay.start()
    stored = {copy["to"][0].split("@")[0]: copy["content"].encode("latin-1") for copy in sink.wait_messages(len(CORPUS))}
    for name, content in CORPUS.items():
        check(stored[name], content, keys[:1], None, name)
    relay.stop()


def test_changes_are_noticed(start, relay_to, folder, keys):
    """The test of the tests: what is signed cannot be changed, and the over-signed fields cannot be added to."""
    sink = start(AioSink)
    relay = relay_to(sink.address, dkim=entries([keys[0], keys[2]]))
    used = [keys[0], keys[2]]
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("joe@signed.test", ["r@destination.test"], CORPUS["plain"])
    content = sink.wait_messages(1)[0]["content"].encode("latin-1")
    opendkim = OpenDkim(folder / "opendkim", used)
    harmless = [content, content.replace(b"hungry yet?", b"hungry \t yet?  "), content + b"\r\n\r\n",
                content.replace(b"Subject: Is", b"SUBJECT:   Is"), content.replace(b"\r\n\r\nHi", b"\r\nX-Other: x\r\n\r\nHi")]
    for changed in harmless:
        assert dkimpy_verifies(changed, used) == opendkim.verifies(changed) == [True, True]
    harmful = [content.replace(b"hungry", b"angry"), content.replace(b"Is dinner", b"Was dinner"),
               content.replace(b"\r\n\r\nHi", b"\r\nSubject: another\r\n\r\nHi"), content.replace(b"\r\n\r\nHi", b"\r\nCc: x@y.test\r\n\r\nHi"),
               content.replace(b"d=signed.test", b"d=other.test")]
    for changed in harmful:
        assert changed != content
        assert dkimpy_verifies(changed, used) == opendkim.verifies(changed) == [False, False]
    relay.stop()


def test_who_signs(start, relay_to, folder):
    """By the author's domain: exactly, else above where the entry says so; nobody else's mail, and no bounces."""
    top, sub, other = (Key(folder, domain, "s", "ed25519") for domain in ("signed.test", "news.signed.test", "other.test"))
    sink = start(AioSink)
    relay = relay_to(sink.address, dkim=[top.entry(subdomains=True), sub.entry(expire="7d"), other.entry()])
    authors = {"exact": ("a@signed.test", "signed.test"), "own": ("a@news.signed.test", "news.signed.test"),
               "below": ("a@x.y.Signed.Test", "signed.test"), "other": ("a@other.test", "other.test"),
               "below-other": ("a@x.other.test", None), "foreign": ("a@foreign.test", None), "nobody": ("undisclosed:;", None),
               "two": ("a@signed.test, b@other.test", None)}
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for name, (author, _) in authors.items():
            client.mail("bounces@esp.test", [f"{name}@destination.test"], b"From: %s\r\nSubject: x\r\n\r\ntext\r\n" % author.encode())
    for copy in sink.wait_messages(len(authors)):
        name = copy["to"][0].split("@")[0]
        content = copy["content"].encode("latin-1")
        fields, _ = split_signatures(content)
        domain = authors[name][1]
        assert len(fields) == (1 if domain else 0), name
        if domain:
            assert b" d=%s;" % domain.encode() in fields[0].replace(b"\r\n\t", b" "), name
            assert (b"x=" in fields[0]) == (domain == "news.signed.test")
            assert dkimpy_verifies(content, [top, sub, other]) == [True], name
    metrics = relay.metrics()
    assert metrics['angarium_dkim_unsigned_messages_total{reason="no_key"}'] == 2
    assert metrics['angarium_dkim_unsigned_messages_total{reason="malformed"}'] == 2
    relay.stop()


def test_replies_keep_their_order(start, relay_to, keys):
    """While signatures are made elsewhere, the session reads on; every message is answered in its place."""
    sink = start(AioSink)
    relay = relay_to(sink.address, dkim=entries(keys[:1]))
    count = 40
    flight = b""
    for number in range(count):
        content = HEAD.replace(b"signed.test>\r\nTo", b"signed.test>\r\nTo" if number % 2 else b"foreign.test>\r\nTo") + b"\r\n%d\r\n" % number
        flight += b"MAIL FROM:<a@signed.test>\r\nRCPT TO:<r%d@d.test>\r\nBDAT %d LAST\r\n%s" % (number, len(content), content)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.send(flight)
        for number in range(count):
            client.expect(250, "2.1.0")
            client.expect(250, "2.1.5")
            assert "queued as" in client.expect(250, "2.0.0").text
    copies = sink.wait_messages(count)
    signed = {copy["to"][0] for copy in copies if copy["content"].startswith("DKIM-Signature")}
    assert signed == {f"r{number}@d.test" for number in range(1, count, 2)}
    relay.stop()


def test_our_own_bounces_are_not_signed(start, relay_to, folder):
    key = Key(folder, "relay.test", "s", "ed25519")
    sink = start(AioSink)
    bad = start(Sink, rules=[{"stage": "rcpt", "reply": "550 5.1.1 no"}])
    relay = relay_to(sink.address, dkim=[key.entry()])
    relay.stop()
    relay.config["route"].insert(0, {"domains": ["bad.test"], "to": [bad.address]})
    relay.start()
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("joe@signed.test", ["x@bad.test"], b"From: a@relay.test\r\n\r\ntext\r\n")
    bounce = sink.wait_messages(1)[0]
    assert bounce["from"] in ("", "<>", None)
    assert not bounce["content"].startswith("DKIM-Signature")
    relay.stop()


def reload(relay, times: int) -> None:
    relay.process.send_signal(signal.SIGHUP)
    wait_until(lambda: relay.errors().count("reloaded\n") >= times, 30, "a reload")


def test_keys_are_reloaded(start, relay_to, folder):
    """HUP: the next message is signed with the new keys, in a session that was open before, too; a bad key changes nothing."""
    first, second = Key(folder, "signed.test", "first", "rsa-2048"), Key(folder, "signed.test", "second", "ed25519")
    sink = start(AioSink)
    relay = relay_to(sink.address, runtime={"shards": 2})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for number, keys in enumerate(([], [first], [first, second], [second], [])):
            if number > 0:
                relay.config["dkim"] = [key.entry() for key in keys]
                relay.config_file.write_text(toml(relay.config) + "\n")
                reload(relay, number)
            client.mail("joe@signed.test", [f"r{number}@destination.test"], CORPUS["plain"])
            stored = sink.wait_messages(number + 1)[-1]
            check(stored["content"].encode("latin-1"), CORPUS["plain"], keys, None, str(number))
        relay.config["dkim"] = [first.entry()]
        relay.config_file.write_text(toml(relay.config) + "\n")
        reload(relay, 5)
        first.file.chmod(0o644)
        relay.process.send_signal(signal.SIGHUP)
        wait_until(lambda: f"chmod 600 {first.file}" in relay.errors(), 30, "the complaint")
        client.mail("joe@signed.test", ["last@destination.test"], CORPUS["plain"])
        stored = sink.wait_messages(6)[-1]
        check(stored["content"].encode("latin-1"), CORPUS["plain"], [first], None, "after a bad key")
    relay.stop()
