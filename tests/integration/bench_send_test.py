"""`bench send` against aiosmtpd, which asks for AUTH, and against `bench sink`, which accounts for mixes, files and domains."""

import re
import subprocess

import pytest
from support import place
from support.bench import BenchSink, bench
from support.sink import AioSink

FILES = {
    "dots.eml": b"Subject: dots\n\n.\n..\n.leading\nno end",
    "crlf.eml": b"Subject: crlf\r\nX-Folded: a\r\n b\r\n\r\nline\r\n\r\n",
    "eight.eml": "Subject: gr\u00fc\u00dfe\n\nna\u00efve\n".encode(),
    "long.eml": b"Subject: long\n\n" + b"x" * 998 + b"\n" + b".y\n" * 50_000,
    "header.eml": b"Subject: only a header\n",
}


def as_sent(text: bytes) -> bytes:
    """A file with the line ends that SMTP wants, and the empty line that ends a header."""
    text = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    text = text if text.endswith(b"\r\n") else text + b"\r\n"
    return text if b"\r\n\r\n" in text else text + b"\r\n"


@pytest.fixture
def mails(folder):
    place_of_mails = folder / "mails"
    place_of_mails.mkdir()
    for name, text in FILES.items():
        (place_of_mails / name).write_bytes(text)
    (place_of_mails / "notes.txt").write_text("no message")
    return place_of_mails


@pytest.mark.once
def test_mix_files_and_many_domains(start, mails):
    recipients, mixed, real = 3, 1500, 300
    sink = start(BenchSink, "--listen", "[::1]:0", "--expect", str(recipients * mixed + 4 * real), domains=100_000)
    sent = [bench("send", "--to", sink.smtp[0], "--messages", mixed, "--size", "1KiB-16KiB:80,100KiB:19,3MiB:1", "--domains", 100_000, "--zipf", 1.0,
                  "--recipients", recipients, "--shards", 2, "--sessions", 20)]
    for flags in ([], ["--pipelining"], ["--chunking"], ["--pipelining", "--chunking", "--messages-per-session", 7]):
        sent.append(bench("send", "--to", sink.smtp[-1], "--messages", real, "--file", mails, "--sessions", 5, "--domains", 100_000, *flags))
    got = sink.result()
    assert (got["lost"], got["duplicated"], got["damaged"], got["foreign"]) == (0, 0, 0, 0)
    assert got["unique"] == sum(run["accepted_recipients"] for run in sent) == recipients * mixed + 4 * real
    assert got["bytes"] == sum(run["bytes"] for run in sent)
    assert all(run["errors"] == [] and run["complete"] for run in sent)
    copies = [domain["copies"] for domain in got["domains"]["top"]]
    assert got["domains"]["top"][0]["name"].startswith("d00000.")
    assert got["domains"]["elsewhere_copies"] == 0 and got["domains"]["seen"] > 1000
    assert copies[0] > 200 > copies[9] > copies[99]  # 372, 37 and 4 are expected by Zipf's law


@pytest.mark.once
def test_files_arrive_as_they_are_after_auth(start, mails, folder):
    secret = folder / "secret"
    secret.write_text("me:top:secret\n")
    for mechanisms in ("PLAIN,LOGIN", "LOGIN"):
        sink = start(AioSink, "me", "top:secret", mechanisms)
        sent = bench("send", "--to", sink.address, "--auth-file", secret, "--file", mails, "--messages", 60, "--sessions", 3,
                     "--recipient", "r0@jill.test", "--recipient", "r1@jack.test", "--from", "me@here.test", "--helo", "here.test")
        stored = sink.wait_messages(60)
        assert sent["accepted"] == len(stored) == sent["latency_seconds"]["count"] == 60
        wanted = {as_sent(text) for text in FILES.values()}
        seen = set()
        for copy in stored:
            content = copy["content"].encode("latin-1")
            ours = re.match(rb"X-Angarium-Bench: [0-9a-f]{16}-\d{10} \d{16} 0002\r\nX-Angarium-Check: [0-9a-f]{16}\r\n", content)
            seen.add(content[ours.end():])
            assert (copy["helo"], copy["from"], copy["to"]) == ("here.test", "me@here.test", ["r0@jill.test", "r1@jack.test"])
            assert ("BODY=8BITMIME" in copy["options"]) == (b"na\xc3" in content)
        assert seen == wanted


def test_lone_messages(start):
    """Ten messages of one session with pauses between them: nine pauses, which no latency counts."""
    sent = bench("send", "--to", start(BenchSink).at["smtp"], "--messages", 10, "--sessions", 1, "--pause", "100ms")
    assert sent["accepted"] == 10 and sent["connections"] == 1
    assert sent["seconds"] > 0.9 and sent["latency_seconds"]["p50"] < sent["seconds"] / 3
    assert "service_seconds" not in sent


def test_refused_credentials_end_the_run(start):
    sink = start(AioSink, "me", "secret", "PLAIN")
    refused = bench("send", "--to", sink.address, "--auth", "me:wrong", "--messages", 10, "--sessions", 1, code=1)
    (error,) = refused["errors"]
    assert (error["at"], error["code"], error["count"]) == ("auth", 535, 1)
    assert refused["accepted"] == 0 and "535" in refused["trouble"]
    without = bench("send", "--to", sink.address, "--messages", 1, "--sessions", 1, code=1)
    assert [(error["at"], error["code"]) for error in without["errors"]] == [("mail", 530)]
    open_sink = start(BenchSink)
    not_offered = bench("send", "--to", open_sink.at["smtp"], "--auth", "me:secret", "--messages", 1, code=1)
    assert "AUTH" in not_offered["trouble"] and not_offered["accepted"] == 0


@pytest.mark.parametrize("options, what", [
    (["--file", "FOLDER/bad.eml"], "bad.eml, line 3: 999 octets"),
    (["--file", "FOLDER/none.eml"], "cannot read"),
    (["--file", "FOLDER"], "bad.eml, line 3"),
    (["--size", "4KiB:x"], "is no size"),
    (["--size", "10"], "at least"),
    (["--auth", "me"], "USER:PASSWORD"),
])
def test_what_cannot_be_sent_is_said(folder, options, what):
    (folder / "bad.eml").write_bytes(b"Subject: x\n\n" + b"x" * 999)
    done = subprocess.run([place.PROGRAM, "bench", "send", "--to", "127.0.0.1:1", "--messages", "1",
                           *(option.replace("FOLDER", str(folder)) for option in options)],
                          capture_output=True, text=True, timeout=60 * place.SLOWDOWN, stdin=subprocess.DEVNULL)
    assert done.returncode != 0 and what in done.stderr and done.stdout == ""
