"""Python's smtplib submits over TLS with every mechanism that it knows, and hears it when the password is wrong."""

import contextlib
import smtplib
import ssl

import pytest
from support import place
from support.mail import digest, message
from support.submission import MODES, PASSWORD, Submission, USER, WRONG


@contextlib.contextmanager
def connected(relay):
    context = ssl.create_default_context(cafile=str(relay.authority.certificate))
    if relay.mode == "implicit":
        with smtplib.SMTP_SSL("localhost", relay.smtp[1], timeout=30 * place.SLOWDOWN, context=context) as client:
            yield client
    else:
        with smtplib.SMTP("localhost", relay.smtp[1], timeout=30 * place.SLOWDOWN) as client:
            client.ehlo()
            assert not client.has_extn("auth"), "AUTH is offered without TLS"
            assert client.starttls(context=context)[0] == 220
            client.ehlo()
            assert not client.has_extn("starttls")
            yield client


@pytest.mark.parametrize("initial", [True, False], ids=["initial-response", "challenge"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("mode", MODES)
def test_logs_in_and_submits(start, sink, mode, mechanism, initial):
    relay = start(Submission, mode, sink.address)
    content = message(1, 20_000)
    with connected(relay) as client:
        client.ehlo_or_helo_if_needed()
        assert {"PLAIN", "LOGIN", "SCRAM-SHA-256"} == set(client.esmtp_features["auth"].split())
        client.user, client.password = USER, PASSWORD
        answer = getattr(client, "auth_" + mechanism.lower())
        code, text = client.auth(mechanism, answer, initial_response_ok=initial)
        assert code == 235 and text.startswith(b"2.7.0")
        client.sendmail(USER, ["jill@hill.test"], content, mail_options=["BODY=8BITMIME"])
    stored = relay.arrived(sink)
    assert stored["digest"] == digest(content) and stored["from"] == USER
    relay.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("mode", MODES)
def test_wrong_password(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    with connected(relay) as client:
        client.ehlo_or_helo_if_needed()
        client.user, client.password = USER, WRONG
        with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
            client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()))
        assert refusal.value.smtp_code == 535 and refusal.value.smtp_error.startswith(b"5.7.8")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            client.sendmail(USER, ["jill@hill.test"], b"x")
        assert refusal.value.recipients["jill@hill.test"][0] == 550
    relay.nothing_came()
    relay.stop()
