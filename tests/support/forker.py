"""Starts recording sinks by fork, since importing what they need takes longer than most tests let them live.

    python3 -S -m support.forker      (from tests/)

For each line of JSON on standard input, {"argument": "...", "output": "FILE"}, it forks a process that is sink_process.py with that
argument, in a session of its own, its output in that file; then it says its pid. It ends with its input.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from . import place, sink_process


class Forked:
    """A process that the forker has started: what Process needs of a subprocess.Popen."""

    def __init__(self, pid: int):
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
            return None
        except ProcessLookupError:
            return -1  # how it ended, nobody has asked

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, within: float) -> None:
        deadline = time.monotonic() + within
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("sink", within)
            time.sleep(0.001)


_forker: subprocess.Popen | None = None  # one for each process of pytest, in its network


def start_sink(argument: str, output) -> Forked:
    global _forker
    if _forker is None or _forker.poll() is not None:
        _forker = subprocess.Popen([sys.executable, "-S", "-m", "support.forker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   cwd=place.ROOT / "tests", start_new_session=True)
    Path(output).touch()  # it is read until it says `ready`
    _forker.stdin.write(json.dumps({"argument": argument, "output": str(output)}) + "\n")
    _forker.stdin.flush()
    return Forked(int(_forker.stdout.readline()))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    for line in sys.stdin:
        wanted = json.loads(line)
        if (pid := os.fork()) == 0:
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            output = os.open(wanted["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.argv = ["sink_process", wanted["argument"]]
            try:
                asyncio.run(sink_process.main())
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(1)  # else a signal would have ended it
        print(pid, flush=True)


if __name__ == "__main__":
    main()
