"""Without an MX the domain's own address takes the mail (RFC 5321, section 5.1); with neither there is nowhere to go."""

from support.clients import RawClient
from support.names import Nsd
from support.relay import Relay
from support.sink import Sink


def test_address_instead_of_mx(start):
    names = start(Nsd, {"test": "plain A 127.0.2.1\nnothing TXT none\nbad MX 10 gone\n"})
    sink = start(Sink, hosts=["127.0.2.1"])
    relay = start(Relay, {"delivery": {"port": sink.port}, "dns": {"servers": [names.address]}})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("", ["b@plain.test"], b"Subject: x\r\n\r\ny\r\n")
        client.mail("", ["b@nothing.test"], b"Subject: x\r\n\r\ny\r\n")
    (stored,) = sink.wait_messages(1)
    assert stored["to"] == ["b@plain.test"]
    event = relay.wait_log(lambda e: e["type"] == "failure")
    assert event["recipient"] == "b@nothing.test" and event["status"].startswith("5."), event
    relay.stop()


def test_address_literal(start):
    sink = start(Sink, hosts=["127.0.2.2"])
    relay = start(Relay, {"delivery": {"port": sink.port}})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("", ["b@[127.0.2.2]"], b"Subject: x\r\n\r\ny\r\n")
    (stored,) = sink.wait_messages(1)
    assert stored["to"] == ["b@[127.0.2.2]"]
    relay.stop()
