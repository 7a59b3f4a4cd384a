"""A name server that fails, refuses or is silent is a reason to wait: deferred, never bounced; later the mail arrives."""

import pytest
from support.clients import RawClient
from support.names import BrokenNames, Nsd, Unbound
from support.relay import Relay
from support.sink import Sink

RETRY = {"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}}


def send(relay) -> None:
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@good.test"], b"Subject: x\r\n\r\ny\r\n")


@pytest.mark.parametrize("rcode", [2, 5, None], ids=["SERVFAIL", "REFUSED", "silence"])
def test_deferred(start, rcode):
    names = start(BrokenNames, rcode)
    relay = start(Relay, {"dns": {"servers": [names.address], "timeout": "500ms", "tries": 2}, "queue": RETRY})
    send(relay)
    event = relay.wait_log(lambda e: e["type"] == "transient_failure")
    assert event["code"] == 0 and event["status"].startswith("4.4"), event
    assert relay.metrics().total("angarium_recipients_failed_total") == 0
    assert names.questions >= 1
    relay.stop()


def test_deferred_behind_a_resolver_and_delivered_when_names_are_back(start):
    authority = start(Nsd, {"other": "x A 127.0.0.1\n"})  # refuses "test": the resolver says SERVFAIL
    resolver = start(Unbound, {"test": authority.address})
    sink = start(Sink)
    relay = start(Relay, {"delivery": {"port": sink.port}, "queue": RETRY,
                          "dns": {"servers": [resolver.address], "timeout": "1s", "tries": 2}})
    send(relay)
    relay.wait_log(lambda e: e["type"] == "transient_failure")
    relay.stop()
    names = start(Nsd, {"test": "good MX 10 h1\nh1 A 127.0.0.1\n"})
    relay.config["dns"]["servers"] = [names.address]
    relay.start()
    (stored,) = sink.wait_messages(1)
    assert stored["to"] == ["b@good.test"]
    relay.stop()
