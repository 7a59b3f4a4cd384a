"""The report: report.md and SVG plots from what the measuring scripts left in a folder.

figures.json is bench/compare's, micro.json Google Benchmark's. Any other *.json beside it may add to the report:
    "title", "markdown"   a section of its own (its plots lie in the same folder), in the order of the files' names
    "goals"               {"<id of lib/goals.py>": [values]}: rows of the table of goals
"""

import json
import statistics
from pathlib import Path

from . import facts as machine
from . import goals, micro

try:
    from . import plots
except ImportError:  # then the report is without them, and says so
    plots = None

NAMES = {"smarthost": "smarthost", "mx": "by MX, 100 domains"}
BARE = {"label": "smtp-source → smtp-sink", "version": "", "durable": "stores nothing"}
PERCENTILES = ["p50", "p90", "p99", "p99.9"]


def spread(runs: list[dict], value, form: str = ",.0f") -> str:
    """Median, and least and most if there are several; "-" if it was not measured."""
    try:
        values = [value(run) for run in runs]
    except KeyError:
        return "-"
    text = format(statistics.median(values), form)
    if len(values) > 1:
        text += f" ({format(min(values), form)} - {format(max(values), form)})"
    return text


def milliseconds(runs: list[dict], key: str) -> str:
    """p50 / p99 / p99.9, medians."""
    if key not in runs[0]:
        return "-"
    return " / ".join(f"{statistics.median(run[key][name] for run in runs) * 1e3:,.1f}" for name in ("p50", "p99", "p99.9"))


