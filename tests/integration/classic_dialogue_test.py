"""The classic dialogue, word by word, through to what the peer stored."""

from support.clients import RawClient
from support.mail import digest

LETTER = b"Subject: the hill\r\n\r\nDo you fetch the water?\r\n.. and the pail\r\n"


def test_jack_writes_to_jill(relay_to, sink):
    relay = relay_to(sink.address)
    with RawClient(relay.smtp, banner=220) as client:
        client.command("HELO town.com", 250)
        client.command("MAIL FROM:<jack@town.com>", 250)
        client.command("RCPT TO:<jill@hill.com>", 250)
        client.command("DATA", 354)
        client.send(b"Subject: the hill\r\n\r\nDo you fetch the water?\r\n... and the pail\r\n")
        queued = client.command(".", 250)
        client.command("QUIT", 221)
        assert client.closed()
    (stored,) = sink.wait_messages(1)
    assert stored["from"] == "jack@town.com"
    assert stored["to"] == ["jill@hill.com"]
    assert stored["digest"] == digest(LETTER)
    queue_id = queued.text.split("queued as ")[1]
    received = stored["received"]
    assert "town.com" in received and "127.0.0.1" in received and "relay.test" in received
    assert queue_id in received and "with SMTP" in received
    relay.stop()
