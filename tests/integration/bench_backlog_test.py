"""`bench/backlog` with a small queue: filled, killed, drained through three more kills, accounted for, reported."""

import os
import subprocess

import pytest
from support import place

pytestmark = [pytest.mark.once, pytest.mark.deadline(300)]

MESSAGES, DOMAINS = 4000, 200


@pytest.mark.skipif(os.getuid() != 0, reason="namespaces of its own need root")
def test_a_small_backlog(folder):
    done = subprocess.run([place.ROOT / "bench/backlog", str(MESSAGES), "--domains", str(DOMAINS), "--retry", "1s", "--results", folder / "results",
                           "--folder", folder / "work"], capture_output=True, text=True, timeout=280 * place.SLOWDOWN,
                          env=os.environ | {"ANGARIUM": str(place.PROGRAM)})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("after SIGKILL: ready in") == 4
    report = (folder / "results/backlog.md").read_text()
    assert f"- all {MESSAGES:,} arrived" in report
    rows = [row.strip("| ").split(" | ") for row in report.splitlines() if row.startswith("| ")]
    assert [row[0] for row in rows] == ["queued", "4,000", "2,000", "400", "40", "0"]
    for row in rows[1:5]:  # rates of so few are nothing to rely on; starts are
        ready, delivered = float(row[4]), float(row[5])
        assert 0 < ready <= delivered, row
    assert [entry.name for entry in (folder / "work").iterdir() if entry.is_dir()] == ["output"], "the queue was removed"
