"""openssl s_client: versions, certificates by kind of key, resumption, and a submission typed by hand."""

import base64
import re
import subprocess

import pytest
from support import place
from support.submission import MODES, PASSWORD, Submission, USER, WRONG

pytestmark = pytest.mark.once


def command(relay, *options: str) -> list[str]:
    how = ["-starttls", "smtp", "-name", "client.test"] if relay.mode == "starttls" else []
    return ["timeout", f"{30 * place.SLOWDOWN}", "openssl", "s_client", "-connect", f"{relay.smtp[0]}:{relay.smtp[1]}", *how,
            "-servername", "relay.test", "-verify_return_error", "-verify_hostname", "relay.test",
            "-CAfile", str(relay.authority.certificate), *map(str, options)]


def s_client(relay, *options: str, say: str = "QUIT\r\n") -> subprocess.CompletedProcess:
    """Says this after the handshake, and reads until the relay closes."""
    return subprocess.run(command(relay, "-ign_eof", *options), input=say, capture_output=True, text=True)


def typed(relay, *lines: str, options: tuple = ()) -> list[str]:
    """Line for line, each after the reply to the one before; the replies."""
    errors = relay.folder / "s_client.err"
    with open(errors, "wb") as output, \
         subprocess.Popen(command(relay, "-quiet", *options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output) as client:
        def reply() -> str:
            line = b""
            while line[3:4] != b" ":
                line = client.stdout.readline()
                assert line.endswith(b"\r\n"), f"{line!r}: the connection ended\n{place.tail(errors)}"
            return line.decode().rstrip()

        if relay.mode == "implicit":
            assert reply().startswith("220 ")  # else s_client has read it
        replies = []
        for line in lines:
            client.stdin.write(line.encode() + b"\r\n")
            client.stdin.flush()
            replies.append(reply())
        client.stdin.close()
        client.wait(30 * place.SLOWDOWN)
    return replies


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(params=MODES)
def relay(request, start, sink):
    return start(Submission, request.param, sink.address)


@pytest.mark.parametrize("version, shown", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_a_message_typed_by_hand(relay, sink, version, shown):
    replies = typed(relay, "EHLO client.test", "AUTH PLAIN " + encoded(f"\0{USER}\0{PASSWORD}"), f"MAIL FROM:<{USER}>",
                    "RCPT TO:<jill@hill.test>", "DATA", "Subject: by hand\r\n\r\ntext\r\n.", "QUIT", options=(version,))
    assert [reply[:9] for reply in replies[1:]] == ["235 2.7.0", "250 2.1.0", "250 2.1.5", "354 End d", "250 2.0.0", "221 2.0.0"]
    assert "Subject: by hand\r\n\r\ntext\r\n" in relay.arrived(sink, version=shown)["body"]
    relay.stop()


def test_login_typed_by_hand(relay, sink):
    replies = typed(relay, "EHLO client.test", "AUTH LOGIN", encoded(USER), encoded(PASSWORD), "QUIT")
    assert [reply.split()[0] for reply in replies[1:]] == ["334", "334", "235", "221"]
    assert replies[1:3] == ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]
    relay.stop()


def test_wrong_password(relay):
    replies = typed(relay, "EHLO client.test", "AUTH PLAIN " + encoded(f"\0{USER}\0{WRONG}"), f"MAIL FROM:<{USER}>",
                    "RCPT TO:<jill@hill.test>", "QUIT")
    assert [reply[:9] for reply in replies[1:]] == ["535 5.7.8", "250 2.1.0", "550 5.7.1", "221 2.0.0"]
    relay.nothing_came()
    relay.stop()


@pytest.mark.parametrize("options", [["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA"], ["-tls1_2", "-cipher", "kRSA"],
                                     ["-tls1_2", "-cipher", "ECDHE+SHA"]], ids=" ".join)
def test_what_is_old_is_refused(relay, options):
    # The client lowers its own guard; only the server's is left.
    done = s_client(relay, *options[:1], "-cipher", (options[2] if len(options) > 2 else "ALL") + ":@SECLEVEL=0")
    assert done.returncode != 0 and "alert" in done.stdout + done.stderr, done.stdout + done.stderr
    assert "Cipher is (NONE)" in done.stdout
    relay.stop()


@pytest.mark.parametrize("algorithms, kind", [("rsa_pss_rsae_sha256", "RSA-PSS"), ("ecdsa_secp256r1_sha256", "ECDSA")])
def test_the_certificate_fits_what_the_client_can_verify(relay, algorithms, kind):
    done = s_client(relay, "-sigalgs", algorithms)
    assert done.returncode == 0 and f"Peer signature type: {kind}" in done.stdout, done.stdout + done.stderr
    relay.stop()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed(relay, version):
    kept = relay.folder / "session.pem"
    first = s_client(relay, version, "-sess_out", kept)
    assert first.returncode == 0 and re.search(r"^New, TLS", first.stdout, re.MULTILINE), first.stdout + first.stderr
    second = s_client(relay, version, "-sess_in", kept)
    assert second.returncode == 0 and re.search(r"^Reused, TLS", second.stdout, re.MULTILINE), second.stdout + second.stderr
    relay.stop()


def test_no_renegotiation(relay):
    # Without -ign_eof a line that begins with "R" asks for it.
    how = ["-starttls", "smtp"] if relay.mode == "starttls" else []
    done = subprocess.run(["openssl", "s_client", "-connect", f"{relay.smtp[0]}:{relay.smtp[1]}", "-tls1_2", *how], input="R\n",
                          capture_output=True, text=True, timeout=30 * place.SLOWDOWN)
    words = done.stdout + done.stderr
    # s_client may leave before the refusal has come; a second handshake would show a certificate again.
    assert "RENEGOTIATING" in words, words
    asked = done.stderr.partition("RENEGOTIATING")[2]
    assert "depth=" not in asked and "verify return" not in asked, words
    relay.stop()
