"""The demonstration behind `make run`: exits with 0 only if every message arrived exactly once; stays up until Ctrl-C."""

import os
import re
import signal
import smtplib
import subprocess

import pytest
from support import place
from support.place import wait_until

pytestmark = [pytest.mark.once, pytest.mark.deadline(300)]

DEMO = [place.ROOT / "bench/demo"]


def test_demo_once(folder):
    done = subprocess.run([*DEMO, "--once", "--messages", "2000", "--path", folder], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=280 * place.SLOWDOWN, env=os.environ | {"ANGARIUM": str(place.PROGRAM)})
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert re.search(r"exactly once +yes: 2000 of 2000 arrived, 0 lost, 0 duplicated, 0 damaged", done.stdout)


def test_demo_takes_mail_until_interrupted(folder):
    out = folder / "out"
    with open(out, "wb") as file, subprocess.Popen([*DEMO, "--messages", "500", "--path", folder], stdout=file, stdin=subprocess.DEVNULL,
                                                   env=os.environ | {"ANGARIUM": str(place.PROGRAM)}) as demo:
        try:
            wait_until(lambda: "Ctrl-C ends it" in out.read_text() or demo.poll() is not None, 60, "the demonstration")
            port = int(re.search(r"--server 127\.0\.0\.1:(\d+)", out.read_text())[1])
            with smtplib.SMTP("127.0.0.1", port, timeout=30 * place.SLOWDOWN) as client:
                client.sendmail("me@example.net", ["you@d001.example.test"], b"Subject: mine\r\n\r\n\r\n")
            logs = re.search(r"tail -n 2 (\S+)/\*\.jsonl", out.read_text())[1]
            wait_until(lambda: any('"delivery"' in line and "you@d001" in line for log in os.scandir(logs) for line in open(log)), 30, "my own message")
        finally:
            demo.send_signal(signal.SIGINT)
    assert demo.returncode == 0
    assert not [entry for entry in folder.iterdir() if entry.name.startswith("angarium-bench")]
