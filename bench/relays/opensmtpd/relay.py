"""OpenSMTPD as `make deps-bench` unpacks it, in a root of its own: its paths and users are built in."""

from lib import relays
from lib.private import Box


class Relay(relays.Relay):
    label = "OpenSMTPD"
    durable = "never syncs"
    messages = {"4KiB": 1500, "32KiB": 1500}

    def prepare(self, place: relays.Place) -> relays.Command:
        box = Box(place.folder, self.unpacked, users=["opensmtpd", "opensmtpq"])
        box.own("var/lib/opensmtpd/empty", "root", 0o755)
        box.own("var/spool/smtpd", "root", 0o711)
        action = 'relay host "smtp://%s:%d"' % place.next_hop if place.mode == relays.SMARTHOST else "relay"
        self.fill("smtpd.conf.in", box.path("etc/smtpd.conf"), address=place.listen[0], port=place.listen[1], relay=action)
        box.path("etc/smtpd.conf").chmod(0o644)
        box.path("etc/mailname").write_text("opensmtpd.test\n")
        return relays.Command(box.command(["/opt/usr/sbin/smtpd", "-d"]))
