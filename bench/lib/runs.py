"""One measured run: generator → relay → sink, every message accounted for.

    figures = Bench(folder).run(relay, "mx", "4KiB", 4000)

The relay is started with an empty queue. A warm-up, a sixth of the messages, goes through first; when it has arrived and the relay is
at rest the counters are read and the measured messages are sent; when all have come and the relay is at rest again the counters are read
once more. So nothing of the start counts, and all that a message causes does, however late a relay delivers what it took. The relay
rate is from the generator's start to the last arrival. A message lost, doubled or damaged is a `Failure`.

The sink listens on ten addresses, 127.0.0.2 to .11, port 25, and answers DNS on 127.0.0.2: 100 domains, ten exchangers. A smarthost
is the first of them. So `private.enter()` comes first.
"""

import dataclasses
import time
from pathlib import Path

from . import private, relays
from .processes import PEER, PROGRAM, Disk, Failure, Program, Usage, await_greeting

SESSIONS, DOMAINS, EXCHANGERS, WORST_WAIT = 50, 100, 10, 120.0
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}


def size_of(text: str) -> int:
    return next(int(text.removesuffix(unit)) * factor for unit, factor in UNITS.items() if text.endswith(unit))


def microseconds(seconds: dict) -> float:
    return sum(seconds.values()) * 1e6


@dataclasses.dataclass
class Used:
    """By the relay, and meanwhile by the disk."""

    cpu: float = 0.0
    written: int = 0
    device_written: int = 0
    flushes: int = 0


class Meter:
    """What a relay uses from `start` to `stop`; its memory is looked at as often as costs a twentieth of one core at most."""

    def __init__(self, group, disk: Disk):
        self.group, self.disk = group, disk
        self.warm, self.before, self.peak, self.due = False, Used(), 0, 0.0

    def now(self) -> Used:
        usage = self.group.usage() if self.group else Usage()
        written, flushes = self.disk.counters() or (0, 0)
        return Used(usage.cpu, usage.written, written, flushes)

    def start(self) -> None:
        self.warm, self.before = True, self.now()

    def stop(self) -> Used:
        self.due = 0
        self.look()
        return Used(*(after - before for after, before in zip(dataclasses.astuple(self.now()), dataclasses.astuple(self.before))))

    def look(self) -> None:
        before = time.monotonic()
        if self.group and self.warm and before >= self.due:
            self.peak = max(self.peak, self.group.memory())
            after = time.monotonic()
            self.due = after + max(0.2, 20 * (after - before))


def at_rest(group, within: float = 20.0) -> None:
    """Waits until the relay uses less than 2 % of a core for a fifth of a second; goes on after `within` all the same."""
    end = time.monotonic() + within
    while group and time.monotonic() < end:
        before = group.usage().cpu
        time.sleep(0.2)
        if group.usage().cpu - before < 0.004:
            return


def check(what: str, sent: dict[str, int], got: dict) -> None:
    """Every message exactly once, and none of another run than those that were sent."""
    runs = {run["run"]: run["unique"] for run in got["runs"]}
    wrong = {name: got[name] for name in ("duplicated", "damaged", "foreign", "untracked", "refused") if got[name]}
    if runs != sent or wrong:
        raise Failure(f"{what}: not every message arrived exactly once: sent by run {sent}, arrived {runs}, {wrong}")


