"""Mail exchangers from a real name server: preference order, random order inside a preference, several domains, CNAME."""

import pytest
from support.clients import Flood
from support.names import Nsd, Unbound
from support.relay import Relay
from support.sink import Sink

HOSTS = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"]
ZONE = """
one    MX 10 h1
two    MX 10 h1
two    MX 20 h2
equal  MX 10 h2
equal  MX 10 h3
equal  MX 20 h1
many   MX 5 several
alias  CNAME one
h1 A 127.0.1.1
h2 A 127.0.1.2
h3 A 127.0.1.3
several A 127.0.1.4
several A 127.0.1.3
"""


@pytest.mark.parametrize("resolver", ["nsd", "unbound"])
def test_messages_go_to_the_preferred_exchangers(start, resolver):
    names = start(Nsd, {"test": ZONE})
    if resolver == "unbound":
        names = start(Unbound, {"test": names.address})
    sink = start(Sink, hosts=HOSTS)
    relay = start(Relay, {"delivery": {"port": sink.port}, "dns": {"servers": [names.address]}})
    domains = ["one.test", "two.test", "equal.test", "many.test", "alias.test"]
    count = 100 * len(domains)
    Flood(relay.smtp, list(range(count)), recipient=lambda n: f"r{n}@{domains[n % len(domains)]}").run()
    stored = sink.wait_messages(count)
    where = {event["connection"]: event["local"].split(":")[0] for event in sink.events() if event["event"] == "connect"}
    used = {domain: {where[m["connection"]] for m in stored if m["to"][0].endswith("@" + domain)} for domain in domains}
    assert used["one.test"] == used["two.test"] == used["alias.test"] == {"127.0.1.1"}
    assert used["equal.test"] <= {"127.0.1.2", "127.0.1.3"}
    assert used["many.test"] <= {"127.0.1.3", "127.0.1.4"}
    assert sorted(m["number"] for m in stored) == list(range(count))
    print("connections used:", sink.connections())
    relay.stop()


def test_equal_preferences_are_shared(start):
    names = start(Nsd, {"test": ZONE + "".join(f"e{n} MX 10 h1\ne{n} MX 10 h2\n" for n in range(40))})
    sink = start(Sink, hosts=HOSTS)
    relay = start(Relay, {"delivery": {"port": sink.port}, "dns": {"servers": [names.address]}})
    Flood(relay.smtp, list(range(400)), recipient="r{0}@e{1}.test", domains=40).run()
    sink.wait_messages(400)
    where = [event["local"].split(":")[0] for event in sink.events() if event["event"] == "connect"]
    assert {"127.0.1.1", "127.0.1.2"} == set(where), "both of 40 equal pairs are used"
    relay.stop()
