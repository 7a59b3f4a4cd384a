"""Processes that are measured: started, awaited, ended, and what they use, ended children included.

    with Program("sink", folder, [PROGRAM, "bench", "sink", ...]) as sink:
        sink.addresses()["smtp"]      # once it has said `ready`
        sink.result()                 # its last line of JSON, after it has ended

A `Group` counts a whole family: it is a control group where those can be made (so that also children that nobody waits for,
and daemons that leave their parents, are counted, to the microsecond), else the process and its descendants by /proc. A
`Disk` counts what the device below a folder did, whoever asked for it. Errors are `Failure`s: the text says what did not
start or end, with its last words. Nothing here outlives its `with`.
"""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("ANGARIUM", ROOT / "build/angarium")).resolve()
PEER = ROOT / "tests/support/peer"  # runs what `make deps` unpacked
PATIENCE = 120.0  # seconds for anything that should take a few
TICK = os.sysconf("SC_CLK_TCK")
SECTOR = 512  # the unit of /sys/block/*/stat, whatever the device's own


class Failure(Exception):
    """Something did not start, did not end, or lost a message."""


def wait_until(condition, what: str, within: float = PATIENCE, pause: float = 0.01):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + within
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {within:g} s for {what}")
        time.sleep(pause)
    return result


@dataclasses.dataclass
class Usage:
    """What a group has used so far."""

    cpu: float = 0.0  # seconds, user and system
    written: int = 0  # bytes handed to block devices (write_bytes)

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(self.cpu - before.cpu, self.written - before.written)


def _control_groups() -> Path | None:
    """Where control groups of version 2 are mounted; None if there are none that we may make."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(place, os.W_OK):
            return Path(place)
    return None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name; [1] is the parent, [11:15] the processor times."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _family(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:
                continue
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


class Group:
    """The processes of one server, counted together. Programs join it when they start: `Program(..., group=group)`."""

    def __init__(self, name: str):
        self.roots: list[int] = []
        self.folder = None
        if place := _control_groups():
            try:
                self.folder = place / f"angarium-bench-{os.getpid()}-{name}"
                self.folder.mkdir(exist_ok=True)
            except OSError:
                self.folder = None

    @property
    def exact(self) -> bool:
        """Whether children that nobody waits for are counted too."""
        return self.folder is not None

    def join(self) -> None:
        """Called in the new process, before it becomes the program."""
        if self.folder:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self) -> list[int]:
        if self.folder:
            return [int(line) for line in (self.folder / "cgroup.procs").read_text().split()]
        return [pid for root in self.roots for pid in _family(root) if Path(f"/proc/{pid}").exists()]

    def usage(self) -> Usage:
        """So far. Written bytes of an ended child are its parent's, if the parent waited for it."""
        use = Usage()
        for pid in self.pids():
            try:
                if not self.folder:
                    use.cpu += sum(int(field) for field in _stat(pid)[11:15]) / TICK
                for line in Path(f"/proc/{pid}/io").read_text().splitlines():
                    if line.startswith("write_bytes:"):
                        use.written += int(line.split()[1])
            except OSError:
                pass  # it ended between two looks
        if self.folder:
            for line in (self.folder / "cpu.stat").read_text().splitlines():
                if line.startswith("usage_usec "):
                    use.cpu = int(line.split()[1]) / 1e6
        return use

    def memory(self) -> int:
        """Bytes resident now, shared pages divided among those who share them (PSS)."""
        total = 0
        for pid in self.pids():
            try:
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
            except OSError:
                pass
        return total

    def end(self) -> None:
        """Ends whatever is still there, first kindly."""
        for kind, within in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0)):
            for pid in self.pids():
                try:
                    os.kill(pid, kind)
                except OSError:
                    pass
            deadline = time.monotonic() + within
            while self.pids() and time.monotonic() < deadline:
                time.sleep(0.01)
        if self.folder:
            wait_until(self._remove, f"the end of {self.folder.name}'s processes {self.pids()}", 10)

    def _remove(self) -> bool:
        try:
            self.folder.rmdir()
        except OSError:  # the last one is still on its way out
            return False
        return True


