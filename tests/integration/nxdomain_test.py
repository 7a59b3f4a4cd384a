"""A domain that does not exist fails at once; the sender is told, and other mail is not held up."""

import pytest
from support.clients import RawClient
from support.names import Nsd, Unbound
from support.relay import Relay
from support.sink import Sink


@pytest.mark.parametrize("resolver", ["nsd", "unbound"])
def test_nxdomain_fails_and_bounces(start, resolver):
    names = start(Nsd, {"test": "good MX 10 h1\nsource MX 10 h1\nh1 A 127.0.0.1\n"})
    if resolver == "unbound":
        names = start(Unbound, {"test": names.address})
    sink = start(Sink, bodies=True)
    relay = start(Relay, {"delivery": {"port": sink.port}, "dns": {"servers": [names.address]}})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@gone.test", "c@good.test"], b"Subject: x\r\n\r\ny\r\n")
    event = relay.wait_log(lambda e: e["type"] == "failure")
    assert event["recipient"] == "b@gone.test" and event["status"].startswith("5.1"), event
    stored = {m["to"][0]: m for m in sink.wait_messages(2)}
    assert sorted(stored) == ["a@source.test", "c@good.test"]
    assert "b@gone.test" in stored["a@source.test"]["body"]
    relay.stop()
