"""TLS of `bench send` and `bench sink`, against each other and against openssl, Python's smtplib and aiosmtpd."""

import contextlib
import shutil
import smtplib
import socket
import ssl
import subprocess

import pytest
from support import place
from support.bench import BenchSink, bench
from support.clients import RawClient, swaks
from support.sink import AioSink

pytestmark = pytest.mark.once

MODES = ["starttls", "implicit"]
MESSAGE = "Subject: x\r\n\r\nhello\r\n.\r\n"


def address(sink) -> tuple[str, int]:
    host, _, port = sink.smtp[0].rpartition(":")
    return host, int(port)


def given(pair):
    return ["--certificate", str(pair.chain), "--key", str(pair.key)]


@pytest.mark.parametrize("mode", MODES)
def test_everything_arrives_and_sessions_are_resumed(start, authority, mode):
    pair = authority.issue("mx", "DNS:*.example.test")
    sink = start(BenchSink, "--tls", mode, *given(pair), "--shards", "2", "--expect", "1200")
    sent = []
    for more in (["--pipelining", "--chunking"], ["--tls-1.2"], ["--no-tls-resumption"]):
        sent.append(bench("send", "--to", sink.smtp[0], "--tls", mode, "--ca", authority.certificate, "--tls-name", "mx0.example.test",
                          "--messages", 400, "--sessions", 4, "--messages-per-session", 10, "--size", "1KiB-200KiB", *more))
    got = sink.result()
    assert (got["lost"], got["duplicated"], got["damaged"], got["foreign"]) == (0, 0, 0, 0)
    assert got["unique"] == sum(run["accepted"] for run in sent) == 1200
    for run, version in zip(sent, ("TLSv1.3", "TLSv1.2", "TLSv1.3")):
        tls = run["tls"]
        assert (tls["mode"], tls["failed"], run["errors"]) == (mode, 0, [])
        assert tls["full"]["count"] + tls["resumed"]["count"] == run["connections"] >= 40
        assert all(cipher.split()[0] == version for cipher in tls["ciphers"])
        assert list(tls["verification"]) == ["ok"]
    assert all(run["tls"]["full"]["count"] <= 4 for run in sent[:2])  # the first ones, at the same time
    assert sent[2]["tls"]["resumed"]["count"] == 0
    assert got["tls"]["resumed"]["count"] >= 70 and set(cipher.split()[0] for cipher in got["tls"]["ciphers"]) == {"TLSv1.2", "TLSv1.3"}


