"""`bench sink` under load: smtp-source's mail, a thousand connections, large messages, a warm-up, and what /metrics tells."""

import contextlib
import resource
import smtplib
import socket
import subprocess
import threading

import pytest
from support import place
from support.bench import BenchSink, bench
from support.clients import smtp_source
from support.place import wait_until

pytestmark = pytest.mark.once

MANY = 1500


def address(sink) -> tuple[str, int]:
    host, _, port = sink.smtp[0].rpartition(":")
    return host, int(port)


def test_smtp_source_and_metrics(start):
    sink = start(BenchSink, "--http", "127.0.0.1:0")
    smtp_source(address(sink), "-d", "-s", "10", "-m", "500", "-l", "4096", "-t", "b@d003.example.test")
    wait_until(lambda: sink.metrics().get("angarium_sink_connections_open") == 0, 10, "the connections' end")
    metrics = sink.metrics()
    assert metrics.total("angarium_sink_messages_total") == 500
    assert metrics['angarium_sink_copies_total{kind="foreign"}'] == 500
    assert metrics.total("angarium_sink_connections_total") == 10
    done = subprocess.run([place.PEER, "promtool", "check", "metrics"], input=sink.page(), text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
    got = sink.stop()
    assert (got["messages"], got["domains"]["top"][0]["copies"]) == (500, 500)
    assert got["connections"]["messages_each"] == 50 and got["connections"]["most_at_a_time"] <= 10
    assert 3 <= got["commands_per_message"] < 3.1 and 4 <= got["flights_per_message"] < 4.1


@pytest.fixture
def descriptors():
    """As many for this process as it may have: it holds the clients' ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def like_a_login_shell():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def test_a_thousand_connections(start, descriptors):
    sink = start(BenchSink, "--http", "127.0.0.1:0", preexec_fn=like_a_login_shell)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address(sink), timeout=30 * place.SLOWDOWN)) for _ in range(MANY)]
        for client in clients:
            assert client.recv(100).startswith(b"220 ")
        assert sink.metrics().total("angarium_sink_connections_open") == MANY
        for client in clients:
            client.sendall(b"QUIT\r\n")
        for client in clients:
            assert client.recv(100).startswith(b"221 ")
    got = sink.stop()
    assert got["connections"]["most_at_a_time"] == got["connections"]["total"] == got["connections"]["without_messages"] == MANY


def test_large_messages_are_not_kept(start):
    sink = start(BenchSink)
    content = b"Subject: large\r\n\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * (16 * 1024 * 12)  # 12 MiB and more

    def send():
        with smtplib.SMTP(*address(sink), timeout=60 * place.SLOWDOWN) as client:
            client.sendmail("a@source.test", "b@d000.example.test", content)

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    got = sink.stop()
    assert (got["messages"], got["bytes"]) == (8, 8 * len(content))
    if not place.SANITIZED:
        assert got["peak_memory_bytes"] < 4 * len(content)


def test_warm_up(start):
    sink = start(BenchSink, "--expect", "1000", "--warmup", "300", "--shards", "2")
    bench("send", "--to", sink.smtp[0], "--messages", 1000, "--domains", 20, "--sessions", 8)
    got = sink.result()
    assert (got["unique"], got["messages"], got["lost"]) == (1000, 1000, 0)
    assert 690 <= got["measured"] <= 700  # the other shard may have had a message under way
    assert got["latency_seconds"]["count"] == got["measured"]
    assert sum(domain["copies"] for domain in got["domains"]["top"]) == 1000
    assert f"warm {got['warm_up']['since']:.6f}" in sink.output.read_text()
    measured = sum(domain["rate"] for domain in got["domains"]["top"]) * got["seconds"]
    assert measured == pytest.approx(got["measured"])


def test_bandwidth(start):
    sink = start(BenchSink, "--expect", "4", "--bandwidth", "256KiB")
    sent = bench("send", "--to", sink.smtp[0], "--messages", 4, "--sessions", 4, "--size", "200KiB")
    assert sent["latency_seconds"]["p50"] > 0.3  # beyond what one read may take at once
    assert sink.result()["unique"] == 4