class Bench:
    """Surroundings of all runs: a folder on the disk that is measured, under a short path; the resolver."""

    def __init__(self, folder: Path):
        self.folder = private.mount(folder)
        self.disk = Disk(self.folder)
        private.use_resolver(relays.Place.resolver, self.folder)

    def sink(self, name: str, domains: int, *options: object) -> Program:
        listen = [word for n in range(EXCHANGERS) for word in ("--listen", f"127.0.0.{n + 2}:25")]
        return Program(name, self.folder / "output", [
            PROGRAM, "bench", "sink", *listen, "--dns", f"{relays.Place.resolver}:53", "--domains", domains, "--mx-hosts", EXCHANGERS,
            "--json", "--report-every", "50ms", *options])

    def send(self, name: str, address: str, messages: int, *options: object) -> Program:
        return Program(name, self.folder / "output", [
            PROGRAM, "bench", "send", "--to", address, "--messages", messages, "--json", *options])

    def follow(self, what: str, send: Program, sink: Program, relay: relays.Running, meter: Meter, least: int | None = None) -> None:
        """Returns when the generator has ended well and the sink has got `least` messages, or has ended."""
        seen, moved = -1, time.monotonic()
        while send.running() or (sink.running() if least is None else seen < least):
            time.sleep(0.02)
            meter.look()
            line = sink.last_line()
            if line.get("unique", 0) != seen:
                seen, moved = line.get("unique", 0), time.monotonic()
            if time.monotonic() - moved > WORST_WAIT:
                raise Failure(f"{what}: {seen} messages arrived, and none for {WORST_WAIT:g} s; the generator "
                              f"{'has not ended' if send.running() else 'has ended'}")
            if relay.program and not relay.program.running():
                raise relay.program.trouble("ended by itself")
            if not send.running() and send.process.returncode != 0:
                raise send.trouble(f"did not get everything accepted: {send.last_line()}")

    def run(self, relay: relays.Relay, mode: str, size: str, messages: int, **options) -> dict:
        """The figures of one run of a relay that is started for it; `options` are those of `measure`."""
        with relays.Running(relay, relays.Place(self.folder / relay.name, mode)) as running:
            return self.measure(running, size, messages, **options)

    def measure(self, running: relays.Running, size: str, messages: int, *, warm: int | None = None, domains: int | None = None,
                sessions: int = SESSIONS, send: tuple = (), sink: tuple = ()) -> dict:
        """The figures of one run through a relay that is up; `send` and `sink` are further options of the tools."""
        mode = running.place.mode
        what = f"{running.relay.label}, {mode}, {size}"
        warm = max(100, messages // 6) if warm is None else warm
        total = warm + messages
        domains = domains or (DOMAINS if mode == relays.MX else 1)
        options = ("--size", size, "--domains", domains, "--sessions", sessions, *send)
        with self.sink("sink", domains, "--warmup", warm, "--expect", total, *sink) as taking:
            taking.addresses()
            meter = Meter(running.group, self.disk)
            with self.send("warm-send", running.address, warm, *options) as warming:
                self.follow(f"{what}, warm-up", warming, taking, running, meter, least=warm)
            at_rest(running.group)
            closed = taking.last_line()["connections"] - taking.last_line()["open"]
            meter.start()
            begun = time.time()
            with self.send("send", running.address, messages, *options) as sending:
                self.follow(what, sending, taking, running, meter)
            at_rest(running.group)
            used = meter.stop()
            sent, got = sending.result(), taking.result()
            check(what, {warming.result()["run"]: warm, sent["run"]: messages}, got)
        offered = sent["bytes"]  # by the generator, so without what a relay adds
        figures = {
            "messages": messages, "accepted": sent["rate"], "relayed": messages / (got["last_arrival"] - begun),
            "accept_seconds": sent["latency_seconds"], "delivery_seconds": got["latency_seconds"],
            "generator_us": microseconds(sent["cpu_seconds"]) / messages, "sink_us": microseconds(got["cpu_seconds"]) / total,
            "connections": got["connections"]["total"] - closed, "connections_at_a_time": got["connections"]["most_at_a_time"],
        }
        figures["tools_us"] = figures["generator_us"] + figures["sink_us"]
        if running.group:
            figures |= {"cpu_exact": running.group.exact, "memory": meter.peak}
            if running.group.exact or not running.relay.vanishing:
                figures["cpu_us"] = used.cpu / messages * 1e6
            if not running.relay.vanishing:
                figures["written_per_byte"] = used.written / offered
            if self.disk.node:
                figures["device_written_per_byte"] = used.device_written / offered
                figures["flushes"] = used.flushes / messages
        return figures

    def bare(self, size: str, messages: int) -> dict:
        """smtp-source against smtp-sink, Postfix's own tools: how fast mail is accepted that nobody stores."""
        address = "127.0.0.2:25"
        with Program("smtp-sink", self.folder / "output", [PEER, "smtp-sink", "-u", "uucp", address, 1000]) as sink:
            await_greeting(("127.0.0.2", 25), sink)
            for many in (messages // 6, messages):
                start = time.monotonic()
                with Program("smtp-source", self.folder / "output", [
                        PEER, "smtp-source", "-d", "-s", SESSIONS, "-m", many, "-l", size_of(size), "-f", "a@sender.test",
                        "-t", "r0@d000.example.test", address]) as source:
                    if source.wait(WORST_WAIT) != 0:
                        raise source.trouble("failed")
                seconds = time.monotonic() - start
        return {"messages": messages, "accepted": messages / seconds}