def test_what_a_certificate_is_worth(start, authority, folder):
    good, expired, rsa = authority.issue("good.test"), authority.issue("old.test", expired=True), authority.issue("rsa.test", rsa=True)
    for pair, name, verdict in ((good, "good.test", "ok"), (rsa, "rsa.test", "ok"), (good, "other.test", "hostname mismatch"),
                                (expired, "old.test", "certificate has expired"), (None, "mx0.example.test", "self-signed certificate"),
                                (None, None, "self-signed certificate")):
        sink = start(BenchSink, "--tls", "implicit", *(given(pair) if pair else []))
        options = ["--to", sink.smtp[0], "--tls", "implicit", "--messages", 3, "--sessions", 1]
        options += ["--tls-name", name] if name else []
        measured = bench("send", *options)  # whatever it is worth
        assert measured["accepted"] == 3 and "ok" not in measured["tls"]["verification"]
        judged = bench("send", *options, "--ca", authority.certificate, code=0 if verdict == "ok" else 1)
        assert judged["accepted"] == (3 if verdict == "ok" else 0)
        assert verdict == "ok" or verdict in judged["trouble"]
        sink.stop()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_smtplib(start, authority, version):
    pair = authority.issue("sink.test", "IP:127.0.4.1")
    context = ssl.create_default_context(cafile=authority.certificate)
    context.minimum_version = context.maximum_version = version
    for mode in MODES:
        sink = start(BenchSink, "--tls", mode, *given(pair))
        timeout = 20 * place.SLOWDOWN
        if mode == "starttls":
            client = smtplib.SMTP(*address(sink), local_hostname="client.test", timeout=timeout)
            client.ehlo()
            assert client.has_extn("starttls")
            client.starttls(context=context)
        else:
            client = smtplib.SMTP_SSL(*address(sink), local_hostname="client.test", timeout=timeout, context=context)
        with client:
            client.ehlo()
            assert not client.has_extn("starttls")
            for size in (10, 100_000, 3_000_000):
                client.sendmail("a@source.test", ["b@d000.example.test"], b"Subject: x\r\n\r\n" + b"0123456789\r\n" * (size // 12))
        if mode == "starttls":  # it only offers it
            assert "250 2.0.0 Ok" in swaks(address(sink), "--from", "a@source.test", "--to", "b@d000.example.test")
        got = sink.stop()
        assert got["messages"] == (4 if mode == "starttls" else 3)
        assert got["tls"]["full"]["count"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_aiosmtpd(start, authority, mode):
    pair = authority.issue("aio.test", "IP:127.0.0.1")
    sink = start(AioSink, tls=(mode, *pair))
    sent = bench("send", "--to", sink.address, "--tls", mode, "--ca", authority.certificate, "--messages", 60, "--sessions", 3,
                 "--messages-per-session", 5, "--size", "1KiB-300KiB")
    stored = sink.wait_messages(60)
    assert sent["accepted"] == len(stored) == 60 and all(copy["tls"] for copy in stored)
    assert sent["tls"]["failed"] == 0 and list(sent["tls"]["verification"]) == ["ok"]


def s_client(sink, *options, say="QUIT\n") -> str:
    """openssl s_client; what it says, errors included."""
    done = subprocess.run(["openssl", "s_client", "-connect", sink.smtp[0], "-crlf", "-ign_eof", *map(str, options)], input=say.encode(),
                          capture_output=True, timeout=60 * place.SLOWDOWN)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def test_openssl_s_client(start, authority, folder):
    pair = authority.issue("mx.test")
    sink = start(BenchSink, "--tls", "starttls", *given(pair))
    starttls = ["-starttls", "smtp"]
    verified = s_client(sink, *starttls, "-CAfile", authority.certificate, "-verify_return_error", "-verify_hostname", "mx.test",
                        "-servername", "mx.test", "-sess_out", folder / "session")
    assert "Verify return code: 0 (ok)" in verified and "221 2.0.0" in verified
    assert "Compression: NONE" in verified and "Secure Renegotiation IS NOT supported" in verified  # TLS 1.3 has none
    resumed = s_client(sink, *starttls, "-sess_in", folder / "session")
    assert "Reused, TLSv1.3" in resumed and "221 2.0.0" in resumed
    assert "Secure Renegotiation IS supported" in s_client(sink, *starttls, "-tls1_2")
    for old in ("-tls1", "-tls1_1"):
        refused = s_client(sink, *starttls, old, "-cipher", "DEFAULT@SECLEVEL=0")
        assert "alert protocol version" in refused and "Cipher is (NONE)" in refused
    assert "alert handshake failure" in s_client(sink, *starttls, "-tls1_2", "-cipher", "AES128-SHA,ECDHE-ECDSA-AES128-SHA")
    # "R" at the beginning of a line asks for a new handshake: refused, and the dialogue goes on.
    again = subprocess.run(["openssl", "s_client", "-connect", sink.smtp[0], *starttls, "-tls1_2", "-crlf"], input=b"R\nQUIT\n",
                           capture_output=True, timeout=60 * place.SLOWDOWN)
    assert b"no renegotiation" in again.stderr
    got = sink.stop()
    assert got["tls"]["failed"] == 3 and got["tls"]["resumed"]["count"] == 1


def test_nothing_is_injected(start):
    sink = start(BenchSink, "--tls", "starttls")
    with RawClient(address(sink)) as client:
        client.send("EHLO client.test")
        assert "STARTTLS" in client.expect(250).lines
        client.send(b"STARTTLS\r\nMAIL FROM:<injected@source.test>\r\n")
        client.expect(554, "5.5.0")
        with pytest.raises(ConnectionError):
            client.line()
    with RawClient(address(sink)) as client:
        client.send("EHLO client.test")
        client.expect(250)
        client.send("STARTTLS now")
        client.expect(501)
        client.send("STARTTLS")
        client.expect(220)
        client.send("EHLO client.test")  # in plain: no TLS, so the end
        with contextlib.suppress(ConnectionError):
            while client.socket.recv(4096):
                pass
    got = sink.stop()
    assert got["messages"] == 0 and got["tls"]["failed"] == 1


@pytest.mark.parametrize("options, what", [
    (["--certificate", "/nowhere.pem", "--key", "/nowhere.key"], "/nowhere.pem"),
    (["--certificate", "CA", "--key", "CA"], "no private key"),
    (["--certificate", "CA", "--key", "OTHER"], "does not belong"),
    (["--certificate", "CA"], "--key"),
])
def test_bad_files_are_named(authority, options, what):
    other = authority.issue("other.test").key
    paths = {"CA": str(authority.certificate), "OTHER": str(other)}
    done = subprocess.run([place.PROGRAM, "bench", "sink", "--listen", "127.0.0.1:0", "--tls", "implicit", *(paths.get(o, o) for o in options)],
                          capture_output=True, text=True, timeout=60 * place.SLOWDOWN, stdin=subprocess.DEVNULL)
    assert done.returncode != 0 and what in done.stderr, done.stderr


def test_no_tls_where_none_is_spoken(start):
    sink = start(BenchSink)
    by_starttls = bench("send", "--to", sink.smtp[0], "--tls", "starttls", "--messages", 1, "--sessions", 1, code=1)
    assert "STARTTLS" in by_starttls["trouble"]
    with socket.socket() as silent:  # takes connections, says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host, port = silent.getsockname()
        late = bench("send", "--to", f"{host}:{port}", "--tls", "implicit", "--duration", "1s", "--timeout", "300ms", "--sessions", 1, code=1)
        assert late["accepted"] == 0 and "timed out" in late["trouble"] and late["errors"][0]["at"] == "tls"
    assert shutil.which("openssl")
