"""End of data is CRLF.CRLF and nothing else (CVE-2023-51764, -51765, -51766): no smuggled message, no confusion.

A bare CR or LF in a body is read to the true end and refused; bytes that wait where none may are an error.
"""

import pytest
from support.clients import RawClient

ENDS = [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n\n.\r\n", b"\r\n\x00.\r\n", b"\r\r\n.\r\r\n"]
SMUGGLED = b"MAIL FROM:<evil@source.test>\r\nRCPT TO:<victim@destination.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nboo\r\n.\r\n"


@pytest.mark.parametrize("end", ENDS, ids=[repr(end)[2:-1] for end in ENDS])
def test_only_the_true_end_ends(relay_to, sink, end):
    relay = relay_to(sink.address)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<b@destination.test>")
        client.command("DATA", 354)
        client.send(b"Subject: outer\r\n\r\ntext" + end + SMUGGLED)
        reply = client.reply()
        assert reply.code == 550 and reply.lines[0].startswith("5."), client.story()
        client.command("NOOP")  # the session is alive and the dialogue in step
        client.mail("a@source.test", ["c@destination.test"], b"Subject: good\r\n\r\ntext\r\n")
        client.command("QUIT", 221)
    (stored,) = sink.wait_messages(1)
    assert stored["to"] == ["c@destination.test"] and "Subject: good" in stored["body"]
    assert relay.received() == 1
    relay.stop()


def test_input_behind_data_is_refused(relay_to, sink):
    relay = relay_to(sink.address)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<b@destination.test>")
        client.send(b"DATA\r\nSubject: too early\r\n\r\ntext\r\n.\r\n")
        client.expect(554, "5.5.0")
        assert client.closed()
    with RawClient(relay.smtp) as client:
        client.send(b"EHLO client.test\r\nMAIL FROM:<a@source.test>\r\n")
        client.expect(554, "5.5.0")
        assert client.closed()
    assert relay.received() == 0
    relay.stop()


def test_we_never_send_what_could_smuggle(relay_to, sink):
    """BDAT may carry a dot line: it is stuffed when it leaves by DATA."""
    sink.end()
    sink.options["extensions"] = ["8BITMIME"]
    sink.start()
    relay = relay_to(sink.address)
    body = b"Subject: dots\r\n\r\n.\r\n" + SMUGGLED
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<b@destination.test>")
        client.command(b"BDAT %d LAST\r\n%s" % (len(body), body))
    (stored,) = sink.wait_messages(1)
    assert stored["body"].encode("latin-1") == body
    relay.stop()
