"""Where things are and how long they may take: the program under test, the unpacked peers, time limits.

ANGARIUM        the program (default build/angarium); a build with a sanitizer is known by its folder's name
ANGARIUM_PEERS  what `make deps` unpacked (default build/peers)
"""

import contextlib
import os
import socket
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("ANGARIUM", ROOT / "build/angarium")).resolve()
PEER = ROOT / "tests/support/peer"
RUNS = Path(os.environ.get("ANGARIUM_TEST_RUNS", ROOT / "build/test-runs"))  # one folder a test, removed on success

SANITIZED = PROGRAM.parent.name in ("asan", "tsan")
# How much longer everything may take: a program with a sanitizer, and any while several workers share the cores.
SLOWDOWN = 5 if SANITIZED else 3 if "PYTEST_XDIST_WORKER" in os.environ else 1


def wait_until(condition, within: float = 10, what: str = "the condition"):
    """Calls `condition` until it returns something true, and returns that; fails after `within` (scaled) seconds."""
    deadline = time.monotonic() + within * SLOWDOWN
    pause = 0.002
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within * SLOWDOWN:g} s for {what}; last answer: {result!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def free_port(addresses=("127.0.0.1",), kinds=(socket.SOCK_STREAM, socket.SOCK_DGRAM)) -> int:
    """A port that is free on all addresses for TCP and UDP now; for programs that cannot choose one themselves.

    Another process may take it before the caller's program does: such callers start again with another one.
    """
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for address in addresses:
                    for kind in kinds:
                        probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
                        probe.bind((address, port))
                        port = probe.getsockname()[1]
                return port
            except OSError:
                continue
    raise AssertionError(f"no port is free on all of {addresses}")


def hold_port(address: str, port: int) -> socket.socket:
    """A bound socket that does not listen: connections there are refused, and nobody else can take the port."""
    held = socket.socket()
    held.bind((address, port))
    return held


def tail(path: Path, lines: int = 60) -> str:
    """The last lines of a text file, for reports."""
    if not path.exists():
        return f"({path} does not exist)"
    text = path.read_text(errors="backslashreplace").splitlines()
    skipped = [f"... {len(text) - lines} lines above"] if len(text) > lines else []
    return "\n".join(skipped + text[-lines:])
