"""Names in tests: nsd serves zones with authority, unbound resolves in front of it. Both as ordinary processes."""

import socket
import threading
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from . import place
from .place import wait_until
from .sink import Process


def answers(port: int, name: str) -> bool:
    try:
        dns.query.udp(dns.message.make_query(name, "SOA"), "127.0.0.1", timeout=0.5, port=port)
        return True
    except (dns.exception.DNSException, OSError):
        return False


class Nsd(Process):
    """`zones` maps a zone's name to its records in master-file form (without SOA and NS, which are added)."""

    def __init__(self, folder: Path, zones: dict[str, str], ttl: int = 300):
        super().__init__("nsd", folder)
        self.zones, self.ttl = zones, ttl

    def start(self) -> "Nsd":
        for _ in range(20):
            self.port = place.free_port()
            self.address = f"127.0.0.1:{self.port}"
            self.configure()
            self.spawn([place.PEER, "nsd", "-d", "-c", self.folder / "nsd.conf"])
            first = next(iter(self.zones))
            if wait_until(lambda: not self.alive() or answers(self.port, first), 20, "nsd") and self.alive():
                return self
        raise AssertionError(self.report())

    def configure(self) -> None:
        settings = [
            "server:", "  server-count: 1", "  ip-address: 127.0.0.1", f"  port: {self.port}", '  username: ""', '  chroot: ""',
            f"  zonesdir: {self.folder}", '  database: ""', f"  pidfile: {self.folder}/nsd.pid", f"  xfrdfile: {self.folder}/xfrd.state",
            f"  xfrdir: {self.folder}", "  zonelistfile: " + str(self.folder / "zone.list"), "  verbosity: 1",
            "  reuseport: no", "remote-control:", "  control-enable: no",
        ]
        for name, records in self.zones.items():
            head = f"$ORIGIN {name}.\n$TTL {self.ttl}\n@ SOA ns hostmaster 1 3600 600 86400 {self.ttl}\n@ NS ns\nns A 127.0.0.1\n"
            (self.folder / f"{name}.zone").write_text(head + records + "\n")
            settings += ["zone:", f"  name: {name}", f"  zonefile: {name}.zone"]
        (self.folder / "nsd.conf").write_text("\n".join(settings) + "\n")


class Unbound(Process):
    """A resolver whose zones come from authoritative servers: {"test": "127.0.0.1:5300"}; all else is refused by no one."""

    def __init__(self, folder: Path, stubs: dict[str, str]):
        super().__init__("unbound", folder)
        self.stubs = stubs

    def start(self) -> "Unbound":
        for _ in range(20):
            self.port = place.free_port()
            self.address = f"127.0.0.1:{self.port}"
            self.configure()
            self.spawn([place.PEER, "unbound", "-d", "-c", self.folder / "unbound.conf"])
            first = next(iter(self.stubs))
            if wait_until(lambda: not self.alive() or answers(self.port, first), 20, "unbound") and self.alive():
                return self
        raise AssertionError(self.report())

    def configure(self) -> None:
        settings = [
            "server:", "  interface: 127.0.0.1", f"  port: {self.port}", '  username: ""', '  chroot: ""', '  pidfile: ""',
            f"  directory: {self.folder}", "  do-daemonize: no", "  use-syslog: no", '  logfile: ""', "  num-threads: 1",
            "  do-not-query-localhost: no", "  access-control: 127.0.0.0/8 allow", '  module-config: "iterator"',
            "  local-zone: test. nodefault", "remote-control:", "  control-enable: no",
        ]
        for name, address in self.stubs.items():
            settings += ["stub-zone:", f"  name: {name}", f"  stub-addr: {address.replace(':', '@')}", "  stub-prime: no"]
        (self.folder / "unbound.conf").write_text("\n".join(settings) + "\n")


class BrokenNames:
    """A DNS server (UDP) that answers every question with one response code, or never: rcode=None."""

    def __init__(self, rcode: int | None):
        self.rcode = rcode
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.questions = 0

    def start(self) -> "BrokenNames":
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self) -> None:
        while True:
            try:
                wire, sender = self.socket.recvfrom(4096)
                self.questions += 1
                if self.rcode is not None:
                    answer = dns.message.make_response(dns.message.from_wire(wire))
                    answer.set_rcode(self.rcode)
                    self.socket.sendto(answer.to_wire(), sender)
            except OSError:
                return

    def end(self) -> None:
        self.socket.close()

    def report(self) -> str:
        return f"── broken names {self.address}: {self.questions} questions"
