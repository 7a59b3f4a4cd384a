"""Never an open relay: who is not in relay_from gets 550 5.7.1, whatever the address looks like."""

import pytest
from support.clients import RawClient
from support.relay import Relay
from support.sink import Sink

TRICKS = ["b@destination.test", "b%destination.test@relay.test", "destination.test!b@relay.test", "@relay.test:b@destination.test",
          '"b@destination.test"@relay.test', "b@[127.0.0.1]"]


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"], ["127.0.0.2/32"]], ids=str)
def test_strangers_may_not_relay(start, networks):
    sink = start(Sink)
    relay = start(Relay, {"listener": [{"address": "127.0.0.1:0", "relay_from": networks}],
                          "route": [{"domains": ["*"], "to": [sink.address]}]})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@relay.test>")
        for trick in TRICKS:
            client.command(f"RCPT TO:<{trick}>", 550, "5.7.1")
        client.send("DATA")
        assert client.reply().code in (503, 554)
    event = relay.wait_log(lambda e: e["type"] == "rejection")
    assert event["code"] == 550
    assert relay.received() == 0 and not sink.messages()
    relay.stop()
