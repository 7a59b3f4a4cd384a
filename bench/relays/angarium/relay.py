"""angarium in the one configuration that all figures are measured in: angarium.toml.in."""

import subprocess

from lib import relays
from lib.processes import PROGRAM

SMARTHOST = '\n[[route]]\ndomains = ["*"]\nto      = ["{}:{}"]\n'


class Relay(relays.Relay):
    label = "angarium"
    durable = "message and envelope synced"
    messages = {"4KiB": 120_000, "32KiB": 60_000}
    repeated = True
    clean_end = True
    shards = 1
    listener = delivery = ""  # keys that a measurement of something else adds to these tables
    further = ""  # tables that a measurement of something else adds to the published configuration

    def missing(self) -> str:
        return "" if PROGRAM.exists() else f"{PROGRAM} is missing: run 'make build'"

    def version(self) -> str:
        return subprocess.run([PROGRAM, "version"], capture_output=True, text=True).stdout.strip()

    def prepare(self, place: relays.Place) -> relays.Command:
        config = self.fill("angarium.toml.in", place.folder / "angarium.toml", folder=place.folder, listen="%s:%d" % place.listen,
                           route=SMARTHOST.format(*place.next_hop) if place.mode == relays.SMARTHOST else "",
                           listener=self.listener, delivery=self.delivery, further=self.further)
        config.write_text(config.read_text().replace("shards = 1 ", f"shards = {self.shards} "))
        return relays.Command([PROGRAM, "serve", "--config", config])
