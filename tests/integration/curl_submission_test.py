"""curl submits over TLS with the mechanisms that it knows."""

import subprocess

import pytest
from support import place
from support.mail import digest, message
from support.submission import MODES, PASSWORD, Submission, USER, WRONG

pytestmark = pytest.mark.once

LOGIN_DENIED = 67


def mechanisms() -> list[str]:
    """Those of ours that this curl has: SCRAM only where it was built with gsasl."""
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True, timeout=30).stdout
    return ["PLAIN", "LOGIN"] + ["SCRAM-SHA-256"] * ("gsasl" in told)


def curl(relay, password: str, mechanism: str, content: bytes) -> subprocess.CompletedProcess:
    scheme = {"starttls": "smtp", "implicit": "smtps"}[relay.mode]
    command = ["curl", "--silent", "--show-error", "--verbose", "--ssl-reqd", "--cacert", relay.authority.certificate,
               "--url", f"{scheme}://localhost:{relay.smtp[1]}/client.test", "--login-options", f"AUTH={mechanism}",
               "--mail-from", USER, "--mail-rcpt", "jill@hill.test", "--mail-rcpt", "joe@hill.test", "--upload-file", "-",
               "--user", f"{USER}:{password}"]
    return subprocess.run(command, input=content, capture_output=True, timeout=60 * place.SLOWDOWN)


@pytest.mark.parametrize("mechanism", mechanisms())
@pytest.mark.parametrize("mode", MODES)
def test_logs_in_and_submits(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    content = message(3, 50_000)
    done = curl(relay, PASSWORD, mechanism, content)
    words = done.stderr.decode(errors="replace")
    assert done.returncode == 0, words
    for reply in ("< 235 2.7.0 ", "< 250 2.1.0 ", "< 250 2.0.0 queued as "):
        assert reply in words, words
    stored = relay.arrived(sink)
    assert stored["digest"] == digest(content) and stored["to"] == ["jill@hill.test", "joe@hill.test"]
    relay.stop()


@pytest.mark.parametrize("mechanism", mechanisms())
@pytest.mark.parametrize("mode", MODES)
def test_wrong_password(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    done = curl(relay, WRONG, mechanism, b"Subject: x\r\n\r\n")
    assert done.returncode == LOGIN_DENIED and b"< 535 5.7.8 " in done.stderr, done.stderr
    relay.nothing_came()
    relay.stop()


def test_a_certificate_of_somebody_else_is_found_out(start, sink):
    relay = start(Submission, "implicit", sink.address)
    done = subprocess.run(["curl", "--silent", "--show-error", "--url", f"smtps://localhost:{relay.smtp[1]}"], capture_output=True,
                          timeout=60 * place.SLOWDOWN)
    assert done.returncode == 60, done.stderr  # CURLE_PEER_FAILED_VERIFICATION
    relay.wait_log(lambda e: e["type"] == "rejection")  # and we say that somebody broke off
    relay.stop()
