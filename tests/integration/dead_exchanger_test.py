"""The first exchanger is dead, refuses or has no address: the next one gets the mail, in the same attempt."""

from support.clients import Flood
from support.names import Nsd
from support.place import hold_port
from support.relay import Relay
from support.sink import Sink

ZONE = """
dead    MX 10 h9
dead    MX 20 h1
refuses MX 10 h2
refuses MX 20 h1
absent  MX 10 nowhere
absent  MX 20 h1
h1 A 127.0.3.1
h2 A 127.0.3.2
h9 A 127.0.3.9
"""


def test_next_exchanger_takes_the_mail(start):
    names = start(Nsd, {"test": ZONE})
    sink = start(Sink, hosts=["127.0.3.1"])
    busy = start(Sink, name="busy", hosts=["127.0.3.2"], port=sink.port,
                 rules=[{"stage": "banner", "reply": "421 4.3.2 busy", "close": True}])
    held = hold_port("127.0.3.9", sink.port)
    relay = start(Relay, {"delivery": {"port": sink.port}, "dns": {"servers": [names.address]},
                          "queue": {"retry": {"first": "1h"}}})
    domains = ["dead.test", "refuses.test", "absent.test"]
    Flood(relay.smtp, list(range(60)), recipient=lambda n: f"r{n}@{domains[n % 3]}").run()
    stored = sink.wait_messages(60)
    assert sorted(m["number"] for m in stored) == list(range(60))
    assert busy.connections() >= 1 and not busy.messages()
    held.close()
    relay.stop()
