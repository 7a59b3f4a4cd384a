"""`angarium check` prints the effective configuration, or every error with file and line and the remedy."""

import subprocess

import pytest
from support import place

GOOD = """
hostname = "relay.test"

[[listener]]
address    = "127.0.0.1:2525"
relay_from = ["127.0.0.0/8", "::1/128"]

[queue]
path = "{folder}/queue"

[queue.retry]
first = "5m"
"""


def check(folder, text: str) -> subprocess.CompletedProcess:
    path = folder / "angarium.toml"
    path.write_text(text.replace("{folder}", str(folder)))
    return subprocess.run([place.PROGRAM, "check", "--config", path], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)


def test_effective_configuration_is_complete_and_reads_back(folder):
    first = check(folder, GOOD)
    assert first.returncode == 0, first.stderr
    assert 'hostname = "relay.test"' in first.stdout and "lifetime" in first.stdout and "shards" in first.stdout
    second = check(folder, first.stdout)
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout


@pytest.mark.parametrize("wrong, line, words", [
    ('hostnam = "x"', 1, ["hostnam", "hostname"]),
    ('hostname = "relay.test"\n[queue]\njournal = "12 apples"', 3, ["journal"]),
    ('hostname = "relay.test"\n[queue.retry]\nfirst = 300', 3, ["first"]),
    ('hostname = "relay.test"\n[[listener]]\naddress = "nowhere"', 3, ["address"]),
    ('hostname = "relay.test"\n[[listener]]\naddress = "127.0.0.1:2525"\nrelay_from = ["127.0.0.1/8"]', 4, ["relay_from"]),
    ('hostname = "relay.test"\n[[route]]\ndomains = ["*"]\nto = []', 4, ["to"]),
    ('hostname = = "x"', 1, []),
])
def test_errors_name_file_line_and_remedy(folder, wrong, line, words):
    done = check(folder, wrong + "\n")
    assert done.returncode == 78, f"EX_CONFIG expected, got {done.returncode}: {done.stderr}"
    assert f"angarium.toml:{line}" in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr


def test_all_errors_at_once(folder):
    done = check(folder, 'hostnam = "x"\n[queue]\npaht = "y"\n[limits]\nmemory = "much"\n')
    assert [f"angarium.toml:{line}" in done.stderr for line in (1, 3, 5)] == [True] * 3, done.stderr


def test_missing_file(folder):
    done = subprocess.run([place.PROGRAM, "check", "--config", folder / "absent.toml"], capture_output=True, text=True, timeout=30)
    assert done.returncode not in (0, -6, -11) and "absent.toml" in done.stderr


def test_version():
    done = subprocess.run([place.PROGRAM, "version"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "angarium" in done.stdout
