"""A scripted `bench sink` as smtplib and swaks see it: each stage and domain misbehaves as told, the others do not."""

import smtplib
import subprocess
import time

import pytest
from support import place
from support.bench import BenchSink
from support.clients import RawClient, swaks

pytestmark = pytest.mark.once

SCRIPT = """
connect 127.0.4.2: 554 5.3.2 closed today
rcpt d001: 550 5.1.1 nobody
rcpt d002,busy.test: 451 4.2.0 mailbox busy
data d003: 450 4.3.0 no content now
end-of-data d004: 552 5.2.2 full
end-of-data d005: disconnect
end-of-data d006: delay 300ms-400ms
rcpt d007: tarpit 10ms 421 4.3.2 slowly
end-of-data d008: stall
""".strip().splitlines()


@pytest.fixture
def sink(start):
    return start(BenchSink, *[word for rule in SCRIPT for word in ("--script", rule)])


def send(sink, domain, timeout=20.0):
    host, _, port = sink.smtp[0].rpartition(":")
    with smtplib.SMTP(host, int(port), local_hostname="client.test", timeout=timeout * place.SLOWDOWN) as client:
        client.sendmail("a@source.test", f"b@{domain}", "Subject: x\r\n\r\nhello\r\n")


def refused_at_rcpt(sink, domain):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(sink, domain)
    return refusal.value.recipients[f"b@{domain}"]


def test_every_stage(sink):
    host, _, port = sink.smtp[0].rpartition(":")
    assert "250 2.0.0 Ok" in swaks((host, int(port)), "--from", "a@source.test", "--to", "b@d000.example.test")
    assert refused_at_rcpt(sink, "d001.example.test") == (550, b"5.1.1 nobody")
    assert refused_at_rcpt(sink, "D002.Example.test") == refused_at_rcpt(sink, "busy.test") == (451, b"4.2.0 mailbox busy")
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        send(sink, "d003.example.test")
    assert refusal.value.smtp_code == 450
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        send(sink, "d004.example.test")
    assert (refusal.value.smtp_code, refusal.value.smtp_error) == (552, b"5.2.2 full")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(sink, "d005.example.test")
    begun = time.monotonic()
    send(sink, "d006.example.test")
    assert time.monotonic() - begun >= 0.3
    begun = time.monotonic()
    assert refused_at_rcpt(sink, "d007.example.test") == (421, b"4.3.2 slowly")
    assert time.monotonic() - begun >= 0.01 * len("421 4.3.2 slowly\r\n")
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected), match="timed out"):
        send(sink, "d008.example.test", timeout=5)
    with pytest.raises(smtplib.SMTPConnectError) as refusal:
        host, _, port = sink.smtp[1].rpartition(":")
        smtplib.SMTP(host, int(port))
    assert (refusal.value.smtp_code, refusal.value.smtp_error) == (554, b"5.3.2 closed today")

    got = sink.stop()
    assert (got["messages"], got["foreign"], got["refused"]) == (2, 2, 0)  # those for d000 and d006
    assert got["script"] == {
        "connect": {"rejected": 1},
        "rcpt": {"rejected": 1, "deferred": 3, "slowed": 1},
        "data": {"deferred": 1},
        "end-of-data": {"rejected": 1, "disconnected": 1, "stalled": 1, "slowed": 1},
    }
    assert [domain["name"] for domain in got["domains"]["top"]] == ["d000.example.test", "d006.example.test"]


def test_a_421_closes(sink):
    host, _, port = sink.smtp[0].rpartition(":")
    with RawClient((host, int(port))) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<b@d007.example.test>", 421)
        assert client.closed()


def test_a_wrong_rule_is_explained():
    done = subprocess.run([place.PROGRAM, "bench", "sink", "--listen", "127.0.0.1:0", "--script", "rctp: 451"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "script rule 'rctp: 451': 'rctp' is no stage; there are connect, ehlo, mail, rcpt" in done.stdout + done.stderr
