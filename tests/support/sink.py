"""Where mail arrives in tests: the recording sink, Postfix's smtp-sink, aiosmtpd. All in processes of their own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from . import place
from .forker import Forked, start_sink
from .place import wait_until


class Process:
    """A helper program whose output goes to a file and that is ended with the test."""

    def __init__(self, name: str, folder: Path):
        self.name, self.folder = name, folder
        self.output = folder / f"{name}.out"
        self.process: subprocess.Popen | Forked | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def spawn(self, command: list[str], **options) -> None:
        self.command = [str(word) for word in command]
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, start_new_session=True, **options)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # with its children, which nsd has
            self.process.wait(30)
            self.process = None

    def report(self) -> str:
        return f"── {self.name}: {' '.join(getattr(self, 'command', []))}\n{place.tail(self.output, 30)}"


class Sink(Process):
    """The recording sink (sink_process.py). `addresses` are hosts; with `same_port` all listen on one port."""

    def __init__(self, folder: Path, *, hosts=("127.0.0.1",), port=0, same_port=True, name="sink", **options):
        super().__init__(name, folder)
        self.record = folder / f"{name}.jsonl"
        self.options = {"record": str(self.record), "same_port": same_port, **options}
        self.port = port
        self.addresses = [f"{host}:{port}" for host in hosts]
        self.place, self.seen = 0, []

    def start(self) -> "Sink":
        """Listens; started again after end() it takes the same ports and goes on with its record."""
        listen = self.addresses
        for _ in range(20):  # with several hosts the first one's port may be taken on another
            self.output.unlink(missing_ok=True)
            argument = json.dumps({"listen": listen, **self.options})
            self.command = ["support.sink_process", argument]
            self.process = start_sink(argument, self.output)
            ready = wait_until(lambda: "ready" in self.output.read_text() or not self.alive(), 20, "the sink")
            if ready and self.alive():
                break
        else:
            raise AssertionError(f"the sink did not start:\n{self.output.read_text()}")
        found = [line.split()[1] for line in self.output.read_text().splitlines() if line.startswith("listening ")]
        self.addresses = found
        self.address = found[0]
        self.port = int(found[0].rpartition(":")[2])
        return self

    def fresh(self) -> list[dict]:
        """The events since the last call; they are not kept."""
        if not self.record.exists():
            return []
        with open(self.record, "rb") as record:
            record.seek(self.place)
            data = record.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.place += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def events(self) -> list[dict]:
        """All events so far; reads only what is new."""
        self.seen += self.fresh()
        return self.seen

    def messages(self) -> list[dict]:
        return [event for event in self.events() if event["event"] == "message"]

    def connections(self) -> int:
        return sum(event["event"] == "connect" for event in self.events())

    def most_open(self) -> int:
        """The highest number of connections that were open at the same time."""
        count = most = 0
        for event in self.events():
            count += {"connect": 1, "close": -1}.get(event["event"], 0)
            most = max(most, count)
        return most

    def wait_messages(self, count: int, within: float = 30) -> list[dict]:
        """Until at least so many messages have arrived."""
        wait_until(lambda: len(self.messages()) >= count, within, f"{count} messages at {self.name}")
        return self.messages()


class SmtpSink(Process):
    """Postfix's smtp-sink: SmtpSink(folder, "-f", "rcpt"); messages go to files with dump=True (one a message, -d)."""

    def __init__(self, folder: Path, *options: str, dump: bool = False, backlog: int = 100):
        super().__init__("smtp-sink", folder)
        self.options, self.dump, self.backlog = options, dump, backlog
        self.dumps = folder / "smtp-sink-dump"

    def start(self) -> "SmtpSink":
        if self.dump:
            self.dumps.mkdir(exist_ok=True)
        for _ in range(20):
            self.port = place.free_port()
            self.address = f"127.0.0.1:{self.port}"
            as_root = ["-u", "root"] if os.getuid() == 0 else []
            dump = ["-d", f"{self.dumps}/%s."] if self.dump else []
            self.spawn([place.PEER, "smtp-sink", *as_root, *dump, *self.options, self.address, str(self.backlog)],
                       cwd=self.folder)
            if wait_until(lambda: not self.alive() or listens(self.port), 10, "smtp-sink") and self.alive():
                return self
        raise AssertionError(self.report())

    def stored(self) -> list[bytes]:
        """What was dumped: smtp-sink's own X- lines and Received: in front, line ends as LF."""
        return [path.read_bytes() for path in sorted(self.dumps.iterdir())]


class RecordingServer(Process):
    """A server that says "listening ADDRESS" and "ready", and records each message as a line of JSON."""

    def __init__(self, name: str, folder: Path):
        super().__init__(name, folder)
        self.record = folder / f"{name}.jsonl"

    def wait_ready(self) -> None:
        wait_until(lambda: "ready" in self.output.read_text() or not self.alive(), 20, self.name)
        assert self.alive(), self.report()
        self.address = self.output.read_text().split("listening ", 1)[1].split()[0]

    def messages(self) -> list[dict]:
        if not self.record.exists():
            return []
        text = self.record.read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def wait_messages(self, count: int, within: float = 30) -> list[dict]:
        wait_until(lambda: len(self.messages()) >= count, within, f"{count} messages at {self.name}")
        return self.messages()


class AioSink(RecordingServer):
    """aiosmtpd in a process of its own; `messages()` gives envelopes with exact bytes. `auth`: user, password, mechanisms; `tls`: mode, certificate, key."""

    def __init__(self, folder: Path, *auth: str, tls: tuple = ()):
        super().__init__("aiosmtpd", folder)
        self.auth, self.tls = auth, ["--tls", *tls] if tls else []

    def start(self) -> "AioSink":
        self.spawn([sys.executable, "-m", "support.aio_process", *self.tls, self.record, *self.auth], cwd=place.ROOT / "tests")
        self.wait_ready()
        return self


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a TCP listener is there, read from the kernel's table: no connection disturbs the program's counts."""
    wanted = f"{int.from_bytes(bytes(map(int, host.split('.'))), 'little'):08X}:{port:04X}"
    with open("/proc/net/tcp") as table:
        return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in list(table)[1:])
