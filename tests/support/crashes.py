"""A relay that is killed again and again under load, at moments that dice choose, and what became of its mail.

A life: the relay starts with one to three shards, many clients send numbered messages, and SIGKILL ends it

    any         at any time
    retire      while a journal segment's survivors are in the store but not yet flushed
    flush       while the store flushes
    compaction  while the store compacts
    recovery    behind the opening of the store, before it has said `ready`
    shutdown    behind SIGTERM, before it has exited

For retire, flush and compaction the relay is held still (SIGSTOP) and looked at from outside, until it is found in the midst of
what is wanted; then it is killed as it stands. So what a kill fell into was seen and not guessed: a thread of RocksDB's at work,
or messages handed to the store (metrics) with no flush finished since (the store's MANIFEST has not grown).

The sink defers a fifth of all recipients and the journal is small: so much is retired, loaded again, flushed and compacted. A seed
gives each life the same moment and shards again, not the same timing. At the end all that got its 250 must have arrived,
undamaged, and hardly anything twice: a crash between the remote 250 and our own record may deliver again, of each life no more
messages than there are open connections.
"""

import contextlib
import os
import random
import re
import time
from array import array
from bisect import bisect
from collections import Counter
from pathlib import Path

from . import place
from .clients import Flood
from .mail import digest, plain
from .place import wait_until
from .relay import Relay
from .sink import Sink
from .threads import at_work, freeze, thaw

MOMENTS = ["any", "retire", "flush", "compaction", "recovery", "shutdown"]
STORE_THREADS = {"flush": "rocksdb:high", "compaction": "rocksdb:low"}
DOMAINS = 20
CONNECTIONS = 20  # outbound: the bound of what a crash may deliver again
NUMBERS = 20_000  # for each life; more than it can send
BACKLOG = 6_000   # acknowledged messages that may be on their way when another life begins
PATIENCE = 5.0    # seconds until a moment that does not come is given up
CONFIG = {
    "queue": {"journal": "16MiB", "segment": "4MiB", "retry": {"first": "1s", "factor": 1.0, "jitter": 0.5}},
    "limits": {"memory": "192MiB", "message_size": "1MiB"},
    "delivery": {"connections_per_site": CONNECTIONS},
}
RULES = [{"stage": "rcpt", "reply": "450 4.7.1 later", "share": 0.2}]
ALARM = re.compile(r"^\S+ (?:error|critical) .*", re.MULTILINE)


def content(number: int, size: int = 0) -> bytes:
    """Mostly small, some large enough for several parts."""
    return plain(number, 700_000 if number % 500 == 7 else 500 + number * 37 % 30_000)


class Ledger:
    """What was acknowledged and what has arrived, by number; each copy is checked as it comes."""

    def __init__(self, sink: Sink):
        self.sink = sink
        self.arrived = array("I")        # by number: the sink's connection that brought the last copy; 0: none has come
        self.missing: set[int] = set()   # acknowledged and not yet arrived
        self.damaged: list[int] = []
        self.connections = 0             # the highest number of one so far
        self.lives: list[int] = []       # the number that the first connection of each life has
        self.again = Counter()           # by life: how many of the messages that came then came again later
        self.acknowledged = self.distinct = 0

    def begin_life(self, numbers: range) -> None:
        """The relay, which is dead, is about to start, and these may arrive from now on."""
        self.look()
        self.lives.append(self.connections + 1)
        self.arrived.extend([0] * (numbers.stop - len(self.arrived)))

    def promise(self, numbers) -> None:
        self.acknowledged += len(numbers)
        self.missing.update(number for number in numbers if not self.arrived[number])

    def look(self) -> "Ledger":
        """Reads what has arrived since the last look."""
        for event in self.sink.fresh():
            self.connections = max(self.connections, event["connection"])
            if event["event"] != "message":
                continue
            number = event["number"]
            if earlier := self.arrived[number]:
                self.again[bisect(self.lives, earlier)] += 1
            else:
                self.distinct += 1
            self.arrived[number] = event["connection"]
            self.missing.discard(number)
            if event["digest"] != digest(content(number)):
                self.damaged.append(number)
        return self

    @property
    def doubled(self) -> int:
        return self.again.total()

    @property
    def unheard(self) -> int:
        """Arrived, though a kill cut off the 250."""
        return self.distinct - (self.acknowledged - len(self.missing))


