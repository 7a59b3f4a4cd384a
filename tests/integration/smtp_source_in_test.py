"""Postfix's smtp-source submits. It knows no pipelining, so a pipelined flood of the same mail stands beside it."""

import pytest
from support.clients import Flood, smtp_source

COUNT = 500


@pytest.mark.once
@pytest.mark.parametrize("options", [[], ["-d"]], ids=["one message a session", "many messages a session"])
def test_smtp_source_lock_step(relay_to, sink, options):
    relay = relay_to(sink.address)
    smtp_source(relay.smtp, *options, "-s", "10", "-m", str(COUNT), "-l", "4096", "-N", "-M", "client.test",
                "-f", "a@source.test", "-t", "@destination.test")
    stored = sink.wait_messages(COUNT)
    assert len({m["to"][0] for m in stored}) == COUNT == len(stored)
    assert relay.received() == COUNT
    relay.stop()


def test_the_same_pipelined(relay_to, sink):
    relay = relay_to(sink.address)
    flood = Flood(relay.smtp, list(range(COUNT)), size=4096, connections=10).run()
    assert len(set(flood.acknowledged.values())) == COUNT
    stored = sink.wait_messages(COUNT)
    assert sorted(m["number"] for m in stored) == list(range(COUNT))
    relay.stop()
