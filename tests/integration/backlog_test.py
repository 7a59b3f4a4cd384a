"""A backlog for a dead destination: it moves into the store, memory stays within its budget, a restart is quick for others,
and when the destination comes back everything arrives, once.

ANGARIUM_BACKLOG sets the number of messages (default 100,000; with a sanitizer 20,000).
"""

import os
import time

import pytest
from support import place
from support.bench import BenchSink, bench
from support.clients import RawClient
from support.place import hold_port, wait_until
from support.relay import Relay
from support.sink import Sink

COUNT = int(os.environ.get("ANGARIUM_BACKLOG", 20_000 if place.SANITIZED else 100_000))
MIB = 1024 * 1024
BUDGET = 512 * MIB


@pytest.mark.alone
@pytest.mark.heavy
@pytest.mark.deadline(900)
def test_backlog_of_a_dead_destination(start):
    healthy = start(Sink, name="healthy")
    held = hold_port("127.0.4.1", 0)  # connections are refused there
    dead = "{}:{}".format(*held.getsockname())
    relay = start(Relay, {
        "limits": {"memory": f"{BUDGET // MIB}MiB"},
        "queue": {"journal": "128MiB", "segment": "16MiB", "retry": {"first": "2s", "factor": 1.0, "cap": "2s"}},
        "route": [{"domains": ["*.dead.test"], "to": [dead]}, {"domains": ["*"], "to": [healthy.address]}],
    })
    began = time.monotonic()
    bench("send", "--to", "{}:{}".format(*relay.smtp), "--messages", COUNT, "--size", "2KiB", "--sessions", 20, "--pipelining", "--chunking",
          "--domains", 1, "--domain-suffix", "dead.test", within=300)
    accepted = time.monotonic() - began
    metrics = relay.metrics()
    retired = metrics.total("angarium_retired_messages_total")
    peak = relay.peak_resident()
    print(f"{COUNT} accepted in {accepted:.1f} s ({COUNT / accepted:.0f}/s), {retired:.0f} retired into the store, "
          f"peak resident {peak / MIB:.0f} MiB of {BUDGET / MIB:.0f}")
    wait_until(lambda: relay.metrics().total("angarium_messages_queued") == COUNT, what="the backlog's size in the metrics")
    if COUNT * 2048 > 160 * MIB:  # more than the journal keeps
        assert retired > 0
    if not place.SANITIZED:  # a sanitizer's shadow memory is not in the budget
        assert peak <= BUDGET

    relay.kill9()
    began = time.monotonic()
    relay.start(60)
    ready = time.monotonic()
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@healthy.test"], b"Subject: urgent\r\n\r\nnow\r\n")
    healthy.wait_messages(1, 10)
    delivered = time.monotonic()
    print(f"after SIGKILL: ready in {ready - began:.2f} s, new mail for a healthy domain there {delivered - ready:.2f} s later")
    assert delivered - began <= 10 * place.SLOWDOWN

    held.close()
    began = time.monotonic()
    got = start(BenchSink, "--expect", str(COUNT), "--domain-suffix", "dead.test", domains=1, listen=[dead]).result(600)
    relay.wait_idle(60)
    print(f"the destination is back: {COUNT} delivered in {time.monotonic() - began:.1f} s, "
          f"peak resident {relay.peak_resident() / MIB:.0f} MiB")
    assert (got["unique"], got["lost"], got["duplicated"], got["damaged"], got["foreign"]) == (COUNT, 0, 0, 0, 0)
    if not place.SANITIZED:
        assert relay.peak_resident() <= BUDGET
    relay.stop(60)
