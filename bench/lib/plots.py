"""Plots in one look, by matplotlib: small, deterministic SVG files whose text is text.

    with figure(RESULTS / "rates.svg", "Relay rate", width=8, height=4) as axes:
        axes.barh(...)

Same figures, same bytes: no dates, no random ids. The background is white, so that dark pages show them too.
"""

import contextlib
import math
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot  # noqa: E402  behind the choice of the back end
import matplotlib.ticker as ticker  # noqa: E402

INK, FAINT = "#24292f", "#d0d7de"
OURS = "#0969da"  # angarium, everywhere
# The others, in a fixed order, told apart by colour-blind readers too.
COLOURS = {"angarium": OURS, "none": "#8c959f", "postfix": "#bc4c00", "opensmtpd": "#1a7f37", "exim": "#8250df",
           "haraka": "#bf8700"}
SERIES = [OURS, "#bc4c00", "#1a7f37", "#8250df", "#bf8700", "#8c959f"]

matplotlib.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "angarium", "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"], "font.size": 10, "axes.titlesize": 12,
    "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 12, "axes.edgecolor": FAINT,
    "axes.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.grid": True, "grid.color": FAINT, "grid.linewidth": 0.6, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "xtick.major.size": 0, "ytick.major.size": 0, "xtick.minor.size": 0, "ytick.minor.size": 0,
    "legend.frameon": False, "lines.linewidth": 1.8, "lines.markersize": 4.5, "figure.facecolor": "white",
})


def colour(name: str) -> str:
    """A relay's colour, the same in every plot."""
    return COLOURS.get(name) or SERIES[1 + sum(map(ord, name)) % (len(SERIES) - 1)]


def short(value: float, _=None) -> str:
    """12,345 → 12.3 k; 0.5 → 0.5: for axes and bars."""
    if value >= 1e6:
        return f"{value / 1e6:.3g} M"
    if value >= 1e4:
        return f"{value / 1e3:.3g} k"
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


@contextlib.contextmanager
def figure(path: Path, title: str, width: float = 8, height: float = 4, panels: int = 0):
    """Yields the axes, or with `panels` a list of so many beside each other; writes the file at the end."""
    drawing, axes = pyplot.subplots(1, panels or 1, figsize=(width, height), layout="constrained", squeeze=False)
    try:
        yield list(axes[0]) if panels else axes[0][0]
        if panels:
            drawing.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12)
        else:
            axes[0][0].set_title(title)
        path.parent.mkdir(parents=True, exist_ok=True)
        drawing.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    finally:
        pyplot.close(drawing)


def bars(axes, names: list[str], values: list[float], colours: list[str], text=short, log: bool = False) -> None:
    """Horizontal bars, first on top, each with its value behind it."""
    axes.barh(names, values, color=colours, height=0.62)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    if log:
        axes.set_xscale("log")
        axes.set_xlim(left=10 ** (math.floor(math.log10(min(values))) - 0.5))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(short))
    axes.margins(x=0.14)
    for place, value in enumerate(values):
        axes.annotate(text(value), (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)


def curve(axes, xs: list[float], ys: list[float], label: str, colour: str = OURS, low: list[float] | None = None,
          high: list[float] | None = None, log_x: bool = True, log_y: bool = False) -> None:
    """One line with points; with `low` and `high` a band around it."""
    axes.plot(xs, ys, marker="o", label=label, color=colour)
    if low and high:
        axes.fill_between(xs, low, high, color=colour, alpha=0.15, linewidth=0)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):  # behind the scales, which bring formatters of their own
        axis.set_major_formatter(ticker.FuncFormatter(short))
