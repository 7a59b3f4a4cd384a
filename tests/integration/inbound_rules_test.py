"""What an inbound session answers to the letter: sequence, lengths, parameters, pipelining, BDAT, limits."""

import pytest
from support import place
from support.clients import RawClient
from support.mail import plain


@pytest.fixture
def client(relay_to, sink):
    relay = relay_to(sink.address, limits={"recipients": 100, "message_size": "1MiB", "hops": 100})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        yield client
        client.command("QUIT", 221)
    relay.stop()


def test_sequence(client):
    client.command("RCPT TO:<b@destination.test>", 503, "5.5.1")
    client.command("DATA", 503, "5.5.1")
    client.command("MAIL FROM:<a@source.test>")
    client.command("MAIL FROM:<a@source.test>", 503, "5.5.1")
    client.send("DATA")
    assert client.reply().code in (503, 554)
    client.command("RSET")
    client.command("RCPT TO:<b@destination.test>", 503, "5.5.1")


def test_small_commands(client):
    client.command("VRFY jack", 252)
    client.command("HELP", 214)
    client.command("NOOP ignored")
    client.send("FROBNICATE")
    assert client.reply().code in (500, 502)
    client.command("mail from:<a@source.test> size=100 body=8bitmime")
    client.command("rcpt to:<b@destination.test> notify=never orcpt=rfc822;b@destination.test")
    client.command("RSET")


@pytest.mark.parametrize("line, code", [
    ("MAIL FROM:a@source.test", 501), ("MAIL FROM:<a@source.test", 501), ("MAIL FROM:<a b@source.test>", 501),
    ("MAIL FROM:<a@source.test> SIZE=99999999999999999999", 501), ("MAIL FROM:<a@source.test> SIZE=1048577", 552),
    ("MAIL FROM:<a@source.test> WHAT=EVER", 555), ("MAIL FROM:<ä@source.test>", 553),
    ("MAIL FROM:<a@source.test> BODY=9BIT", 501), ("MAIL FROM:<a@source.test> RET=SOME", 501),
])
def test_bad_mail_commands(client, line, code):
    client.command(line, code)
    client.command("MAIL FROM:<a@source.test>")


def test_lengths(client):
    client.command("NOOP " + "x" * 5000, 500, "5.5.2")
    client.command(b"NOOP \x00\r\n", 500, "5.5.2")
    client.command("MAIL FROM:<a@source.test>")
    client.command("RCPT TO:<b@destination.test>")
    client.command("DATA", 354)
    client.command(b"Subject: x\r\n\r\n" + b"y" * 999 + b"\r\n.\r\n", 500, "5.2.3")
    client.command("MAIL FROM:<a@source.test>")
    client.command("RCPT TO:<b@destination.test>")
    client.command("DATA", 354)
    client.command(b"Subject: x\r\n\r\n" + b"text\x00\r\n.\r\n", 550, "5.6.0")


def test_recipients(client):
    client.command("MAIL FROM:<a@source.test>")
    for number in range(100):
        client.command(f"RCPT TO:<r{number}@destination.test>")
    client.command("RCPT TO:<one-more@destination.test>", 452, "4.5.3")
    client.command("DATA", 354)
    client.command(plain(1) + b".\r\n")


def test_size_is_enforced(client):
    client.command("MAIL FROM:<a@source.test>")
    client.command("RCPT TO:<b@destination.test>")
    client.command("DATA", 354)
    client.command(plain(1, 1_200_000) + b".\r\n", 552, "5.3.4")
    client.command("MAIL FROM:<a@source.test>")
    client.command("RCPT TO:<b@destination.test>")
    client.command(b"BDAT 1200000 LAST\r\n" + b"x" * 1_200_000, 552, "5.3.4")
    client.command("NOOP")


def test_loops(client):
    client.command("MAIL FROM:<a@source.test>")
    client.command("RCPT TO:<b@destination.test>")
    client.command("DATA", 354)
    client.command(b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 101 + plain(1) + b".\r\n", 554, "5.4.6")


def test_bdat(client):
    client.command("MAIL FROM:<a@source.test>")
    client.command("RCPT TO:<b@destination.test>")
    client.command(b"BDAT 5\r\nHello")
    client.command("MAIL FROM:<c@source.test>", 503, "5.5.1")
    client.command("DATA", 503, "5.5.1")
    client.command("RSET")
    client.command(b"BDAT 3 LAST\r\nabc", 503)
    client.command("NOOP")


def test_pipelined_group(client):
    client.send(b"MAIL FROM:<a@source.test>\r\nRCPT TO:<b@destination.test>\r\nRCPT TO:<bad>\r\nDATA\r\n")
    assert [client.reply().code for _ in range(4)] == [250, 250, 501, 354]
    client.send(b"Subject: x\r\n\r\ntext\r\n.\r\nMAIL FROM:<a@source.test>\r\nRSET\r\nNOOP\r\n")
    assert [client.reply().code for _ in range(4)] == [250, 250, 250, 250]


def test_malformed_bdat_closes(relay_to, sink):
    relay = relay_to(sink.address)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<b@destination.test>")
        client.command("BDAT twelve LAST", 521, "5.5.4")
        assert client.closed()
    relay.stop()


def test_idle_sessions_are_ended(relay_to, sink):
    relay = relay_to(sink.address, limits={"command_timeout": f"{2 * place.SLOWDOWN}s"})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.expect(421, "4.4.2")
        assert client.closed()
    relay.stop()
