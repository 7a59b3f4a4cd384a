"""A sync fails, as on a dying disk: nobody is told anything about what was in flight, nothing more is accepted on any shard until a
restart, log, readiness and metrics say so, and the restart finds everything that had been acknowledged.

The disk is a real one below a test option of the program (ANGARIUM_TEST_FAIL_SYNC, ANGARIUM_TEST_FAIL_STORE_SYNC).
"""

import urllib.error

import pytest
from support.clients import Flood, RawClient
from support.place import hold_port, wait_until
from support.relay import Relay
from support.sink import Sink

RETRY = {"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}}
TEMPORARY = 75  # the exit code: what was under way is for the next start


def readiness(relay) -> str:
    try:
        return relay.get("/readyz")
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return error.read().decode()


def refused_at_mail(relay, code: int, enhanced: str) -> None:
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>", code, enhanced)


@pytest.mark.parametrize("shards", [1, 2])
def test_journal(start, folder, shards):
    sink = start(Sink)
    failing = folder / "failing"
    relay = start(Relay, {"queue": RETRY, "runtime": {"shards": shards}, "route": [{"domains": ["*"], "to": [sink.address]}]},
                  environment={"ANGARIUM_TEST_FAIL_SYNC": str(failing)})
    assert "ANGARIUM_TEST_FAIL_SYNC" in relay.errors()
    flood = Flood(relay.smtp, list(range(100_000)), domains=5, flight=5).start()
    wait_until(lambda: len(flood.acknowledged) > 500, 90, "the flood to begin")
    failing.touch()
    wait_until(lambda: relay.metrics().total("angarium_journal_failed") >= 1, what="the failure")
    for _ in range(10):  # whichever shard it is
        refused_at_mail(relay, 421, "4.3.0")
    flood.wait()
    assert all(text.startswith("421 4.3.0") for text in flood.refused.values()), list(flood.refused.items())[:3]
    assert "not ready: the journal failed" in readiness(relay)
    metrics = relay.metrics()
    assert metrics.total("angarium_ready") == 0 and metrics.total("angarium_journal_failures_total") >= 1
    assert "a synced write failed" in relay.errors() and "Check the disk, then restart" in relay.errors()
    failing.unlink()  # the disk pretends to be well again: nobody believes it
    refused_at_mail(relay, 421, "4.3.0")
    relay.terminate()
    assert relay.wait_end() == TEMPORARY
    relay.start()
    wait_until(lambda: set(flood.acknowledged) <= {m["number"] for m in sink.messages()}, 60, "all that was acknowledged")
    relay.wait_idle(60)
    numbers = [m["number"] for m in sink.messages()]
    print(f"{len(flood.acknowledged)} acknowledged, all arrived; {len(numbers) - len(set(numbers))} twice")
    assert len(numbers) - len(set(numbers)) <= 20 * shards, "at most one an open connection"
    assert readiness(relay) == "ready\n"
    relay.stop()


def test_store(start, folder):
    """The journal is well, but the store takes nothing more from it: new mail is refused as for want of room."""
    sink = start(Sink)
    sink.end()  # its port is held: mail waits
    held = hold_port("127.0.0.1", sink.port)
    failing = folder / "failing"
    relay = start(Relay, {"queue": {"journal": "16MiB", "segment": "4MiB", **RETRY}, "runtime": {"shards": 1}, "limits": {"message_size": "4MiB", "errors": 100_000},
                          "route": [{"domains": ["*"], "to": [sink.address]}]},
                  environment={"ANGARIUM_TEST_FAIL_STORE_SYNC": str(failing)})
    failing.touch()
    flood = Flood(relay.smtp, list(range(4_000)), size=8 * 1024).start()
    wait_until(lambda: relay.metrics().total("angarium_store_failed") == 1, 60, "the failure")
    flood.wait()
    assert flood.acknowledged and flood.refused
    assert all(text.startswith("452 4.3.1") for text in flood.refused.values()), list(flood.refused.items())[:3]
    assert "not ready: the store failed" in readiness(relay)
    assert relay.metrics().total("angarium_ready") == 0
    assert "nothing more is written, check the disk and restart" in relay.errors()
    failing.unlink()
    refused_at_mail(relay, 452, "4.3.1")
    relay.terminate()
    assert relay.wait_end() == TEMPORARY
    held.close()
    sink.start()
    relay.start()
    wait_until(lambda: set(flood.acknowledged) <= {m["number"] for m in sink.messages()}, 60, "all that was acknowledged")
    relay.wait_idle(60)
    assert sorted(m["number"] for m in sink.messages()) == sorted(flood.acknowledged), "each once"
    relay.stop()
