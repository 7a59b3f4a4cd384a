"""Mail comes in many times faster than it can leave: memory stays within its budget, the backlog moves into the store, nobody is
refused for it, and when the receiving server is fast again everything arrives, once.
"""

import time

import pytest
from support.clients import Flood
from support.relay import Relay
from support.sink import Sink

pytestmark = pytest.mark.once

COUNT = 6_000
SIZE = 8 * 1024
BUDGET = 128 << 20


@pytest.mark.heavy
@pytest.mark.deadline(600)
def test_acceptance_outruns_delivery(start, folder):
    slow = folder / "slow"  # while it is there the server takes its time
    slow.touch()
    sink = start(Sink, rules=[{"stage": "mail", "delay": 0.5, "while": str(slow)}])
    relay = start(Relay, {"runtime": {"shards": 2}, "limits": {"memory": f"{BUDGET >> 20}MiB", "message_size": "8MiB"}, "queue": {"journal": "32MiB", "segment": "4MiB"},
                          "delivery": {"connections_per_site": 5},
                          "route": [{"domains": ["*"], "to": [sink.address]}]})
    began = time.monotonic()
    Flood(relay.smtp, list(range(COUNT)), domains=10, size=SIZE).run()
    accepted = time.monotonic() - began
    left = len(sink.messages())
    assert left < COUNT / 2, "delivery was slower"
    slow.unlink()
    sink.wait_messages(COUNT, 300)
    relay.wait_idle(60)
    metrics = relay.metrics()
    print(f"{COUNT} accepted in {accepted:.1f} s while {left} left; {metrics.total('angarium_retired_messages_total'):.0f} moved into the store; "
          f"peak resident {relay.peak_resident() >> 20} MiB of {BUDGET >> 20}; everything was delivered after {time.monotonic() - began:.1f} s")
    assert sorted(m["number"] for m in sink.messages()) == list(range(COUNT)), "each once"
    assert metrics.total("angarium_retired_messages_total") > 0
    assert relay.peak_resident() <= BUDGET
    relay.stop(60)
