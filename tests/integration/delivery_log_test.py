"""The delivery log: one JSON line an event, everything that happened and nothing twice, also across a crash."""

import pytest
from support.clients import Flood, RawClient
from support.place import wait_until
from support.sink import Sink

MANY = 300
RULES = [{"stage": "rcpt", "match": "never@", "reply": "550 5.1.1 no such mailbox"},
         {"stage": "rcpt", "match": "later@", "reply": "451 4.7.1 later", "times": 1}]


def test_events_tell_the_story(start, relay_to):
    sink = start(Sink, rules=[dict(rule) for rule in RULES])
    relay = relay_to(sink.address, queue={"retry": {"first": "1s", "jitter": 0.0}})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        for who in ("good", "never", "later"):
            client.command(f"RCPT TO:<{who}@destination.test>")
        client.command("DATA", 354)
        queue_id = client.command(b"Subject: x\r\n\r\ny\r\n.\r\n").text.split("queued as ")[1]
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<ä@destination.test>", 553)
        client.command("RSET")
    relay.wait_delivered(3)  # good, later, and the bounce
    wait_until(lambda: len(relay.log()) >= 8, what="eight events")
    relay.stop()
    events = relay.log()
    mine = [e for e in events if e.get("id") == queue_id]
    reception = next(e for e in mine if e["type"] == "reception")
    assert reception["sender"] == "a@source.test" and reception["recipient_count"] == 3
    assert reception["peer"]["name"] == "client.test" and reception["peer"]["address"].startswith("127.0.0.1:")
    told = {(e["type"], e["recipient"].split("@")[0], e["code"], e["attempt"]) for e in mine if e["type"] != "reception"}
    assert told == {("delivery", "good", 250, 1), ("failure", "never", 550, 1), ("transient_failure", "later", 451, 1),
                    ("delivery", "later", 250, 2)}
    delivery = next(e for e in mine if e["type"] == "delivery")
    assert delivery["destination"] == "destination.test" and delivery["peer"]["address"] == sink.address
    assert delivery["size"] > 0 and delivery["queued_seconds"] >= 0 and delivery["attempt_seconds"] > 0
    bounce = next(e for e in events if e["type"] == "bounce")
    assert bounce["about"] == queue_id and bounce["recipient"] == "a@source.test"
    rejection = next(e for e in events if e["type"] == "rejection")
    assert rejection["code"] == 553 and rejection["peer"]["name"] == "client.test"
    assert len(events) == 8, [e["type"] for e in events]


@pytest.mark.heavy
@pytest.mark.deadline(300)
def test_no_line_is_lost_or_told_twice_across_crashes(start, relay_to):
    sink = start(Sink)
    relay = relay_to(sink.address, queue={"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}})
    acknowledged = {}
    for crash in range(3):
        flood = Flood(relay.smtp, list(range(crash * 10_000, crash * 10_000 + 10_000)), domains=10, flight=5).start()
        wait_until(lambda: len(flood.acknowledged) > MANY * (crash + 1), 90, "some more of it")  # each time the kill finds it elsewhere
        relay.kill9()
        flood.wait()
        acknowledged |= flood.acknowledged
        relay.start()
    relay.wait_idle()
    relay.stop()
    events = relay.log()
    ids = set(acknowledged.values())
    received = [e["id"] for e in events if e["type"] == "reception"]
    delivered = [e["id"] for e in events if e["type"] == "delivery"]
    assert ids <= set(received) and ids <= set(delivered)
    assert set(received) == set(delivered)
    numbers = [e["event"] for e in events if "event" in e]
    assert len(numbers) == len(set(numbers)), "an event has one line"
    assert len(delivered) == len(set(delivered)), "a recipient ends once"
