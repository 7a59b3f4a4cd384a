"""Session tickets: what one shard has begun, every other resumes, before and behind a reload."""

import signal
import ssl

import pytest
from support.certificates import tls_listener
from support.clients import RawClient
from support.place import wait_until


def sessions_on(relay) -> tuple[int, int]:
    metrics = relay.metrics()
    return tuple(int(metrics[f'angarium_inbound_tls_handshakes_total{{result="{result}"}}']) for result in ("full", "resumed"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_every_shard_resumes(relay_to, sink, authority, version):
    relay = relay_to(sink.address, **tls_listener(authority.issue("relay.test")), runtime={"shards": 2})
    context = authority.client(version=version)

    def visit(session=None):
        with RawClient(relay.smtp) as client:
            client.command("EHLO client.test")
            client.command("STARTTLS", 220)
            client.secure(context, "relay.test", session)
            client.command("EHLO client.test")
            client.command("QUIT", 221)
            assert client.socket.session_reused == (session is not None)
            return client.socket.session

    first = visit()
    for _ in range(40):  # the kernel deals them out to both shards
        visit(first)
    assert sessions_on(relay) == (1, 40)
    relay.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "\nreloaded" in relay.errors(), 10, "the reload")
    for _ in range(20):
        visit(first)
    again = visit()
    visit(again)
    assert sessions_on(relay) == (2, 61)
