"""What machine the figures come from: processor, memory, kernel, disk and what a sync costs there, date, commit."""

import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from .processes import ROOT, Disk


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "?"


def sync_seconds(folder: Path, count: int = 300) -> dict[str, float]:
    """One 4 KiB write with O_DIRECT and O_DSYNC over written blocks, one after the other: seconds, percentiles."""
    path = folder / "sync-probe"
    import mmap  # aligned memory, which O_DIRECT needs
    block = mmap.mmap(-1, 4096)
    block.write(os.urandom(4096))
    with open(path, "wb") as file:
        file.write(os.urandom(1 << 20))
        os.fsync(file.fileno())
    try:
        fd = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC)
    except OSError:  # a file system without O_DIRECT
        fd = os.open(path, os.O_WRONLY | os.O_DSYNC)
    times = []
    for number in range(count):
        start = time.perf_counter()
        os.pwrite(fd, block, number % 256 * 4096)
        times.append(time.perf_counter() - start)
    os.close(fd)
    path.unlink()
    cuts = statistics.quantiles(times, n=100)
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98]}


_SPIN = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
sys.stdin.read()
end = time.monotonic() + float(sys.argv[2])
lost, longest, before = 0.0, 0.0, time.monotonic()
began = before
while before < end:
    now = time.monotonic()
    if now - before > 0.0005:
        lost, longest = lost + now - before, max(longest, now - before)
    before = now
print(1 - lost / (before - began), longest)
"""


def core_share(seconds: float = 3) -> dict[str, float]:
    """What a busy thread on each core really gets of it, the worst one, and the longest pause (seconds). A virtual machine that
    shares its cores with others gets less than all, although nothing inside shows it: then no rate below means much."""
    spins = [subprocess.Popen([sys.executable, "-c", _SPIN, str(core), str(seconds)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) for core in sorted(os.sched_getaffinity(0))]
    for spin in spins:  # all have started; they begin together
        spin.stdin.close()
    seen = [tuple(map(float, spin.stdout.read().split())) for spin in spins]
    for spin in spins:
        spin.wait()
    return {"share": min(share for share, _ in seen), "pause": max(pause for _, pause in seen)}


def processor_times() -> list[int]:
    """Of all cores since the start of the machine, by kind: the first line of /proc/stat, which a virtual machine's host fills as well."""
    with open("/proc/stat") as stat:
        return [int(ticks) for ticks in stat.readline().split()[1:9]]


def ended(facts: dict) -> dict:
    """The facts with what was gone of the cores between gather() and now: the host's share ("steal")."""
    spent = [now - before for now, before in zip(processor_times(), facts["processor_times"])]
    return {**{name: value for name, value in facts.items() if name != "processor_times"}, "stolen": spent[7] / max(sum(spent), 1)}


def file_system(folder: Path) -> str:
    best = ("", "?")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if str(folder.resolve()).startswith(place) and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1]


def git(*words: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, "-c", "safe.directory=*", *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def commit() -> str:
    """What was measured; "-dirty" if more than the results themselves differs from it."""
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)bench/results")
    return (git("describe", "--always", "--abbrev=12") or "?") + ("-dirty" if changed else "")


def gather(folder: Path, quick: bool = False) -> dict:
    """All of it; `folder` is on the disk that the relays write to. `quick`: only to see that all works."""
    disk = Disk(folder)
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "cpu": _first("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(_first("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "kernel": platform.release(),
        "disk": disk.name, "file_system": file_system(folder), "write_cache": disk.write_cache(),
        "sync_seconds": sync_seconds(folder), "core_share": core_share(0.3 if quick else 3),
        "load_before": os.getloadavg()[0],
        "processor_times": processor_times(),  # last: what is measured begins now
    }


def _stolen(facts: dict) -> str:
    """Reports before 2026-11-28 do not have it."""
    return f"; in all that was measured here the host took {facts['stolen']:.1%} of the cores' time" if "stolen" in facts else ""


def brief(facts: dict) -> str:
    """Of a part of a report that may have been measured at another time: one line."""
    share = facts["core_share"]["share"]
    return (f"({facts['date']}, commit `{facts['commit']}`; a synced 4 KiB write {facts['sync_seconds']['p50'] * 1e3:.2f} ms; busy threads "
            f"get {share:.0%} of the cores{_stolen(facts)}.)")


def describe(facts: dict) -> str:
    """Markdown, one list."""
    sync = facts["sync_seconds"]
    cores = facts.get("core_share")  # reports before 2026-11-27 have none
    return "\n".join(f"- {line}" for line in (
        f"{facts['date']}, commit `{facts['commit']}`",
        f"{facts['cores']} cores, {facts['cpu']}; {facts['memory_gib']} GiB; Linux {facts['kernel']}; load average before the run "
        f"{facts['load_before']:.1f}",
        *([f"busy threads on all cores at once get {cores['share']:.0%} of them, with pauses of up to {cores['pause'] * 1e3:.0f} ms{_stolen(facts)}"
           + ("" if cores["share"] > 0.95 else ": **the machine is shared, its rates are not to be compared with others**")]
          if cores else []),
        f"disk `{facts['disk']}` ({facts['write_cache']}), {facts['file_system']}; one synced 4 KiB write takes "
        f"{sync['p50'] * 1e3:.2f} ms (p50), {sync['p99'] * 1e3:.2f} ms (p99)"))