class Reach:
    """For how long something goes on, learnt from kills that came in time and kills that came too late."""

    def __init__(self, seconds: float):
        self.seconds = seconds * place.SLOWDOWN

    def learn(self, in_time: bool) -> None:
        self.seconds *= 1.1 if in_time else 0.8


class RetireWatch:
    """Sees from outside that messages were handed to the store to be retired, and that no flush has ended since.

    The store's MANIFEST grows at the end of every flush (and compaction); retiring a segment ends with one.
    """

    def __init__(self, relay: Relay):
        self.relay, self.store = relay, Path(relay.config["queue"]["path"]) / "store"
        self.seen = False
        self.manifest, self.retired = self.state(), self.count()

    def state(self) -> tuple[str, int]:
        name = (self.store / "CURRENT").read_text().strip()
        return name, (self.store / name).stat().st_size

    def count(self) -> float:
        return self.relay.metrics().total("angarium_retired_messages_total")

    def begun(self) -> bool:
        manifest, retired = self.state(), self.count()  # in this order
        self.seen = manifest == self.manifest and retired > self.retired
        if not self.seen:
            self.manifest, self.retired = manifest, retired
        return self.seen

    def unfinished(self) -> bool:
        return self.seen and self.state() == self.manifest


def uses(pid: int, folder: Path) -> bool:
    """Whether the process has a file open below it."""
    prefix = f"{folder.resolve()}/"
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(link).startswith(prefix):
                return True
    return False


