"""Relays to compare: each is a folder below bench/relays with a `relay.py`, found by itself.

    class Relay(relays.Relay):
        label = "Postfix"
        def version(self) -> str: ...
        def prepare(self, place: Place) -> Command: ...     # writes configuration and spool below place.folder

`relay.py` holds one class `Relay`; its configuration lies beside it as templates, in which @{name} is filled in. A relay is one
foreground process with whatever children it likes; starting, ending and measuring it is done here, alike for all. It listens on
`place.listen` and sends to `place.next_hop` ("smarthost"), or by MX to what /etc/resolv.conf's server answers ("mx").
"""

import dataclasses
import importlib.util
import os
import re
import shutil
from pathlib import Path

from .processes import ROOT, Group, Program, await_greeting

HOME = ROOT / "bench/relays"
UNPACKED = Path(os.environ.get("ANGARIUM_RELAYS", ROOT / "build/relays")).resolve()
SMARTHOST, MX = "smarthost", "mx"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where and how a relay is to run."""

    folder: Path   # for its configuration, queue and logs; empty, on the disk that is measured; its path is short
    mode: str      # SMARTHOST or MX
    listen: tuple[str, int] = ("127.0.0.1", 2525)
    next_hop: tuple[str, int] = ("127.0.0.2", 25)  # in MX mode the first of the exchangers, who all listen on this port
    resolver: str = "127.0.0.2"                    # port 53


@dataclasses.dataclass
class Command:
    words: list
    environment: dict = dataclasses.field(default_factory=dict)


class Relay:
    """What all have in common; a folder's `Relay` names the rest."""

    label = ""      # for people
    durable = ""    # what it does before its 250, as it ships: a word or two for the table
    messages = {"4KiB": 3000, "32KiB": 3000}  # of one run, by size: some ten seconds' worth
    repeated = False     # measured several times, interleaved, not once
    vanishing = False    # most of its children are waited for by nobody, so that their written bytes cannot be counted
    clean_end = False    # it must end with 0 after TERM

    def __init__(self, home: Path):
        self.home, self.name = home, home.name
        self.unpacked = UNPACKED / self.name
        self.label = self.label or self.name

    def missing(self) -> str:
        """Why it cannot be run here; "" if it can."""
        if (note := self.unpacked / ".missing").exists():
            return note.read_text().strip()
        if not (self.unpacked / ".complete").exists():
            return f"nothing in {self.unpacked}: run 'make deps-bench'"
        return ""

    def version(self) -> str:
        """As its authors count: of the first package, without Debian's revision."""
        versions = self.unpacked / ".versions"
        return versions.read_text().split()[1].rpartition("-")[0] if versions.exists() else "?"

    def prepare(self, place: Place) -> Command | None:
        """Writes all that it needs and says how it is started; None: there is no relay, mail goes straight to the next hop."""
        raise NotImplementedError

    def fill(self, template: str, to: Path, **values: object) -> Path:
        """Writes a template of the relay's folder with each @{name} filled in."""
        text = re.sub(r"@\{(\w+)\}", lambda found: str(values[found[1]]), (self.home / template).read_text())
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
        return to


class Running:
    """A relay at work, from `with` to its end: `address` takes mail, `group` counts."""

    def __init__(self, relay: Relay, place: Place):
        self.relay, self.place = relay, place
        self.program = self.group = None

    def __enter__(self) -> "Running":
        shutil.rmtree(self.place.folder, ignore_errors=True)
        self.place.folder.mkdir(parents=True)
        command = self.relay.prepare(self.place)
        self.address = "%s:%d" % (self.place.listen if command else self.place.next_hop)
        if command:
            self.group = Group(self.relay.name)
            self.program = Program(self.relay.name, self.place.folder.parent / "output", command.words, group=self.group,
                                   environment=command.environment, cwd=self.place.folder)
            try:
                await_greeting(self.place.listen, self.program)
            except BaseException:
                self.group.end()
                raise
        return self

    def __exit__(self, kind, *_) -> None:
        if not self.program:
            return
        code = self.program.end(60)
        self.group.end()
        if self.relay.clean_end and code != 0 and kind is None:
            raise self.program.trouble(f"ended with {code} after TERM")
        if kind is None:
            shutil.rmtree(self.place.folder, ignore_errors=True)  # it may be gigabytes; what failed stays to be looked at


def find() -> dict[str, Relay]:
    """All of bench/relays, by name: the ceiling first, then ours, then the others."""
    found = {}
    for home in sorted(HOME.iterdir(), key=lambda path: ({"none": 0, "angarium": 1, "postfix": 2}.get(path.name, 3), path.name)):
        if (home / "relay.py").exists():
            spec = importlib.util.spec_from_file_location(f"relay_{home.name}", home / "relay.py")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            found[home.name] = module.Relay(home)
    return found
