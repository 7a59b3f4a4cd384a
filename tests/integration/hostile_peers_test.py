"""Receiving servers that misbehave exactly: endless lines and replies, garbage, early 421, resets; never a hang or a loss."""

import pytest
from support.clients import RawClient
from support.place import wait_until
from support.raw_server import RawServer

FAST = {"timeouts": {"connect": "2s", "banner": "2s", "command": "2s", "data": "2s", "block": "2s", "end_of_data": "2s"}}  # for silence alone
RETRY = {"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}}


def garbage(peer):
    peer.send(b"\x00\xff\xfe not SMTP at all\r\n")
    peer.line()


def silence(peer):
    peer.line()


def endless_line(peer):
    for _ in range(1000):
        peer.send(b"2" * 65536)


def endless_reply(peer):
    while True:
        peer.send(b"220-and more\r\n" * 1000)


def cut_off_banner(peer):
    peer.send(b"220 half a li")


def reset_after_data(peer):
    peer.greet("8BITMIME")
    for reply in ("250 ok", "250 ok", "354 go on"):
        peer.answer(reply)
    peer.body()
    peer.reset()


def early_421(peer):
    peer.greet("PIPELINING")
    peer.send("421 4.3.2 going down")


def wrong_code(peer):
    peer.greet("8BITMIME")
    peer.answer("354 surprise")
    peer.line()


def bare_line_feeds(peer):
    """Which are borne: MAIL comes."""
    peer.send(b"220 raw.test\n")
    peer.line()
    peer.send(b"250 raw.test\n")
    assert peer.line().startswith("MAIL FROM:")


MISBEHAVIOURS = [garbage, silence, endless_line, endless_reply, cut_off_banner, reset_after_data, early_421, wrong_code, bare_line_feeds]


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS, ids=lambda function: function.__name__)
def test_mail_outlives_the_misbehaviour(start, relay_to, misbehaviour):
    bodies = []

    def script(peer):
        if peer.number == 1:
            return misbehaviour(peer)
        peer.greet("8BITMIME")
        bodies.append(peer.transaction())
        peer.line()

    server = start(RawServer, script)
    relay = relay_to(server.address, delivery=FAST if misbehaviour is silence else {}, queue=RETRY)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@destination.test"], b"Subject: x\r\n\r\nstill here\r\n")
    wait_until(lambda: bodies, 20, "the second connection's message")
    assert b"still here" in bodies[0]
    relay.wait_delivered(1)
    assert relay.metrics().total("angarium_recipients_failed_total") == 0
    assert relay.resident() < 1 << 30
    server.check()
    relay.stop()
