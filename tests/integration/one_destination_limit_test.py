"""Thousands of messages to one destination never use more connections than its limit, and reuse them."""

import pytest
from support.clients import Flood
from support.sink import Sink

pytestmark = pytest.mark.once

COUNT = 4_000
LIMIT = 8


@pytest.mark.heavy
@pytest.mark.deadline(300)
@pytest.mark.parametrize("shards", [1, 2])
def test_connections_stay_within_the_limit(start, relay_to, shards):
    sink = start(Sink)
    relay = relay_to(sink.address, delivery={"connections_per_site": LIMIT, "connections_at_start": 2,
                                             "deliveries_per_connection": 400}, runtime={"shards": shards})
    Flood(relay.smtp, list(range(COUNT)), size=500).run()
    stored = sink.wait_messages(COUNT, 200)
    relay.stop()
    assert sorted(m["number"] for m in stored) == list(range(COUNT))
    most, opened = sink.most_open(), sink.connections()
    print(f"at most {most} connections at a time (limit {LIMIT}), {opened} in all, {COUNT / opened:.0f} messages a connection")
    assert most <= LIMIT
    assert opened <= COUNT / 40, "connections are reused"
    assert max(event["messages"] for event in sink.events() if event["event"] == "close") <= 400
