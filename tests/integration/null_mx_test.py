"""A null MX (RFC 7505) says that the domain takes no mail: failed at once with 5.1.10, the sender is told."""

from support.clients import RawClient
from support.names import Nsd
from support.relay import Relay
from support.sink import Sink


def test_null_mx_fails_and_bounces(start):
    names = start(Nsd, {"test": "nomail MX 0 .\nnomail A 127.0.0.1\nsource MX 10 h1\nh1 A 127.0.0.1\n"})
    sink = start(Sink, bodies=True)
    relay = start(Relay, {"delivery": {"port": sink.port}, "dns": {"servers": [names.address]}})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@nomail.test"], b"Subject: x\r\n\r\ny\r\n")
    event = relay.wait_log(lambda e: e["type"] == "failure")
    assert event["recipient"] == "b@nomail.test" and event["status"] == "5.1.10", event
    (bounce,) = sink.wait_messages(1)
    assert bounce["from"] == "" and bounce["to"] == ["a@source.test"] and "5.1.10" in bounce["body"]
    relay.stop()
