"""A thousand clients that hold a connection and hardly speak: those that speak are served as if nobody else were there, the slow
ones are told 421 when their time is over, and strangers, however many, leave room for the clients that we relay for.

ANGARIUM_SLOW_CONNECTIONS sets how many (default 1,000, with a sanitizer 300); tests/overload measures with 10,000.
"""

import os

import pytest
from support import place
from support.clients import Flood, RawClient
from support.place import wait_until
from support.slow_clients import RECIPIENT, SlowClients

COUNT = int(os.environ.get("ANGARIUM_SLOW_CONNECTIONS", 300 if place.SANITIZED else 1000))
MESSAGES = 500
PATIENCE = 40  # seconds; all slow clients must have come and the messages have passed before it ends
TERMS = {"listener": [{"address": "127.0.0.1:0", "relay_from": ["127.0.0.1/32"]}],
         "relay": [{"action": "allow", "recipient": [RECIPIENT]}]}


@pytest.mark.heavy
@pytest.mark.deadline(300)
def test_normal_clients_are_served(start, relay_to, sink):
    patience = f"{PATIENCE}s"
    relay = relay_to(sink.address, **TERMS, limits={"command_timeout": patience, "data_timeout": patience})
    before = relay.resident()
    slow = start(SlowClients, relay.smtp, COUNT).wait_holding()
    each = (relay.resident() - before) / COUNT
    Flood(relay.smtp, list(range(MESSAGES))).run()
    assert slow.holding() == COUNT, "none was disturbed meanwhile"
    sink.wait_messages(MESSAGES)
    wait_until(lambda: relay.metrics().total("angarium_inbound_sessions_open") == COUNT, what="the end of the others' sessions")
    wait_until(lambda: slow.closed() == COUNT, PATIENCE + 20, "the end of the slow ones' patience")
    assert slow.last_words() == {"421": COUNT}
    metrics = relay.metrics()
    assert metrics.total("angarium_inbound_sessions_timed_out_total") == COUNT
    assert metrics.total("angarium_messages_received_total") == MESSAGES
    wait_until(lambda: relay.metrics().total("angarium_inbound_sessions_open") == 0, what="the end of the slow sessions")
    print(f"{COUNT} slow connections took {each / 1024:.1f} KiB each; {MESSAGES} messages of others were accepted meanwhile")
    relay.stop()


def test_strangers_leave_room_for_relay_networks(start, relay_to, sink):
    relay = relay_to(sink.address, **TERMS, limits={"connections": 100, "pressure_timeout": "1h"})
    slow = start(SlowClients, relay.smtp, 120).wait_holding(90)
    wait_until(lambda: slow.last_words()["421"] == 30, what="the others' 421")
    assert slow.holding() == 90
    assert relay.metrics()['angarium_inbound_connections_refused_total{reason="total"}'] == 30
    Flood(relay.smtp, list(range(200)), connections=10).run()
    sink.wait_messages(200)
    slow.end()  # else the stop would give their messages its half a minute
    relay.stop()


def test_under_pressure_patience_ends_sooner(start, relay_to, sink):
    relay = relay_to(sink.address, **TERMS, limits={"connections": 50, "pressure_timeout": f"{4 * place.SLOWDOWN}s"})
    slow = start(SlowClients, relay.smtp, 45)  # nine tenths: only the last one finds so many
    wait_until(lambda: len(slow.clients) == 45 and slow.holding() >= 40, what="the slow clients")
    late = RawClient(relay.smtp)
    late.command("EHLO client.test")
    late.command("MAIL FROM:<a@source.test>")
    late.command("RCPT TO:<b@destination.test>")
    late.command("DATA", 354)
    late.send(b"Subject: slow\r\n")  # and no more: its five minutes are these few seconds now
    late.expect(421, "4.4.2")
    assert late.closed()
    slow.end()
    relay.stop()
