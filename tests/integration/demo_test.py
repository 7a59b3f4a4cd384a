"""The demonstration behind `make run ARGS=--once`: exits with 0 only if every message arrived exactly once."""

import os
import subprocess

from support import place


def test_demo_once(folder):
    done = subprocess.run([place.ROOT / "bench/demo", "--once", "--messages", "2000", "--folder", folder / "demo"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=100 * place.SLOWDOWN, env=os.environ | {"ANGARIUM": str(place.PROGRAM)})
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "exactly once yes: 2000 of 2000 arrived, 0 missing, 0 doubled, 0 damaged" in done.stdout
