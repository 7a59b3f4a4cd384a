"""angarium over one queue: started, killed, started again, and looked at meanwhile.

    served = Served(config, folder)              # queue and log lie in folder/queue
    seconds = served.start()                     # until it said `ready`
    look = served.look()                         # counters, memory, disk, now
    served.kill();  served.start();  served.stop()

    with Prober(served.smtp, sink, recipient) as prober:  # one message after the other, each once the one before has arrived
        ...
    prober.seconds                               # how long each was under way

Errors are `Failure`s. `end()` leaves nothing running, whatever happened.
"""

import dataclasses
import smtplib
import threading
import time
import urllib.request
from pathlib import Path

from .processes import PROGRAM, Failure, Group, Program, wait_until

BLOCK = 512  # the unit of st_blocks


@dataclasses.dataclass
class Look:
    at: float        # time.monotonic()
    counters: dict   # of /metrics: "name{labels}" -> value
    resident: int    # bytes of RAM: RSS ...
    shared: int      # ... and with shared pages divided among those who share them (PSS)
    cpu: float       # seconds, all threads, since this start
    disk: dict       # bytes below journal, store and log

    def total(self, name: str) -> float:
        """The sum over all labels."""
        return sum(value for key, value in self.counters.items() if key.partition("{")[0] == name)


def bytes_below(folder: Path) -> int:
    """What the folder's files take on disk. Files may come and go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * BLOCK
        except FileNotFoundError:
            pass
    return total


def metrics(address: str) -> dict:
    """What a relay's /metrics shows there: "name{labels}" -> value."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}


class Served:
    def __init__(self, config: Path, folder: Path):
        self.config, self.folder, self.queue = config, folder, folder / "queue"
        self.starts, self.program, self.group = 0, None, None
        self.smtp = self.http = ("", 0)

    def launch(self) -> None:
        self.starts += 1
        self.group = Group(f"served-{self.starts}")
        self.program = Program(f"relay-{self.starts}", self.folder / "output", [PROGRAM, "serve", "--config", self.config], group=self.group)

    def start(self) -> float:
        """Starts it; the seconds until it took mail."""
        begun = time.monotonic()
        self.launch()
        found = self.program.addresses()
        seconds = time.monotonic() - begun
        for kind in ("smtp", "http"):
            host, _, port = found[kind][0].rpartition(":")
            setattr(self, kind, (host, int(port)))
        return seconds

    def kill(self) -> None:
        self.program.process.kill()
        self.program.process.wait()
        self.group.end()

    def stop(self) -> None:
        """TERM: it must end with 0."""
        if (code := self.program.end(120)) != 0:
            raise self.program.trouble(f"ended with {code} after TERM")
        self.group.end()

    def end(self) -> None:
        if self.program and self.program.running():
            self.kill()

    def metrics(self) -> dict:
        if not self.program.running():
            raise self.program.trouble("ended by itself")
        return metrics("%s:%d" % self.http)

    def look(self) -> Look:
        counters = self.metrics()
        disk = {name: bytes_below(self.queue / name) for name in ("journal", "store", "log")}
        return Look(time.monotonic(), counters, int(counters["angarium_memory_resident_bytes"]), self.group.memory(), self.group.usage().cpu,
                    disk)

    def peak(self) -> int:
        """The most bytes resident since this start."""
        for line in Path(f"/proc/{self.program.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise self.program.trouble("has ended")


class Prober:
    """Sends one message, waits until `sink` has it, and so on, until its `with` ends: how long new mail is under way, to the 20 ms or
    so in which a sink reports. To the sink it is foreign mail."""

    def __init__(self, smtp: tuple[str, int], sink: Program, recipient: str, pause: float = 0.2, within: float = 60.0):
        self.smtp, self.sink, self.recipient, self.pause, self.within = smtp, sink, recipient, pause, within
        self.seconds: list[float] = []
        self.first: float | None = None  # time.monotonic() of the first arrival
        self.trouble: Exception | None = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def arrived(self) -> int:
        return self.sink.last_line().get("foreign", 0)

    def run(self) -> None:
        try:
            with smtplib.SMTP(*self.smtp, timeout=self.within) as client:
                while not self.over.is_set():
                    before = self.arrived()
                    begun = time.monotonic()
                    client.sendmail("probe@sender.test", [self.recipient], "Subject: new mail\r\n\r\nnow\r\n")
                    wait_until(lambda: self.arrived() > before, "new mail's delivery", self.within)
                    arrived = time.monotonic()
                    self.first = self.first or arrived
                    self.seconds.append(arrived - begun)
                    self.over.wait(self.pause)
        except (OSError, smtplib.SMTPException, Failure) as problem:
            self.trouble = problem

    def __enter__(self) -> "Prober":
        self.thread.start()
        return self

    def __exit__(self, kind, *_) -> None:
        self.over.set()
        self.thread.join()
        if kind is None and self.trouble:
            raise Failure(f"new mail: {self.trouble}")
