"""What the threads of a running program are at, seen from outside, and how to hold it still while looking. Linux, /proc."""

import os
import platform
import signal
import subprocess
from pathlib import Path

FUTEX = {"x86_64": "202", "aarch64": "98"}[platform.machine()]  # the system call in which a thread waits for another one


def at_work(pid: int, name: str) -> bool:
    """Whether a thread whose name begins so is at anything but waiting for another thread.

    A thread at work that waits for a lock looks idle: a yes can be relied on, a no cannot.
    """
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().startswith(name) and (task / "syscall").read_text().split()[0] != FUTEX:
                return True
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return False


def freeze(process: subprocess.Popen) -> None:
    """SIGSTOP, and waits until every thread has stopped."""
    process.send_signal(signal.SIGSTOP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), f"the program had ended by itself: {os.waitstatus_to_exitcode(status)}"


def thaw(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGCONT)