class Comparison:
    """What bench/compare measured, in tables and plots."""

    def __init__(self, figures: dict, folder: Path):
        self.figures, self.folder = figures, folder
        self.relays = figures["relays"] | {"smtp-source": BARE}
        self.cells = list(dict.fromkeys((one["mode"], one["size"]) for one in figures["results"]))

    def of(self, cell: tuple) -> dict[str, list[dict]]:
        return {one["relay"]: one["runs"] for one in self.figures["results"] if (one["mode"], one["size"]) == cell}

    def label(self, name: str) -> str:
        return f"{self.relays[name]['label']} {self.relays[name]['version']}".strip() if name != "angarium" else "**angarium**"

    def title(self, cell: tuple) -> str:
        return f"{cell[1].replace('KiB', ' KiB')}, {NAMES[cell[0]]}"

    def rates(self, cell: tuple) -> str:
        lines = ["| relay | before its 250 | messages | accepted/s | relayed/s | accept ms, p50 / p99 / p99.9 | delivered ms, p50 / p99 "
                 "/ p99.9 |", "|---|---|---|---|---|---|---|"]
        for name, runs in self.of(cell).items():
            lines.append(f"| {self.label(name)} | {self.relays[name]['durable']} | {runs[0]['messages']:,} | "
                         f"{spread(runs, lambda run: run['accepted'])} | {spread(runs, lambda run: run['relayed'])} | "
                         f"{milliseconds(runs, 'accept_seconds')} | {milliseconds(runs, 'delivery_seconds')} |")
        return "\n".join(lines)

    def costs(self, cell: tuple) -> str:
        lines = ["| relay | CPU µs/message | memory MiB | written/byte, processes | written/byte, device | flushes/message | connections | "
                 "generator + sink µs/message |", "|---|---|---|---|---|---|---|---|"]
        for name, runs in self.of(cell).items():
            if "tools_us" in runs[0]:
                cpu, memory = (spread(runs, lambda run: run["cpu_us"]), spread(runs, lambda run: run["memory"] / 2**20))
                lines.append(f"| {self.label(name)} | {cpu} | {memory} | {spread(runs, lambda run: run['written_per_byte'], '.2f')} | "
                             f"{spread(runs, lambda run: run['device_written_per_byte'], '.2f')} | "
                             f"{spread(runs, lambda run: run['flushes'], '.3f')} | {spread(runs, lambda run: run['connections'])} | "
                             f"{spread(runs, lambda run: run['tools_us'])} |")
        return "\n".join(lines)

    def bars(self, path: Path, title: str, key: str, unit: str) -> None:
        """One panel a cell, one bar a relay."""
        with plots.figure(path, title, width=4.2 * len(self.cells), height=3.4, panels=len(self.cells)) as panels:
            for panel, cell in zip(panels, self.cells):
                found = {name: runs for name, runs in self.of(cell).items() if key in runs[0]}
                if not found:
                    continue
                plots.bars(panel, [self.relays[name]["label"] for name in found],
                           [statistics.median(run[key] for run in runs) for runs in found.values()],
                           [plots.colour(name) for name in found], log=True)
                panel.set_title(self.title(cell), fontsize=10, fontweight="normal")
                panel.set_xlabel(unit)

    def latency(self, path: Path) -> None:
        """Percentiles of accepting and of delivering, one line a relay."""
        cell = self.cells[0]
        with plots.figure(path, f"Latency at full load, {self.title(cell)}", width=9, height=3.8, panels=2) as panels:
            for panel, key, text in zip(panels, ("accept_seconds", "delivery_seconds"),
                                         ("content sent to 250", "content sent to received")):
                for name, runs in self.of(cell).items():
                    if key in runs[0]:
                        values = [statistics.median(run[key][one] for run in runs) * 1e3 for one in PERCENTILES]
                        panel.plot(PERCENTILES, values, marker="o", label=self.relays[name]["label"], color=plots.colour(name))
                panel.set_yscale("log")
                panel.yaxis.set_major_formatter(plots.ticker.FuncFormatter(plots.short))
                panel.set_ylabel("ms")
                panel.set_title(text, fontsize=10, fontweight="normal")
            panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))

    def markdown(self) -> str:
        figures = self.figures
        one = next((run for result in figures["results"] for run in result["runs"] if "cpu_exact" in run), {})
        parts = [
            "## Relays",
            f"{figures['sessions']} kept sessions, one recipient a message, no pipelining by the client; the same generator and sink for all, "
            f"on the same {figures['facts']['cores']} cores. The ceiling, angarium and Postfix: medians (least - most) of "
            f"{figures['options']['runs']} interleaved runs; the others once. How each is set up: [bench/relays](../relays). Before the "
            "counted messages a sixth as many went through for warming up. Every message of every relay's run arrived exactly once, or "
            "there would be no row."]
        if plots:
            self.bars(self.folder / "relayed.svg", "Messages relayed a second", "relayed", "messages/s")
            self.bars(self.folder / "cpu.svg", "CPU of all the relay's processes", "cpu_us", "µs/message")
            self.latency(self.folder / "latency.svg")
            parts += ["![relay rate](relayed.svg)", "![CPU a message](cpu.svg)", "![latency](latency.svg)"]
        else:
            parts.append("(No plots: matplotlib is missing; `make deps-bench` installs it, `bench/report` draws them.)")
        parts += [f"- without {label}: {why}" for label, why in figures["skipped"].items()]
        parts += [f"- **failed**, no row below: {failure.splitlines()[0]}" for failure in figures.get("failures", [])]
        for cell in self.cells:
            parts += [f"### {self.title(cell)}", self.rates(cell), self.costs(cell)]
        parts.append(
            "Latency: from the moment when the content is handed to the socket. CPU: all processes of the relay, ended children included"
            + (" (control group)" if one.get("cpu_exact") else " that somebody waited for") +
            f". Memory: the most that was seen (PSS). Written: `write_bytes` of the processes, and what the device `{figures['facts']['disk']}` "
            "wrote meanwhile, journal of the file system included, for every byte that the generator submitted (what a relay adds to a message is "
            "not among them). Flushes: of the device's cache, counted "
            "by the device (`/sys/block/*/stat`), alike for all; several `fsync`s at a time may share one. Connections: to the sink, of the counted messages. smtp-source and smtp-sink keep no "
            "account of messages.")
        return "\n\n".join(parts)


def write(folder: Path) -> None:
    """report.md and the plots, from all JSON files of the folder."""
    figures = json.loads(path.read_text()) if (path := folder / "figures.json").exists() else {}
    measured = goals.from_figures(figures)
    sections = []
    for path in sorted(folder.glob("*.json")):
        more = json.loads(path.read_text()) if path.name != "figures.json" else {}
        measured |= more.get("goals", {})
        if "markdown" in more:
            sections.append(f"## {more['title']}\n\n" + (f"{machine.brief(more['about'])}\n\n" if "about" in more else "") + more["markdown"])
    parts = ["# Benchmark report", "Written by `make bench`; see [bench/README.md](../README.md) for what is counted and how."]
    if figures:
        parts += ["## Machine", machine.describe(figures["facts"])]
        if figures["options"]["quick"]:
            parts.append("**A quick run: too few messages for figures that mean something.**")
    parts += ["## Goals", goals.table(measured)]
    if figures:
        parts.append(Comparison(figures, folder).markdown())
    if (path := folder / "micro.json").exists():
        sections.append("## Micro-benchmarks\n\n" + micro.markdown(json.loads(path.read_text())))
    (folder / "report.md").write_text("\n\n".join(parts + sections) + "\n")
