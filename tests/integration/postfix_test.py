"""A whole Postfix on either side: its client pipelines into the relay, its server takes mail from the relay. Needs root."""

import os

import pytest
from support.clients import Flood, smtp_source
from support.place import wait_until
from support.postfix import Postfix

COUNT = 500
pytestmark = [pytest.mark.once, pytest.mark.skipif(os.getuid() != 0, reason="Postfix's master runs as root only")]


def test_postfix_pipelines_into_the_relay(start, relay_to, sink):
    relay = relay_to(sink.address)
    postfix = start(Postfix, "{}:{}".format(*relay.smtp))
    smtp_source(("127.0.0.1", postfix.port), "-d", "-s", "10", "-m", str(COUNT), "-l", "4096", "-N", "-f", "a@source.test",
                "-t", "@destination.test")
    stored = sink.wait_messages(COUNT)
    wait_until(lambda: relay.received() >= COUNT, what="all to be counted")
    assert len({m["to"][0] for m in stored}) == COUNT == len(stored) == relay.received()
    relay.stop()


def test_postfix_takes_mail_from_the_relay(start, relay_to, sink):
    postfix = start(Postfix, sink.address)
    relay = relay_to(postfix.address)
    Flood(relay.smtp, list(range(COUNT)), domains=20).run()
    stored = sink.wait_messages(COUNT)
    assert sorted(m["number"] for m in stored) == list(range(COUNT))
    relay.wait_delivered(COUNT)
    assert relay.delivered() == COUNT
    relay.stop()
