"""Haraka as `make deps-bench` takes it from npm, with Node from the system."""

import json
import os
import shutil

from lib import relays


class Relay(relays.Relay):
    label = "Haraka"
    durable = "queue file synced"

    def missing(self) -> str:
        return super().missing() or ("" if shutil.which("node") else "no node here; install node 20 or later")

    @property
    def package(self):
        return self.unpacked / "node_modules/Haraka"

    def version(self) -> str:
        return json.loads((self.package / "package.json").read_text())["version"]

    def prepare(self, place: relays.Place) -> relays.Command:
        home = place.folder
        values = {"address": place.listen[0], "port": place.listen[1], "workers": len(os.sched_getaffinity(0)), "host": "", "next_port": 25}
        if place.mode == relays.SMARTHOST:
            values["host"], values["next_port"] = place.next_hop
        shutil.copytree(self.package / "config", home / "config")  # as `haraka -i` does
        for name in ("smtp.ini", "outbound.ini", "log.ini", "plugins", "me"):
            self.fill(f"{name}.in", home / "config" / name, **values)
        self.fill("next_hop.js.in", home / "plugins/next_hop.js", **values)
        (home / "queue").mkdir()
        return relays.Command(["node", self.package / "bin/haraka", "-c", home])
