"""A service that is shutting down says 421, finishes what it has accepted, and exits with 0."""

import contextlib
import socket

from support.clients import RawClient
from support.place import wait_until
from support.sink import Sink


def refused(address) -> bool:
    """New connections: nobody listens any more, or the greeting is 421."""
    try:
        with socket.create_connection(address, timeout=5) as connection:
            return connection.recv(100).startswith(b"421") or None
    except ConnectionError:
        return True
    except TimeoutError:
        return None


def test_open_session_hears_421(relay_to, sink):
    relay = relay_to(sink.address)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        relay.terminate()
        with contextlib.suppress(OSError):  # it may speak and close before our command is out
            client.send("RCPT TO:<b@destination.test>")
        replies = [client.reply()]
        if replies[0].code == 250:  # the command had come first
            replies.append(client.reply())
        assert replies[-1].code == 421, client.story()
        assert replies[-1].lines[0].startswith("4.3.2"), client.story()
        assert client.closed()
    assert relay.wait_end() == 0


def test_new_sessions_are_refused_while_draining(start, relay_to):
    sink = start(Sink, rules=[{"stage": "bdat", "delay": 3}])  # an attempt that keeps the drain waiting
    relay = relay_to(sink.address)
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@destination.test"], b"Subject: late\r\n\r\ntext\r\n")
        wait_until(lambda: any(event["event"] == "rule" for event in sink.events()), what="the attempt's end of data")
        relay.terminate()
        client.expect(421)
    wait_until(lambda: relay.process.poll() is not None or refused(relay.smtp), what="421 or a closed listener")
    assert relay.wait_end() == 0
    assert len(sink.messages()) == 1, "the attempt under way was finished"
    relay.start()
    relay.stop()
    assert len(sink.messages()) == 1, "and it was recorded: nothing is sent twice"
