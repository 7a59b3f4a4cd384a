"""aiosmtpd receives: exact bytes and envelopes."""

from support.clients import RawClient
from support.mail import message, split_received
from support.sink import AioSink


def test_delivered_unchanged(start, relay_to):
    sink = start(AioSink)
    relay = relay_to(sink.address)
    sizes = [200, 3000, 70_000, 1_500_000]
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for number, size in enumerate(sizes):
            client.mail("a@source.test", [f"r{number}@destination.test"], message(number, size))
    stored = {copy["to"][0]: copy for copy in sink.wait_messages(len(sizes))}
    for number, size in enumerate(sizes):
        copy = stored[f"r{number}@destination.test"]
        received, rest = split_received(copy["content"].encode("latin-1"))
        assert received and rest == message(number, size)
        assert copy["from"] == "a@source.test" and copy["helo"] == "relay.test"
    relay.stop()
