"""The goals, and how they are told from the figures: each a ratio or a figure of one run, so that the machine's speed cancels out.

`figures.json` (bench/compare) answers the first ones; the others are measured by scripts that leave JSON files with
{"goals": {"<id>": [values, one a pair of runs]}} beside it. A goal that nobody has measured says so.
"""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Goal:
    id: str
    what: str
    sense: str      # "≥" or "≤"
    limit: float
    form: str = "times"  # how values are written: times, inverse, plain, ms, MiB
    by: str = "bench/compare"

    def text(self, value: float) -> str:
        match self.form:
            case "times":
                return f"{value:.1f} ×" if value >= 10 else f"{value:.2f} ×"
            case "inverse":
                return f"1/{1 / value:.0f}" if value else "0"
            case "ms":
                return f"{value:.2f} ms"
            case "MiB":
                return f"{value:.0f} MiB"
        return f"{value:.2f}"

    def verdict(self, values: list[float]) -> str:
        if not values:
            return "-"
        median = statistics.median(values)
        if median >= self.limit if self.sense == "≥" else median <= self.limit:
            return "met"
        return f"missed by {abs(median / self.limit - 1) * 100:.0f} %"

    def row(self, values: list[float]) -> str:
        if values:
            measured = f"**{self.text(statistics.median(values))}**"
            if len(values) > 1:
                measured += f" ({self.text(min(values))} - {self.text(max(values))})"
        else:
            measured = f"not measured: `{self.by}`"
        return f"| {self.what} | {self.sense} {self.text(self.limit)} | {measured} | {self.verdict(values)} |"


GOALS = [
    Goal("rate-4", "relay rate against Postfix, smarthost, 4 KiB", "≥", 33),
    Goal("rate-32", "the same, 32 KiB", "≥", 15),
    Goal("rate-mx", "relay rate by MX, 100 domains, 4 KiB, against Postfix", "≥", 33),
    Goal("accept-4", "synced accept rate against smtp-source → smtp-sink, which store nothing, 4 KiB", "≥", 1.0),
    Goal("accept-32", "the same, 32 KiB", "≥", 1.0),
    Goal("cpu", "CPU per relayed message, all processes, against Postfix, smarthost, 4 KiB", "≤", 1 / 50, "inverse"),
    Goal("cpu-tools", "the same against generator and sink together in a run without any relay", "≤", 0.9),
    Goal("written", "bytes written per message byte while delivery keeps pace, `write_bytes`, smarthost, 4 KiB", "≤", 1.3, "plain"),
    Goal("written-32", "the same, 32 KiB", "≤", 1.3, "plain"),
    Goal("memory", "memory under load (PSS), the most of these runs", "≤", 128, "MiB"),
    Goal("lone", "lone message, content sent to received, p50, less one sync of this disk", "≤", 1, "ms", "bench/goals lone"),
    Goal("half", "accept latency p99 at half of the maximum rate, open loop", "≤", 10, "ms", "bench/goals latency"),
    Goal("ninety", "accept latency p99.9 at 90 % of the maximum rate, open loop", "≤", 50, "ms", "bench/goals latency"),
    Goal("shards", "CPU per message with 2 shards against 1", "≤", 1.1, "times", "bench/goals shards"),
    Goal("domains", "rate to 100,000 domains on a shared set of exchangers, warm DNS cache, against one domain", "≥", 0.9, "times",
         "bench/goals domains"),
    Goal("backlog", "rate with one million messages waiting for dead destinations against none", "≥", 0.9, "times",
         "bench/goals backlog"),
    Goal("written-backlog", "bytes written per message byte with a backlog that does not fit memory", "≤", 3, "plain",
         "bench/goals backlog"),
]


def pairs(runs: dict, mode: str, size: str, one: tuple[str, str], other: tuple[str, str]) -> list[float]:
    """Ratios of a figure of one relay to a figure of another, round by round."""
    return [a[one[1]] / b[other[1]] for a, b in zip(runs.get((mode, size, one[0]), []), runs.get((mode, size, other[0]), []))]


def from_figures(figures: dict) -> dict[str, list[float]]:
    """What bench/compare measured, by goal: one value for each pair of runs that followed each other."""
    runs = {(one["mode"], one["size"], one["relay"]): one["runs"] for one in figures.get("results", [])}

    def against(mode: str, size: str, ours: str, other: str, theirs: str) -> list[float]:
        return pairs(runs, mode, size, ("angarium", ours), (other, theirs))

    def own(mode: str, size: str, key: str) -> list[float]:
        return [run[key] for run in runs.get((mode, size, "angarium"), [])]

    smarthost, mx = "smarthost", "mx"
    memory = [run["memory"] / 2**20 for (_, _, relay), several in runs.items() if relay == "angarium" for run in several]
    return {
        "rate-4": against(smarthost, "4KiB", "relayed", "postfix", "relayed"),
        "rate-32": against(smarthost, "32KiB", "relayed", "postfix", "relayed"),
        "rate-mx": against(mx, "4KiB", "relayed", "postfix", "relayed"),
        "accept-4": against(smarthost, "4KiB", "accepted", "smtp-source", "accepted"),
        "accept-32": against(smarthost, "32KiB", "accepted", "smtp-source", "accepted"),
        "cpu": against(smarthost, "4KiB", "cpu_us", "postfix", "cpu_us"),
        "cpu-tools": against(smarthost, "4KiB", "cpu_us", "none", "tools_us"),
        "written": own(smarthost, "4KiB", "written_per_byte"),
        "written-32": own(smarthost, "32KiB", "written_per_byte"),
        "memory": [max(memory)] if memory else [],
    }


def table(measured: dict[str, list[float]]) -> str:
    """Markdown."""
    lines = ["| what | goal | measured: median (least - most) | verdict |", "|---|---|---|---|"]
    return "\n".join(lines + [goal.row(measured.get(goal.id, [])) for goal in GOALS])
