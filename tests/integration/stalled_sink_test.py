"""A receiving server that stops in the middle of everything (SIGSTOP): its mail waits within the memory budget, other destinations'
mail goes on, and when it comes back each message arrives once.
"""

import os
import signal
import time

import pytest
from support import place
from support.clients import Flood
from support.place import wait_until
from support.relay import Relay
from support.sink import Sink

COUNT = 3_000
SIZE = 16 * 1024
BUDGET = 128 << 20


@pytest.mark.deadline(300)
@pytest.mark.parametrize("shards", [1, 2])
def test_a_stalled_server(start, shards):
    stalled, healthy = start(Sink, name="stalled"), start(Sink, name="healthy")
    relay = start(Relay, {"limits": {"memory": f"{BUDGET >> 20}MiB"}, "queue": {"journal": "64MiB", "segment": "4MiB"},
                          "runtime": {"shards": shards},
                          "route": [{"domains": ["healthy.test"], "to": [healthy.address]}, {"domains": ["*"], "to": [stalled.address]}]})
    flood = Flood(relay.smtp, list(range(COUNT)), domains=3, size=SIZE).start()
    stalled.wait_messages(100, 60)
    os.kill(stalled.process.pid, signal.SIGSTOP)
    try:
        flood.wait()
        arrived = len(stalled.messages())
        Flood(relay.smtp, list(range(COUNT, COUNT + 500)), recipient="r{0}@healthy.test").run()
        began = time.monotonic()
        healthy.wait_messages(500, 60)
        wait_until(lambda: relay.metrics().total("angarium_deliveries_in_flight") > 0, what="attempts that hang")
        metrics = relay.metrics()
        waiting = metrics.total("angarium_messages_queued")
        peak = relay.peak_resident()
    finally:
        os.kill(stalled.process.pid, signal.SIGCONT)
    back = time.monotonic()
    assert not flood.errors and not flood.refused
    stalled.wait_messages(COUNT, 60)
    relay.wait_idle()
    print(f"{waiting:.0f} messages waited for the stalled server, peak resident {peak >> 20} MiB of {BUDGET >> 20}; others' mail was there "
          f"after {back - began:.1f} s; all was delivered {time.monotonic() - back:.1f} s after it had come back")
    assert arrived < COUNT
    assert sorted(m["number"] for m in stalled.messages()) == list(range(COUNT)), "each once"
    if not place.SANITIZED:  # a sanitizer's shadow memory is not in the budget
        assert relay.peak_resident() <= BUDGET
    relay.stop()
