"""The comparison with other relays, without the others: a run by MX is measured and accounted for; losses and goals are told."""

import json
import os
import subprocess
import sys

import pytest
from support import place

sys.path.append(str(place.ROOT / "bench"))  # behind the standard places
from lib import goals, runs  # noqa: E402
from lib.processes import Failure  # noqa: E402


@pytest.mark.heavy
@pytest.mark.deadline(300)
@pytest.mark.skipif(place.SANITIZED, reason="a script, and programs that other scenarios run with the sanitizer")
@pytest.mark.skipif(os.getuid() != 0, reason="namespaces of its own need root")
def test_a_run_by_mx(folder):
    done = subprocess.run([place.ROOT / "bench/compare", "--quick", "--relays", "none,angarium", "--modes", "mx", "--results", folder,
                           "--folder", folder / "work"], capture_output=True, text=True, timeout=280 * place.SLOWDOWN)
    assert done.returncode == 0, done.stderr
    figures = json.loads((folder / "figures.json").read_text())
    assert [(one["mode"], one["size"], one["relay"]) for one in figures["results"]] == [("mx", "4KiB", "none"), ("mx", "4KiB", "angarium")]
    ours = figures["results"][1]["runs"][0]
    assert ours["relayed"] > 0 and ours["cpu_us"] > 0 and ours["memory"] > 1 << 20
    assert ours["written_per_byte"] >= 1.0  # everything was stored
    assert "| memory under load (PSS), the most of these runs | ≤ 128 MiB | **" in (folder / "report.md").read_text()


@pytest.mark.parametrize("change, told", [
    ({}, None),
    ({"duplicated": 1}, "'duplicated': 1"),
    ({"damaged": 2}, "'damaged': 2"),
    ({"runs": [{"run": "a", "unique": 99}]}, "99"),
    ({"runs": [{"run": "a", "unique": 100}, {"run": "b", "unique": 1}]}, "'b'"),
])
def test_accounts(change, told):
    got = {"runs": [{"run": "a", "unique": 100}], "duplicated": 0, "damaged": 0, "foreign": 0, "untracked": 0, "refused": 0} | change
    check = lambda: runs.check("relay", {"a": 100}, got)  # noqa: E731
    if told is None:
        check()
    else:
        with pytest.raises(Failure, match=told):
            check()


def test_goals_are_ratios_of_runs_that_followed_each_other():
    def result(relay, *rates):
        return {"mode": "smarthost", "size": "4KiB", "relay": relay, "runs": [{"relayed": rate} for rate in rates]}

    only_rates = {goal: values for goal, values in goals.from_figures({"results": []}).items() if values}
    assert only_rates == {}
    ours, theirs = [34_000, 40_000, 36_000], [1_000, 1_000, 900]
    ratios = [a / b for a, b in zip(ours, theirs)]
    goal = next(goal for goal in goals.GOALS if goal.id == "rate-4")
    assert goals.pairs({("smarthost", "4KiB", one["relay"]): one["runs"] for one in (result("angarium", *ours), result("postfix", *theirs))},
                       "smarthost", "4KiB", ("angarium", "relayed"), ("postfix", "relayed")) == ratios
    assert goal.row(ratios).endswith("| ≥ 33.0 × | **40.0 ×** (34.0 × - 40.0 ×) | met |")
    assert goal.verdict([16.5]) == "missed by 50 %"
    assert "not measured" in goal.row([])