class Disk:
    """The device below a folder: what it did so far, whoever asked for it. Nothing else should use it meanwhile."""

    def __init__(self, folder: Path):
        number = os.stat(folder).st_dev
        node = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
        node = node.resolve() if node.exists() else None
        if node and (node / "partition").exists():
            node = node.parent
        self.node = node  # None: no device of its own (tmpfs, btrfs, overlay): nothing is counted

    @property
    def name(self) -> str:
        return self.node.name if self.node else "?"

    def counters(self) -> tuple[int, int] | None:
        """(bytes written, flushes of its cache)."""
        if not self.node:
            return None
        fields = [int(field) for field in (self.node / "stat").read_text().split()]
        return fields[6] * SECTOR, fields[15] if len(fields) > 15 else 0

    def write_cache(self) -> str:
        """What the kernel believes: "write back" (syncs flush) or "write through" (they need not)."""
        path = self.node / "queue/write_cache" if self.node else None
        return path.read_text().strip() if path and path.exists() else "?"


class Program:
    """A program with its output in files, ended with the `with` (or by `end`) whatever happens."""

    def __init__(self, name: str, folder: Path, command: list, *, group: Group | None = None, environment: dict | None = None,
                 cwd: Path | None = None):
        self.name, self.command = name, [str(word) for word in command]
        folder.mkdir(parents=True, exist_ok=True)
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            # A session of its own: Ctrl-C reaches only us, and we end the others in order.
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                                            env={**os.environ, **(environment or {})}, start_new_session=True,
                                            preexec_fn=group.join if group else None)
        if group:
            group.roots.append(self.process.pid)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_) -> None:
        if self.running():
            self.end(5)

    def running(self) -> bool:
        return self.process.poll() is None

    def trouble(self, what: str) -> Failure:
        words = "\n".join(self.err.read_text(errors="replace").splitlines()[-15:])
        return Failure(f"{self.name} {what}: $ {' '.join(self.command)}\n{words}")

    def addresses(self) -> dict[str, list[str]]:
        """Where it listens, once it has said `ready`: {"smtp": ["127.0.0.1:2525"], ...}."""
        deadline = time.monotonic() + PATIENCE
        while "ready" not in self.err.read_text().splitlines():
            if not self.running() or time.monotonic() > deadline:
                raise self.trouble("did not start")
            time.sleep(0.005)
        found: dict[str, list[str]] = {}
        for line in self.err.read_text().splitlines():
            if line.startswith("listening "):
                _, kind, address = line.split()
                found.setdefault(kind, []).append(address)
        return found

    def wait(self, within: float = PATIENCE) -> int:
        """Its exit code; it ends by itself."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise self.trouble(f"did not end within {within:g} s") from None

    def end(self, within: float = PATIENCE) -> int:
        """TERM, and its exit code; KILL if that does not help."""
        if self.running():
            self.process.terminate()
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def last_line(self) -> dict:
        """The newest whole line of JSON that it has printed; {} if there is none yet."""
        with open(self.out, "rb") as file:
            file.seek(max(0, self.out.stat().st_size - 65536))
            lines = file.read().split(b"\n")[:-1]
        try:
            return json.loads(lines[-1])
        except (IndexError, ValueError):
            return {}

    def result(self) -> dict:
        """Its JSON result, after it has ended."""
        if not (line := self.last_line()):
            raise self.trouble("ended without a result")
        return line


def await_greeting(address: tuple[str, int], program: Program, within: float = 60.0) -> None:
    """Returns when an SMTP server greets at the address; for programs that do not say `ready`."""
    deadline = time.monotonic() + within
    while True:
        try:
            with socket.create_connection(address, 5) as probe:
                if probe.recv(3) == b"220":
                    probe.sendall(b"QUIT\r\n")
                    while probe.recv(4096):
                        pass
                    return
        except OSError:
            pass
        if not program.running() or time.monotonic() > deadline:
            raise program.trouble("did not start")
        time.sleep(0.02)
