"""Python's smtplib submits: several messages a session, several recipients, 8-bit, refused recipients."""

import smtplib
from email.message import EmailMessage

import pytest
from support import place
from support.mail import digest, message


def test_messages_of_one_session_arrive(relay_to, sink):
    relay = relay_to(sink.address)
    with smtplib.SMTP(*relay.smtp, timeout=30 * place.SLOWDOWN) as client:
        assert client.ehlo()[0] == 250
        for extension in ("pipelining", "size", "8bitmime", "chunking", "smtputf8", "enhancedstatuscodes", "dsn"):
            assert client.has_extn(extension), extension
        for number in range(20):
            client.sendmail("a@source.test", [f"r{number}@destination.test", f"s{number}@destination.test"],
                            message(number, 3000), mail_options=["BODY=8BITMIME"])
    stored = {m["number"]: m for m in sink.wait_messages(20)}
    assert sorted(stored) == list(range(20))
    for number, copy in stored.items():
        assert copy["digest"] == digest(message(number, 3000))
        assert sorted(copy["to"]) == [f"r{number}@destination.test", f"s{number}@destination.test"]
        assert "BODY=8BITMIME" in copy["parameters"]


def test_utf8_addresses_arrive(relay_to, sink):
    relay = relay_to(sink.address)
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "jäck@source.test", "jill@hügel.test", "Grüße"
    letter.set_content("Wasser")
    with smtplib.SMTP(*relay.smtp, timeout=30 * place.SLOWDOWN) as client:
        client.send_message(letter)
    (stored,) = sink.wait_messages(1)
    assert "SMTPUTF8" in stored["parameters"]
    assert stored["from"] == "jäck@source.test" and stored["to"] == ["jill@hügel.test"]


def test_what_is_too_large_is_refused_before_it_is_sent(relay_to, sink):
    relay = relay_to(sink.address, limits={"message_size": "64KiB"})
    with smtplib.SMTP(*relay.smtp, timeout=30 * place.SLOWDOWN) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "65536"
        with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            client.sendmail("a@source.test", ["b@destination.test"], message(1, 100_000))
        assert refusal.value.smtp_code == 552 and refusal.value.smtp_error.startswith(b"5.3.4")
