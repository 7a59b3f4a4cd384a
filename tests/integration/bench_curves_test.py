"""`bench/curves --quick`: points of one curve, accounted for, in figures and report; a message that was lost ends it."""

import json
import os
import subprocess

import pytest
from support import place

CURVES = place.ROOT / "bench/curves"


def run(folder, *words, program=place.PROGRAM):
    return subprocess.run([CURVES, *words, "--quick", "--results", folder / "results", "--folder", folder / "work"], capture_output=True, text=True,
                          timeout=280 * place.SLOWDOWN, env=os.environ | {"ANGARIUM": str(program)})


@pytest.mark.heavy
@pytest.mark.deadline(300)
@pytest.mark.skipif(place.SANITIZED, reason="a script, and programs that other scenarios run with the sanitizer")
def test_points_of_a_curve(folder):
    done = run(folder, "size")
    assert done.returncode == 0, done.stderr
    figures = json.loads((folder / "results/curves.json").read_text())
    points = figures["curves"]["size"]["relay"]
    assert [point["point"] for point in points] == ["1KiB", "4KiB"]
    assert all(point["relayed"] > 0 and point["cpu_us"] > 0 and point["messages"] == point["copies"] for point in points)
    assert "delivery.connections_per_site=50" in figures["about"]["settings"], "the published configuration"
    assert "### Size of a message" in (folder / "results/report.md").read_text()
    assert [entry.name for entry in (folder / "work").iterdir()] == ["output"], "every queue was removed"


@pytest.mark.once
def test_a_loss_is_told(folder):
    forged = folder / "program"
    forged.write_text('#!/bin/sh\necho \'{"exact": false, "accepted": 7, "lost": 3}\'\nexit 1\n')
    forged.chmod(0o755)
    done = run(folder, "sessions", program=forged)
    assert done.returncode == 1 and "'lost': 3" in done.stderr
    assert not (folder / "results/curves.json").exists()
