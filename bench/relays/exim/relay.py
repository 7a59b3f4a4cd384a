"""Exim as `make deps-bench` unpacks it, in a root of its own: its paths and users are built in."""

from lib import relays
from lib.private import Box

USER = "Debian-exim"
ROUTER = {
    relays.SMARTHOST: "driver = manualroute\n  route_list = * {host}",
    relays.MX: "driver = dnslookup\n  ignore_target_hosts = 0.0.0.0",
}


class Relay(relays.Relay):
    label = "Exim"
    durable = "spool files synced"
    messages = {"4KiB": 1500, "32KiB": 1500}
    vanishing = True  # a session leaves its deliveries to the kernel (SIGCHLD ignored)

    def prepare(self, place: relays.Place) -> relays.Command:
        box = Box(place.folder, self.unpacked, users=[USER])
        for name in ("var/spool/exim4", "var/log/exim4"):
            box.own(name, USER)
        host, port = place.next_hop
        config = self.fill("exim.conf.in", box.path("etc/exim4/exim4.conf"), address=place.listen[0], port=place.listen[1],
                           router=ROUTER[place.mode].format(host=host), exchanger_port=port)
        config.chmod(0o644)
        return relays.Command(box.command(["/opt/usr/sbin/exim4", "-bdf", "-q1m"]))
