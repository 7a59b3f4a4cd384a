"""Prometheus's own tool finds nothing wrong with /metrics, and the counters equal what was sent and received."""

import subprocess

import pytest
from support import place
from support.clients import Flood, RawClient
from support.mail import plain
from support.place import wait_until
from support.sink import Sink

COUNT = 2000


@pytest.mark.once
def test_counters_tell_the_truth(start, relay_to):
    sink = start(Sink, rules=[{"stage": "rcpt", "match": "never@", "reply": "550 5.1.1 no such mailbox"}])
    relay = relay_to(sink.address, runtime={"shards": 2})
    Flood(relay.smtp, list(range(COUNT)), domains=50, size=1000).run()
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("", [f"r{n}@several{n % 2}.test" for n in range(10)], plain(COUNT))
        client.mail("a@source.test", ["never@d0.test"], plain(COUNT + 1))
        client.command("QUIT", 221)
    sink.wait_messages(COUNT + 3)  # the one with ten recipients has two destinations; and a bounce
    relay.wait_delivered(COUNT + 11)
    wait_until(lambda: relay.metrics().total("angarium_messages_queued") == 0, what="what arrived to be recorded")
    metrics = relay.metrics()
    expected = {
        "angarium_messages_received_total": COUNT + 2,
        "angarium_recipients_received_total": COUNT + 11,
        "angarium_recipients_delivered_total": COUNT + 11,
        "angarium_recipients_failed_total": 1,
        "angarium_recipients_bounced_total": 1,
        "angarium_bounces_total": 1,
        "angarium_recipients_deferred_total": 0,
        "angarium_messages_queued": 0,
        "angarium_inbound_connections_total": 11,
    }
    assert {name: metrics.total(name) for name in expected} == expected
    body_bytes = sum(len(plain(n, 1000)) for n in range(COUNT)) + len(plain(COUNT)) + len(plain(COUNT + 1))
    assert metrics.total("angarium_message_bytes_received_total") >= body_bytes
    # The sink counts a connection when it comes, the relay once it is ready for mail.
    wait_until(lambda: relay.metrics().total("angarium_outbound_connections_opened_total") == sink.connections(),
               what="equal counts of connections")
    done = subprocess.run([place.PEER, "promtool", "check", "metrics"], input=relay.get("/metrics"), text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
    relay.stop()


def test_health(relay_to, sink):
    relay = relay_to(sink.address)
    assert relay.get("/healthz") and relay.get("/readyz")
    assert relay.metrics().total("angarium_ready") == 1
    relay.stop()