class Crashes:
    """A relay, its sink and the lives of the one; start() and end() as every thing of a test. `say` gets a line a kill."""

    def __init__(self, folder: Path, seed: int, say=lambda line: None):
        self.seed, self.say = seed, say
        self.dice, self.delays = random.Random(seed), random.Random(seed)  # how many delays there are depends on timing
        self.sink = Sink(folder, rules=RULES)
        self.relay = Relay(folder, {**CONFIG, "runtime": {"shards": 1}})
        self.ledger = Ledger(self.sink)
        self.reach = {"any": Reach(0.6), "recovery": Reach(0.1), "shutdown": Reach(0.1)}
        self.deck: list[str] = []
        self.kills = self.lives = 0
        self.fell = Counter()  # into what; one kill may be in the midst of several

    def start(self) -> "Crashes":
        self.sink.start()
        self.relay.config["route"] = [{"domains": ["*"], "to": [self.sink.address]}]
        return self

    def end(self) -> None:
        try:
            self.relay.end()
        finally:
            self.sink.end()

    def report(self) -> str:
        return f"seed {self.seed}, {self.kills} kills in {self.lives} lives\n{self.relay.report()}\n{self.sink.report()}"

    def run(self, kills: int, least: int = 0) -> None:
        """Kills it so often, and on until `least` kills fell into each moment (at most half as often again), then lets it deliver the
        rest; raises AssertionError where a promise is broken."""
        began = time.monotonic()
        while self.kills < kills:
            self.deck = self.deck or self.dice.sample(MOMENTS, len(MOMENTS))
            self.live(self.deck.pop())
        last = self.lives + kills // 2
        while self.lives < last and (rare := [moment for moment in MOMENTS if self.fell[moment] < least]):
            self.live(rare[0])
        self.relay.start()
        self.relay.wait_idle(120)
        self.relay.stop()
        self.ledger.look()
        self.seconds = time.monotonic() - began
        self.judge()

    def judge(self) -> None:
        lost = self.ledger.missing
        assert not lost, f"{len(lost)} acknowledged messages are lost, such as {sorted(lost)[:10]}"
        assert not self.ledger.damaged, f"messages are damaged: {self.ledger.damaged[:10]}"
        for life, count in self.ledger.again.items():
            assert count <= CONNECTIONS, f"{count} messages of life {life} arrived again, at most {CONNECTIONS} may"

    def summary(self) -> str:
        ledger = self.ledger
        fell = ", ".join(f"{self.fell[what]} {what}" for what in [*MOMENTS, "between them"] if self.fell[what])
        most = max(ledger.again.values(), default=0)
        return (f"seed {self.seed}: {self.kills} kills in {self.lives} lives and {self.seconds:.0f} s; fell into: {fell}\n"
                f"{ledger.acknowledged} acknowledged, {len(ledger.missing)} lost, {len(ledger.damaged)} damaged; "
                f"{ledger.unheard} more arrived whose 250 was cut off; {ledger.doubled} arrived again, "
                f"{ledger.doubled / self.kills:.1f} a kill, at most {most} ({CONNECTIONS} may)")

    # ── a life ───────────────────────────────────────────────────────────────────────────────────────────────────

    def live(self, moment: str) -> None:
        """From a start to its end, a kill unless the relay was faster."""
        numbers = range(self.lives * NUMBERS, (self.lives + 1) * NUMBERS)
        self.lives += 1
        self.ledger.begin_life(numbers)
        if self.dice.random() < 0.3:
            shards = self.relay.config["runtime"]["shards"] = self.dice.randint(1, 3)
            self.relay.config["queue"]["journal"] = f"{16 * shards}MiB"  # the smallest: four segments each
        before = self.ledger.acknowledged
        fell = self.during_start() if moment == "recovery" else self.under_load(moment, numbers)
        alarms = ALARM.findall(self.relay.errors())
        assert not alarms, f"the relay raised an alarm: {alarms[:3]}"
        if fell is None:
            return
        self.kills += 1
        self.fell.update(fell)
        self.say(f"kill {self.kills:4}  aimed at {moment:<10}  fell into {', '.join(sorted(fell)):<26}  "
                 f"shards {self.relay.config['runtime']['shards']}  acknowledged {self.ledger.acknowledged - before:5}  "
                 f"on their way {len(self.ledger.missing):5}  again so far {self.ledger.doubled}")

    def during_start(self) -> set[str]:
        reach = self.reach["recovery"]
        self.relay.launch()
        store = Path(self.relay.config["queue"]["path"]) / "store"
        deadline = time.monotonic() + 60 * place.SLOWDOWN
        early = self.delays.random() < 0.1  # before the store is open; else behind it, however fast the machine is
        while not early and not uses(self.relay.process.pid, store) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(self.delays.uniform(0, reach.seconds))  # the moment of the kill: chosen, waits for nothing
        freeze(self.relay.process)
        begun = uses(self.relay.process.pid, store)
        self.relay.kill9()
        in_time = re.search(r"^ready$", self.relay.errors(), re.MULTILINE) is None
        reach.learn(in_time)
        return {"recovery"} if begun and in_time else {"any"}

    def under_load(self, moment: str, numbers: range) -> set[str] | None:
        self.relay.start()
        wait_until(lambda: len(self.ledger.look().missing) < BACKLOG, 60, "earlier mail to be delivered")
        flood = Flood(self.relay.smtp, list(numbers), content=content, domains=DOMAINS, flight=5).start()
        wait_until(lambda: len(flood.acknowledged) > 100, 90, "the flood to begin")
        if moment in ("any", "shutdown"):
            fell = self.at_a_time(moment)
        else:
            fell = self.in_the_midst_of(moment)
            self.relay.kill9()
        flood.wait()
        self.ledger.promise(flood.acknowledged)
        refused = [reply for reply in flood.refused.values() if moment != "shutdown" or not reply.startswith("421")]
        assert not refused, f"the relay refused mail: {refused[:3]}"
        return fell

    def at_a_time(self, moment: str) -> set[str] | None:
        reach = self.reach[moment]
        if moment == "shutdown":
            self.relay.terminate()
        time.sleep(self.delays.uniform(0, reach.seconds))  # the moment of the kill: chosen, waits for nothing
        in_time = self.relay.kill9()
        if moment == "shutdown":
            reach.learn(in_time)
        return {moment} if in_time else None

    def in_the_midst_of(self, moment: str) -> set[str]:
        """Holds the relay still where `moment` goes on; where it does not come, anywhere. What was seen to go on."""
        watch = RetireWatch(self.relay)
        deadline = time.monotonic() + PATIENCE * place.SLOWDOWN
        while True:
            late = time.monotonic() > deadline
            if late or (watch.begun() if moment == "retire" else at_work(self.relay.process.pid, STORE_THREADS[moment])):
                time.sleep(self.delays.uniform(0, 0.003))  # not always just behind its beginning
                freeze(self.relay.process)
                found = {what for what, threads in STORE_THREADS.items() if at_work(self.relay.process.pid, threads)}
                found |= {"retire"} if watch.unfinished() else set()
                if late or moment in found:
                    return found or {"between them"}
                thaw(self.relay.process)
            time.sleep(0.001)  # what is waited for lasts longer, and wants the core
