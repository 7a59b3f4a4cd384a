"""Postfix as `make deps` unpacks it, with queue and configuration of its own. Its workers run as the system user `uucp`."""

import os
import shutil
import subprocess
from pathlib import Path

from lib import relays
from lib.processes import PEER, ROOT

QUEUE = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private", "public",
         "saved", "trace"]


class Relay(relays.Relay):
    label = "Postfix"
    durable = "queue file synced"
    messages = {"4KiB": 6000, "32KiB": 5000}
    repeated = True

    def __init__(self, home):
        super().__init__(home)
        self.unpacked = Path(os.environ.get("ANGARIUM_PEERS", ROOT / "build/peers")).resolve()  # where PEER looks, too

    def version(self) -> str:
        done = subprocess.run([PEER, "postconf", "-d", "-h", "mail_version"], capture_output=True, text=True)
        return done.stdout.strip()

    def prepare(self, place: relays.Place) -> relays.Command:
        home = place.folder
        home.chmod(0o755)
        for name in ("etc", "data", *(f"queue/{one}" for one in QUEUE)):
            (home / name).mkdir(parents=True, exist_ok=True)
            if name != "etc" and name != "queue/pid":
                shutil.chown(home / name, "uucp")
        values = {"home": home, "peers": self.unpacked, "address": place.listen[0], "port": place.listen[1],
                  "relayhost": "[%s]:%d" % place.next_hop if place.mode == relays.SMARTHOST else ""}
        self.fill("main.cf.in", home / "etc/main.cf", **values)
        self.fill("master.cf.in", home / "etc/master.cf", **values)
        return relays.Command([PEER, "master", "-d", "-c", home / "etc"])
