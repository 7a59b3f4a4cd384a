"""swaks submits over TLS with the mechanisms that it knows."""

import subprocess

import pytest
from support import place
from support.submission import MODES, PASSWORD, Submission, USER, WRONG

pytestmark = pytest.mark.once

TLS = {"starttls": "--tls", "implicit": "--tls-on-connect"}


def swaks(relay, password: str, mechanism: str) -> subprocess.CompletedProcess:
    command = ["swaks", "--server", "127.0.0.1", "--port", str(relay.smtp[1]), TLS[relay.mode], "--tls-verify",
               "--tls-ca-path", relay.authority.certificate, "--tls-sni", "relay.test", "--helo", "client.test",
               "--auth", mechanism, "--auth-user", USER, "--auth-password", password,
               "--from", USER, "--to", "jill@hill.test", "--header", "Subject: by swaks", "--body", "first\n.dot\nlast"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60 * place.SLOWDOWN, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("mode", MODES)
def test_logs_in_and_submits(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    done = swaks(relay, PASSWORD, mechanism)
    assert done.returncode == 0, done.stdout + done.stderr
    for reply in ("<~  235 2.7.0 ", "<~  250 2.1.0 ", "<~  250 2.0.0 queued as "):
        assert reply in done.stdout, done.stdout
    stored = relay.arrived(sink)
    assert stored["to"] == ["jill@hill.test"] and "first\r\n.dot\r\nlast\r\n" in stored["body"]
    relay.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("mode", MODES)
def test_wrong_password(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    done = swaks(relay, WRONG, mechanism)
    assert done.returncode == 28 and "<~* 535 5.7.8 " in done.stdout, done.stdout + done.stderr
    relay.nothing_came()
    relay.stop()


def test_a_mechanism_that_nobody_offered(start, sink):
    relay = start(Submission, "implicit", sink.address)
    done = swaks(relay, PASSWORD, "CRAM-MD5")
    assert done.returncode != 0 and "AUTH" not in [line.split(" ")[2] for line in done.stdout.splitlines() if line.startswith(" ~> ")]
    relay.nothing_came()
    relay.stop()
