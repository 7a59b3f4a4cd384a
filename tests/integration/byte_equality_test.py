"""What arrives is what was sent, byte for byte, behind one Received: field of ours; by DATA and by BDAT, small and large."""

import random

import pytest
from support.clients import RawClient
from support.mail import digest, dot_stuffed, message
from support.sink import Sink

ALL = ["PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "CHUNKING"]
AWKWARD = {
    "empty": b"",
    "only an empty line": b"\r\n",
    "only a dot": b".\r\n",
    "dots": b".\r\n..\r\n...\r\n.a\r\n",
    "no header": b"\r\njust text\r\n",
    "no blank line": b"Subject: no body\r\n",
    "998 octets": b"X: " + b"x" * 995 + b"\r\n\r\n" + b"y" * 998 + b"\r\n",
    "all of Latin-1": b"Subject: bytes\r\n\r\n" + bytes(c for c in range(1, 256) if c not in (10, 13)) + b"\r\n",
    "empty lines": b"Subject: x\r\n" + b"\r\n" * 1000,
}


def send_data(client: RawClient, content: bytes) -> None:
    client.command("DATA", 354)
    client.command(dot_stuffed(content))


def send_bdat(client: RawClient, content: bytes) -> None:
    """In chunks of random size, cut anywhere, the last one empty."""
    generator = random.Random(len(content))
    at = 0
    while at < len(content):
        chunk = content[at:at + generator.randint(1, max(1, len(content) // 3))]
        client.command(b"BDAT %d\r\n%s" % (len(chunk), chunk))
        at += len(chunk)
    client.command("BDAT 0 LAST")


@pytest.mark.parametrize("extensions", [ALL, [word for word in ALL if word != "CHUNKING"], ["8BITMIME"]],
                         ids=["out by BDAT", "out by DATA", "out lock-step"])
@pytest.mark.parametrize("send", [send_data, send_bdat], ids=["in by DATA", "in by BDAT"])
def test_bytes_are_equal(start, relay_to, send, extensions):
    sink = start(Sink, extensions=extensions)
    relay = relay_to(sink.address)
    contents = {name.replace(" ", "-"): content for name, content in AWKWARD.items()}
    contents |= {f"size-{size}": message(size, size) for size in (1, 4000, 4096, 65_536, 262_144, 262_145, 3_000_000)}
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for name, content in contents.items():
            client.command("MAIL FROM:<a@source.test> BODY=8BITMIME")
            client.command(f"RCPT TO:<{name}@destination.test>")
            send(client, content)
    stored = {copy["to"][0].split("@")[0]: copy for copy in sink.wait_messages(len(contents))}
    assert sorted(stored) == sorted(contents)
    different = [name for name, content in contents.items() if stored[name]["digest"] != digest(content)]
    assert not different
    by = "BDAT" if "CHUNKING" in extensions else "DATA"
    assert {copy["by"] for copy in stored.values()} == {by}
    relay.stop()


def test_after_a_restart_too(start, relay_to):
    """Bodies that come from the journal and from the store instead of memory."""
    sink = start(Sink, rules=[{"stage": "banner", "reply": "421 4.3.2 not yet", "close": True}])
    relay = relay_to(sink.address, queue={"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}})
    sizes = [10, 4096, 100_000, 300_000, 3_000_000]
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for size in sizes:
            client.mail("a@source.test", [f"size-{size}@destination.test"], message(size, size))
    relay.kill9()
    sink.end()
    sink.options["rules"] = []
    sink.start()
    relay.start()
    stored = {copy["to"][0].split("@")[0]: copy["digest"] for copy in sink.wait_messages(len(sizes))}
    assert stored == {f"size-{size}": digest(message(size, size)) for size in sizes}
    relay.stop()
