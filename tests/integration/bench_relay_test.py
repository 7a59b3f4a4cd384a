"""`bench relay`: accounts and figures of a whole small measurement, by both routes; it never leaves a child or a folder."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from support import place
from support.bench import bench
from support.place import wait_until

pytestmark = pytest.mark.once

COUNT = 1500


def left_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def check(result: dict, recipients: int, warm: int = 0) -> None:
    """Every copy once, and figures that can be. A warm-up is in the sink's own account alone."""
    assert result["exact"] and result["accepted"] == COUNT
    assert result["copies"] == result["delivered"] == COUNT * recipients
    assert result["sink"]["unique"] == (COUNT + warm) * recipients
    assert (result["lost"], result["duplicated"], result["damaged"], result["foreign"]) == (0, 0, 0, 0)
    # The relay's rate begins with the generator's process, so a little before the other.
    assert result["accept_rate"] > 0 and 0 < result["relay_rate"] < 1.5 * result["accept_rate"]
    assert result["parts"]["relay"]["messages"] == COUNT
    parts = result["parts"]
    for part in ("generator", "relay", "sink"):
        assert parts[part]["messages"] > 0 and parts[part]["cpu_microseconds_per_message"] > 0
        assert parts[part]["peak_memory_bytes"] > 1 << 20 and parts[part]["ring_enters_per_message"] > 0
    assert parts["sum"]["cpu_microseconds_per_message"] == pytest.approx(
        sum(parts[part]["cpu_microseconds_per_message"] for part in ("generator", "relay", "sink")))
    assert 0 < parts["relay"]["syncs_per_message"] < 3 and parts["relay"]["written_bytes"] > 0
    latency = result["accept_to_delivery_seconds"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p99.9"]


def test_by_mx(folder):
    result = bench("relay", "--messages", COUNT, "--recipients", 3, "--domains", 20, "--warmup", 300, "--sessions", 10, "--path", folder)
    check(result, 3, warm=300)
    assert result["sink"]["domains"]["seen"] == 20 and result["sink"]["dns_queries"] > 20
    assert left_in(folder) == []


def test_smarthost_with_waiting_messages(folder):
    result = bench("relay", "--messages", COUNT, "--route", "smarthost", "--waiting", 700, "--shards", 1, "--path", folder, "--keep",
                   "--set", "limits.memory=512MiB", "--set", "queue.retry.first=2m")
    check(result, 1)
    assert result["waiting"] == 700 and result["sink"]["dns_queries"] == 0
    config = (Path(result["folder"]) / "relay.toml").read_text()
    assert 'memory = "512MiB"' in config and 'first = "2m"' in config and "shards = 1" in config
    assert left_in(folder) == [Path(result["folder"]).name]


def test_duration_and_rate(folder):
    result = bench("relay", "--duration", "3s", "--rate", 200, "--sessions", 5, "--path", folder)
    assert result["exact"] and 0 < result["accepted"] <= 600  # a busy machine may fall behind
    assert "service_seconds" in result["send"]


def test_a_rate_is_not_better_than_what_was_sent(folder):
    """Open loop, with a warm-up of as many messages: nothing of it may count."""
    result = bench("relay", "--messages", 200, "--warmup", 200, "--rate", 400, "--sessions", 5, "--path", folder)
    assert result["exact"] and result["relay_rate"] < 410


def test_trouble_is_told(folder):
    done = subprocess.run([place.PROGRAM, "bench", "relay", "--set", "limits.memry=1GiB", "--path", folder], capture_output=True, text=True,
                          timeout=60 * place.SLOWDOWN)
    assert done.returncode == 1 and done.stdout == ""
    assert "relay did not start" in done.stderr and 'did you mean "memory"?' in done.stderr
    assert left_in(folder) == []


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "XZ"
    except OSError:
        return False


@pytest.mark.parametrize("how, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_ended_early_leaves_no_child(folder, how, code):
    with subprocess.Popen([place.PROGRAM, "bench", "relay", "--duration", "100s", "--path", folder], stderr=subprocess.PIPE,
                          env=os.environ, text=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or len(children(process.pid)) == 3, 60, "relay, sink and generator")
            family = children(process.pid)
            assert len(family) == 3
        finally:
            process.send_signal(how)
        process.wait(60 * place.SLOWDOWN)
        assert process.returncode == code, process.stderr.read()
    wait_until(lambda: not any(map(running, family)), 30, "the children's end")
    if how != signal.SIGKILL:
        assert left_in(folder) == []
