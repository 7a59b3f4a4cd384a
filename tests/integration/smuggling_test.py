"""Nothing is ever split, joined or relayed that was not submitted as such, through to real receivers.

End of data is CRLF.CRLF and nothing else (CVE-2023-51764, -51765, -51766). The matrix of support/smuggling.py goes to one relay,
which delivers to aiosmtpd and smtp-sink (by DATA), to our own sink (by BDAT) and to two of Postfix, by BDAT and by DATA (they need
root and are left out without). Each of them must have got exactly the messages that the matrix says, in these bytes.
"""

import os
import re
import socket
from collections import Counter

import pytest
from support.clients import RawClient
from support.mail import split_received
from support.place import wait_until
from support.postfix import Postfix
from support.relay import Relay
from support.sink import AioSink, Sink, SmtpSink
from support.smuggling import Matrix

CASE = re.compile(rb"Received: from c(\d+)\.test ")
SMTP_SINK_LINES = re.compile(rb"(?:X-[^\n]*\n)+")


def arrival(recipient: str, whole: str, others: int) -> tuple[int, bytes, bytes]:
    """The case's number by our Received:, which stands behind so many of other servers; local part; the content behind it."""
    data = whole.encode("latin-1")
    for _ in range(others):
        data = split_received(data)[1]
    ours, content = split_received(data)
    return int(CASE.match(ours)[1]), recipient.partition("@")[0].encode(), content


def closed(content: bytes) -> bytes:
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


class Receivers:
    """Each receiver's domain and what it has got: (case, local part, content) of each message."""

    def __init__(self, start):
        self.aio, self.smtp_sink, self.sink = start(AioSink), start(SmtpSink, dump=True), start(Sink, bodies=True)
        self.addresses = {"aiosmtpd.test": self.aio.address, "smtp-sink.test": self.smtp_sink.address,
                          "sink.test": self.sink.address}
        self.postfixes: dict[str, Postfix] = {}
        self.got = {"aiosmtpd.test": self.at_aiosmtpd, "smtp-sink.test": self.at_smtp_sink,
                    "sink.test": lambda: self.at_sink(self.sink, 0)}
        if os.getuid() == 0:
            self.add_postfix(start, "postfix.test")
            self.add_postfix(start, "postfix-data.test", smtpd_discard_ehlo_keywords="chunking")
        else:
            print("without root Postfix is left out")

    def add_postfix(self, start, domain: str, **settings: str) -> None:
        behind = start(Sink, bodies=True)
        postfix = start(Postfix, behind.address, local_header_rewrite_clients="", **settings)  # header fields stay as they are
        self.postfixes[domain] = postfix
        self.addresses[domain] = postfix.address
        self.got[domain] = lambda: self.at_sink(behind, 1)

    def wait_idle(self) -> None:
        """Until each Postfix has passed everything on; the others record before they answer."""
        for domain, postfix in self.postfixes.items():
            wait_until(postfix.idle, 30, f"an empty queue of {domain}")

    @staticmethod
    def at_sink(sink: Sink, others: int) -> list:
        return [arrival(m["to"][0], m["received"] + m["body"], others) for m in sink.messages()]

    def at_aiosmtpd(self) -> list:
        return [arrival(m["to"][0], m["content"], 0) for m in self.aio.messages()]

    def at_smtp_sink(self) -> list:
        """Its dumps have its own X- lines and Received: in front, LF for CRLF, and an empty line at the end."""
        found = []
        for dump in self.smtp_sink.stored():
            lines = SMTP_SINK_LINES.match(dump)
            to = re.search(rb"^X-Rcpt-Args: <(.*?)>", lines[0], re.MULTILINE)[1]
            whole = dump[lines.end():].removesuffix(b"\n").replace(b"\n", b"\r\n")
            found.append(arrival(to.decode(), whole.decode("latin-1"), 1))
        return found


def play(relay: Relay, number: int, case) -> str | None:
    """Sends the case; what was not as it should be."""
    with RawClient(relay.smtp) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # piece by piece also on the wire
        client.command(f"EHLO c{number}.test")
        for sent, answers in case.steps:
            for piece in sent if isinstance(sent, list) else [sent]:
                client.send(piece)
            got = [f"{reply.code} {reply.lines[0]}" for reply in (client.reply() for _ in answers)]
            got = [re.sub(r"queued as [0-9A-Z]{26}$", "queued as ID", line) for line in got]
            if got != answers:
                return f"{case.name}: {got} instead of {answers}"
        if not case.closes:
            client.command("QUIT", 221)  # the dialogue is in step: no reply was left over
        return None if client.closed() else f"{case.name}: is not closed"


@pytest.mark.deadline(400)
def test_nothing_is_split_joined_or_smuggled(start):
    receivers = Receivers(start)
    relay = start(Relay, {"route": [{"domains": [domain], "to": [address]} for domain, address in receivers.addresses.items()]})
    cases = Matrix(list(receivers.addresses)).cases
    wrong = [fault for number, case in enumerate(cases) if (fault := play(relay, number, case))]
    assert not wrong, "\n".join(wrong)
    submitted = [(number, to, content) for number, case in enumerate(cases) for to, content in case.arrives.items()]
    assert relay.received() == len(submitted)
    relay.wait_idle()
    receivers.wait_idle()
    for domain, got in receivers.got.items():
        arrived = Counter(got())
        # A last line without an end gets one, by DATA from us, in Postfix from itself.
        expected = Counter((number, to, content if domain == "sink.test" else closed(content))
                           for number, to, content in submitted)
        wrong = [f"{domain}: {cases[number].name}, to {to}: {count} times {content[:200]!r} (its first 200 octets)"
                 for what in (arrived - expected, expected - arrived) for (number, to, content), count in what.items()]
        assert not wrong, "\n".join(["came and should not, or should and did not:", *wrong[:20]])
    assert {message["by"] for message in receivers.sink.messages()} == {"BDAT"}
    for domain, postfix in receivers.postfixes.items():
        assert ("discarding EHLO keywords: CHUNKING" in postfix.log()) == (domain == "postfix-data.test"), "by DATA or by BDAT"
    relay.stop()
    print(f"{len(cases)} cases, {len(submitted)} messages at each of {', '.join(receivers.got)}")
