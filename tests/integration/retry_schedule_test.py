"""Deferred mail is tried again after first, first × factor, ... up to cap; at the end of its lifetime it fails and bounces."""

from datetime import datetime

import pytest
from support import place
from support.clients import RawClient
from support.sink import Sink

LETTER = b"Subject: x\r\n\r\ny\r\n"


@pytest.mark.once
def test_intervals_grow_to_the_cap(start, relay_to):
    sink = start(Sink, rules=[{"stage": "rcpt", "reply": "451 4.7.1 greylisted", "times": 4}])
    relay = relay_to(sink.address, queue={"retry": {"first": "1s", "factor": 2.0, "cap": "3s", "jitter": 0.0}}, runtime={"shards": 1})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@destination.test"], LETTER)
    (stored,) = sink.wait_messages(1, 30)
    assert stored["to"] == ["b@destination.test"]
    relay.wait_log(lambda e: e["type"] == "delivery")
    attempts = [e for e in relay.log() if e["type"] in ("transient_failure", "delivery")]
    assert [e["attempt"] for e in attempts] == [1, 2, 3, 4, 5]
    assert all(e["code"] == 451 and e["status"] == "4.7.1" for e in attempts[:4]), attempts
    times = [timestamp(e) for e in attempts]
    planned = [timestamp(e, "next_attempt") - timestamp(e) for e in attempts[:4]]
    # The next attempt is planned when the reply comes; the line has the time of its record, on a busy machine somewhat later.
    for plan, wanted in zip(planned, [1, 2, 3, 3]):
        assert wanted - 0.5 <= plan <= wanted + 0.1, planned
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    print("gaps between attempts:", [f"{gap:.2f}" for gap in gaps])
    for gap, wanted in zip(gaps, planned):
        assert wanted - 0.1 <= gap <= wanted + 10 * place.SLOWDOWN, gaps  # a busy machine is late
    relay.stop()


def test_expiry_bounces(start, relay_to):
    sink = start(Sink, bodies=True, rules=[{"stage": "rcpt", "match": "b@", "reply": "450 4.2.2 mailbox full"}])
    relay = relay_to(sink.address, queue={"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0, "lifetime": "3s"}})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@destination.test"], LETTER)
    (bounce,) = sink.wait_messages(1, 30)
    assert bounce["from"] == "" and bounce["to"] == ["a@source.test"]
    assert "mailbox full" in bounce["body"]
    event = relay.wait_log(lambda e: e["type"] == "expiration")
    assert event["recipient"] == "b@destination.test"
    assert relay.metrics().total("angarium_recipients_expired_total") == 1
    relay.stop()


def timestamp(event: dict, field: str = "time") -> float:
    """Seconds from the log's ISO 8601 time."""
    return datetime.fromisoformat(event[field]).timestamp()
