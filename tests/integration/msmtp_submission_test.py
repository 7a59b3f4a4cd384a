"""msmtp (GnuTLS, GNU SASL) submits over TLS with the mechanisms that it knows."""

import subprocess

import pytest
from support import place
from support.mail import digest, message
from support.submission import MODES, PASSWORD, Submission, USER, WRONG

pytestmark = pytest.mark.once

NO_PERMISSION = 77  # EX_NOPERM
MECHANISMS = ["plain", "login", "scram-sha-256"]


def msmtp(relay, password: str, mechanism: str, content: bytes) -> subprocess.CompletedProcess:
    secret = relay.folder / "secret"
    secret.write_text(password + "\n")
    command = ["msmtp", "--file=/dev/null", "--debug", "--host=localhost", f"--port={relay.smtp[1]}", "--domain=client.test", "--set-date-header=off",
               "--tls=on", f"--tls-starttls={'on' if relay.mode == 'starttls' else 'off'}",
               f"--tls-trust-file={relay.authority.certificate}", f"--auth={mechanism}", f"--user={USER}",
               f"--passwordeval=cat {secret}", f"--from={USER}", "jill@hill.test"]
    return subprocess.run(command, input=content, capture_output=True, timeout=60 * place.SLOWDOWN)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("mode", MODES)
def test_logs_in_and_submits(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    content = message(5, 10_000)
    done = msmtp(relay, PASSWORD, mechanism, content.replace(b"\r\n", b"\n"))
    words = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, words
    for reply in ("<-- 235 2.7.0 ", "<-- 250 2.1.0 ", "<-- 250 2.0.0 queued as "):
        assert reply in words, words
    stored = relay.arrived(sink)
    assert stored["digest"] == digest(content) and stored["from"] == USER
    relay.stop()


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("mode", MODES)
def test_wrong_password(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    done = msmtp(relay, WRONG, mechanism, b"Subject: x\n\n")
    words = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == NO_PERMISSION and "<-- 535 5.7.8 " in words, words
    relay.nothing_came()
    relay.stop()
