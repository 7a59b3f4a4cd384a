"""The disk becomes full, or nearly so where a reserve is kept, and there is space again: new mail is refused at MAIL with 452 4.3.1
meanwhile, what had been acknowledged is kept, and everything goes on by itself.

The queue lies on a file system of its own in memory, which takes root to mount.
"""

import subprocess

import pytest
from support.clients import Flood, RawClient
from support.place import hold_port, wait_until
from support.relay import Relay
from support.sink import Sink

# What comes in is 100 MiB, a journal of 32 MiB and 10 MiB of delivery log: too much beside the ballast, and all of it fits without.
DISK = 208 << 20
BALLAST = 136 << 20
SIZE = 8 * 1024


@pytest.fixture
def disk(folder):
    """A small file system, half of it taken by a file `ballast`."""
    path = folder / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", path], capture_output=True, text=True, timeout=20)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    with open(path / "ballast", "wb") as ballast:
        for _ in range(BALLAST >> 20):
            ballast.write(bytes(1 << 20))
    yield path
    subprocess.run(["umount", path], check=True, timeout=20)


def says_full(metrics) -> bool:
    """The store has met it, or the delivery log."""
    return metrics.total("angarium_store_waits_for_space") == 1 or metrics.total("angarium_delivery_log_failures_total") > 0


def refusal(relay):
    """The reply to MAIL, if it is not 250."""
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.send("MAIL FROM:<a@source.test>")
        reply = client.reply()
        return None if reply.code == 250 else reply


@pytest.mark.heavy
def test_full_and_free_again(disk, start):
    sink = start(Sink)
    sink.end()  # its port is held: mail waits
    held = hold_port("127.0.0.1", sink.port)
    relay = start(Relay, {"queue": {"path": str(disk / "queue"), "journal": "16MiB", "segment": "4MiB", "reserve": "0B",
                                    "retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}},
                          "limits": {"message_size": "4MiB", "errors": 100_000}, "runtime": {"shards": 1},
                          "route": [{"domains": ["*"], "to": [sink.address]}]})
    flood = Flood(relay.smtp, list(range(12_000)), size=SIZE).start()
    wait_until(lambda: says_full(relay.metrics()), 60, "a full disk in the metrics")
    reply = wait_until(lambda: refusal(relay), 30, "mail to be refused")
    assert (reply.code, reply.lines[0][:5]) == (452, "4.3.1")

    def full_and_told():
        """In one look: the store tries again twice a second, and takes the file that did not fit away each time."""
        metrics = relay.metrics()
        return metrics if says_full(metrics) and metrics.total("angarium_disk_free_bytes") < (DISK - BALLAST) // 2 else None

    metrics = wait_until(full_and_told, 30, "a full disk in the metrics, once more")
    assert metrics['angarium_inbound_rejections_total{reason="storage"}'] > 0
    assert metrics.total("angarium_ready") == 1, "it is well, only full"

    (disk / "ballast").unlink()
    wait_until(lambda: not refusal(relay), 30, "mail to be taken again")
    flood.wait()
    assert not flood.errors, flood.errors[:3]
    assert all(text.startswith("452 4.3.1") for text in flood.refused.values()), list(flood.refused.items())[:3]
    wait_until(lambda: relay.metrics().total("angarium_store_waits_for_space") == 0, 30, "the store to go on")
    more = Flood(relay.smtp, list(range(20_000, 20_500)), size=SIZE).start()
    more.wait()
    assert not more.errors, more.errors[:3]
    # The delivery log may find out up to a second later; by then nobody waits for it any more.
    assert all(text.startswith("452 4.3.1") for text in more.refused.values()), list(more.refused.items())[:3]
    wait_until(lambda: not refusal(relay), 30, "mail to be taken for good")
    last = Flood(relay.smtp, list(range(30_000, 30_200)), size=SIZE).run()

    held.close()
    sink.start()
    acknowledged = sorted([*flood.acknowledged, *more.acknowledged, *last.acknowledged])
    sink.wait_messages(len(acknowledged), 60)
    relay.wait_idle(30)
    print(f"{len(flood.acknowledged)} acknowledged before and while the disk was full, {len(flood.refused)} refused; all acknowledged arrived")
    assert sorted(m["number"] for m in sink.messages()) == acknowledged, "each once"
    [log] = (disk / "queue/log").iterdir()
    wait_until(lambda: log.read_bytes().count(b'"type":"delivery"') == len(acknowledged), what="the delivery log to catch up")
    relay.stop()


def test_reserve(disk, start):
    """72 MiB are free, of which 40 stay so; another file takes 48."""
    sink = start(Sink)
    sink.end()
    held = hold_port("127.0.0.1", sink.port)
    relay = start(Relay, {"queue": {"path": str(disk / "queue"), "journal": "16MiB", "segment": "4MiB", "reserve": "40MiB",
                                    "retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}},
                          "limits": {"message_size": "4MiB"}, "runtime": {"shards": 1},
                          "route": [{"domains": ["*"], "to": [sink.address]}]})
    before = Flood(relay.smtp, list(range(100)), size=SIZE).run()
    assert len(before.acknowledged) == 100
    (disk / "another").write_bytes(bytes(48 << 20))
    reply = wait_until(lambda: refusal(relay), 30, "mail to be refused")
    assert (reply.code, reply.lines[0][:5]) == (452, "4.3.1")
    metrics = relay.metrics()
    assert not says_full(metrics), "there is room for what was accepted"
    assert metrics.total("angarium_ready") == 1
    wait_until(lambda: "less than queue.reserve (40 MiB)" in relay.errors(), what="the alarm")

    held.close()
    sink.start()
    sink.wait_messages(100, 60)  # which goes on while nothing is taken
    assert refusal(relay)
    (disk / "another").unlink()
    wait_until(lambda: not refusal(relay), 30, "mail to be taken again")
    after = Flood(relay.smtp, list(range(100, 200)), size=SIZE).run()
    assert len(after.acknowledged) == 100
    sink.wait_messages(200, 60)
    relay.stop()
