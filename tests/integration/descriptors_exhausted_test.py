"""File descriptors run out. Clients cannot bring that about: what the process may have is shared out at the start, and who comes too
many hears 421. When it happens all the same, the listeners pause without spinning, say so in a metric, and go on by themselves.
"""

import contextlib
import resource
import signal
import socket
import time

from support import place
from support.clients import Flood, RawClient
from support.place import wait_until
from support.relay import Relay
from support.sink import Sink

FEW = 6_000  # of them, too few for what is configured by default


def takes_mail(relay) -> bool:
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.send("MAIL FROM:<a@source.test>")
        return client.reply().code == 250


def test_clients_never_take_them_all(start):
    sink = start(Sink)
    relay = start(Relay, {"runtime": {"shards": 1}, "route": [{"domains": ["*"], "to": [sink.address]}]}, under=("prlimit", f"--nofile={FEW}:{FEW}"))
    assert f"only {FEW} file descriptors" in relay.errors() and "LimitNOFILE" in relay.errors()
    greetings = []
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(relay.smtp)) for _ in range(FEW)]
        for client in crowd:
            client.settimeout(20 * place.SLOWDOWN)
            greetings.append(client.recv(100)[:3])
        served = greetings.count(b"220")
        assert served + greetings.count(b"421") == FEW and 0 < served < FEW
        metrics = relay.metrics()
        assert metrics['angarium_inbound_connections_refused_total{reason="total"}'] == FEW - served
        assert metrics.total("angarium_inbound_accept_failures_total") == 0
        most = metrics.total("angarium_descriptors_open")
        assert most < metrics.total("angarium_descriptors_limit") == FEW
        # One of those who were served sends, and it is delivered: over a connection, with a file for the store.
        crowd[greetings.index(b"220")].sendall(b"EHLO c.test\r\n")
        assert crowd[greetings.index(b"220")].recv(1000).startswith(b"250")
        sender = crowd[greetings.index(b"220")]
        sender.sendall(b"MAIL FROM:<a@source.test>\r\nRCPT TO:<b@destination.test>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n")
        sink.wait_messages(1)
    wait_until(lambda: relay.metrics().total("angarium_inbound_sessions_open") == 0, what="the end of the crowd")
    Flood(relay.smtp, list(range(100))).run()
    print(f"{served} of {FEW} clients were served with {FEW} descriptors, at most {most:.0f} open")
    sink.wait_messages(101)
    relay.stop()


def test_a_listener_goes_on_when_there_are_some_again(start, sink):
    relay = start(Relay, {"runtime": {"shards": 1}, "route": [{"domains": ["*"], "to": [sink.address]}]})
    with RawClient(relay.smtp) as known:
        known.command("EHLO client.test")
        known.mail("a@source.test", ["b@destination.test"], b"Subject: before\r\n\r\n")  # its outbound connection stays for a while
        # Until it is settled: UBSan asks by a pipe whether it may look at the first object of a type, and says no without descriptors.
        relay.wait_delivered(1)
        relay.wait_idle()
        before = resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE, (0, before[1]))  # whoever asks for one gets none
        try:
            # An accept under way keeps the limit of the moment when it began. It ends when more come at once than are asked for.
            relay.process.send_signal(signal.SIGSTOP)
            crowd = [socket.create_connection(relay.smtp, timeout=20 * place.SLOWDOWN) for _ in range(400)]
            relay.process.send_signal(signal.SIGCONT)
            waiting = [socket.create_connection(relay.smtp, timeout=20 * place.SLOWDOWN) for _ in range(20)]
            used, began = relay.cpu_seconds(), time.monotonic()
            wait_until(lambda: known.command("NOOP") and time.monotonic() - began > 1, what="a second without descriptors")  # others go on
            took = time.monotonic() - began
            share = (relay.cpu_seconds() - used) / took
        finally:
            resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE, before)
        for client in crowd + waiting:
            assert client.recv(100).startswith(b"220")
            client.close()
    failures = relay.metrics()['angarium_inbound_accept_failures_total{reason="descriptors"}']
    print(f"{failures:.0f} accepts failed; {share:.0%} of a core meanwhile")
    assert 0 < failures <= 20 * took + 20 and share < 0.5  # ten a second
    # A journal that wanted to grow in that second looks again after five.
    wait_until(lambda: takes_mail(relay), 20, "mail to be taken")
    Flood(relay.smtp, list(range(100))).run()
    sink.wait_messages(101)
    relay.stop()
