"""One and two shards give the same results; a queue written with one number of shards is read with another."""

import pytest
from support.clients import Flood
from support.mail import digest, message
from support.place import hold_port, wait_until
from support.sink import Sink

COUNT = 1000
RETRY = {"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}}
REFUSED = {"stage": "rcpt", "match": "r[0-9]*7@", "reply": "550 5.1.1 sevens are refused"}


@pytest.mark.parametrize("shards", [1, 2])
def test_same_results(start, relay_to, shards):
    sink = start(Sink, rules=[dict(REFUSED)])
    relay = relay_to(sink.address, runtime={"shards": shards}, queue=RETRY)
    Flood(relay.smtp, list(range(COUNT)), domains=30, content=message, size=1500).run()
    refused = [n for n in range(COUNT) if n % 10 == 7]
    delivered = [n for n in range(COUNT) if n % 10 != 7]
    wait_until(lambda: len(sink.messages()) >= COUNT, 60, "messages and bounces")
    relay.wait_idle()
    metrics = relay.metrics()
    stored = [m for m in sink.messages() if m["from"]]
    assert sorted(m["number"] for m in stored) == delivered
    assert all(m["digest"] == digest(message(m["number"], 1500)) for m in stored)
    assert sum(m["from"] == "" for m in sink.messages()) == len(refused)
    assert metrics.total("angarium_recipients_failed_total") == metrics.total("angarium_bounces_total") == len(refused)
    assert metrics.total("angarium_recipients_delivered_total") == len(delivered) + len(refused)
    relay.stop()


@pytest.mark.parametrize("end", ["stop", "kill9"])
@pytest.mark.parametrize("before, after", [(1, 2), (2, 1), (2, 3)])
def test_number_of_shards_changes(start, relay_to, before, after, end):
    sink = start(Sink)
    sink.end()
    held = hold_port("127.0.0.1", sink.port)
    relay = relay_to(sink.address, runtime={"shards": before}, queue=RETRY)
    Flood(relay.smtp, list(range(COUNT)), domains=30).run()
    getattr(relay, end)()
    relay.config["runtime"]["shards"] = after
    relay.start()
    wait_until(lambda: relay.metrics().total("angarium_messages_queued") == COUNT, what="all messages to be there again")
    held.close()
    sink.start()
    Flood(relay.smtp, list(range(COUNT, COUNT + 50)), domains=30).run()
    sink.wait_messages(COUNT + 50, 60)
    relay.stop()
    assert sorted(m["number"] for m in sink.messages()) == list(range(COUNT + 50))
