"""A whole Postfix with a configuration of its own, unpacked below build/peers: takes mail on a loopback port and relays it.

Needs root, as Postfix's master does. Nothing of the system's own mail is touched: queue, configuration and log lie in a
folder below /var/tmp (its sockets need short paths), removed at the end. Its worker processes run as the system user `uucp`
(any user that owns nothing will do).
"""

import os
import shutil
import tempfile
from pathlib import Path

from . import place
from .place import wait_until
from .sink import Process, listens

QUEUE_FOLDERS = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private",
                 "public", "saved", "trace"]

SERVICES = """
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix(Process):
    """Relays all that comes from loopback to `relayhost` ("127.0.0.1:2526"); `settings` are lines of main.cf."""

    def __init__(self, folder: Path, relayhost: str, **settings: str):
        super().__init__("postfix", folder)
        self.peers = Path(os.environ.get("ANGARIUM_PEERS", place.ROOT / "build/peers")).resolve()
        self.relayhost, self.settings = relayhost, settings
        self.home = Path(tempfile.mkdtemp(prefix="angarium-postfix-", dir="/var/tmp"))
        self.home.chmod(0o755)

    def start(self) -> "Postfix":
        assert os.getuid() == 0, "Postfix's master runs as root only"
        for _ in range(20):
            self.port = place.free_port()
            self.address = f"127.0.0.1:{self.port}"
            self.configure()
            self.spawn([place.PEER, "master", "-d", "-c", self.home / "etc"])
            if wait_until(lambda: not self.alive() or listens(self.port), 20, "Postfix") and self.alive():
                return self
        raise AssertionError(self.report())

    def configure(self) -> None:
        etc, queue, data = (self.home / name for name in ("etc", "queue", "data"))
        for path in [etc, queue, data, *(queue / name for name in QUEUE_FOLDERS)]:
            path.mkdir(parents=True, exist_ok=True)
        for name in QUEUE_FOLDERS:
            if name != "pid":
                shutil.chown(queue / name, "uucp")
        shutil.chown(data, "uucp")
        host, port = self.relayhost.rsplit(":", 1)
        settings = {
            "compatibility_level": "3.6", "queue_directory": queue, "data_directory": data, "meta_directory": etc,
            "daemon_directory": self.peers / "usr/lib/postfix/sbin", "command_directory": self.peers / "usr/sbin",
            "shlib_directory": self.peers / "usr/lib/postfix", "mail_owner": "uucp", "setgid_group": "news",
            "import_environment": "LD_LIBRARY_PATH MAIL_CONFIG MAIL_LOGTAG TZ", "export_environment": "LD_LIBRARY_PATH TZ",
            "maillog_file": self.home / "maillog", "maillog_file_prefixes": self.home,
            "myhostname": "postfix.test", "mydestination": "", "mynetworks": "127.0.0.0/8", "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4", "relayhost": f"[{host}]:{port}", "alias_maps": "", "alias_database": "",
            "smtp_tls_security_level": "none", "smtpd_tls_security_level": "none", "smtputf8_enable": "no", **self.settings,
        }
        (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        (etc / "master.cf").write_text(f"127.0.0.1:{self.port} inet n - n - - smtpd\n{SERVICES}")

    def idle(self) -> bool:
        """Nothing waits in its queue."""
        return not any(path.is_file() for name in ("maildrop", "incoming", "active", "deferred")
                       for path in (self.home / "queue" / name).rglob("*"))

    def end(self) -> None:
        super().end()
        shutil.rmtree(self.home, ignore_errors=True)

    def log(self) -> str:
        path = self.home / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def report(self) -> str:
        return super().report() + "\n" + place.tail(self.home / "maillog", 30)
