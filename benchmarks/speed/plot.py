"""The result of the comparison as a picture: wall time and peak memory by the number of rows.

Both axes are logarithmic. The picture has a light ground of its own, so that it can be read on dark
pages too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from speed.result import Entrant, Kind, Result, What

GROUND, INK, FAINT = "#fbfbf9", "#24292f", "#d8dade"
OURS, FLOORS = "#c8102e", "#24292f"
PEERS = ("#2f6db5", "#2a8a6d", "#b06f00", "#7b4fa3", "#5f7280")
STYLES: dict[Kind, tuple[str, float]] = {
    "floor": ("--", 1.6),
    "limit": (":", 1.6),
    "ours": ("-", 3.4),
    "peer": ("-", 1.8),
}
FONTS: dict[bool, dict[str, Any]] = {
    False: {"fontsize": 10},
    True: {"fontsize": 11, "fontweight": "bold"},
}
PANELS: tuple[tuple[What, str, float], ...] = (
    ("wall", "Wall time, seconds", 1.0),
    ("peak", "Peak memory, MB", 1e6),
)
APART = 0.052
"""How far labels are apart at least, as a share of the height."""


def write(result: Result, path: Path) -> None:
    """Draw the picture, as PNG."""
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15, wspace=0.04)
    figure = Figure(figsize=(12, 5.4), dpi=160, facecolor=GROUND, layout=layout)
    racing = [each for each in result.entrants if each.kind != "start" and _sizes(result, each)]
    colours = _colours(racing)
    for axes, (what, title, unit) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        _panel(axes, result, racing, colours, what, unit)
        axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=12)
    figure.savefig(path, facecolor=GROUND)


def _sizes(result: Result, entrant: Entrant) -> list[int]:
    return [rows for rows in result.sizes() if entrant in result.believed(rows, entrant.kind)]


def _colours(racing: Sequence[Entrant]) -> dict[str, str]:
    peers = [each.name for each in racing if each.kind == "peer"]
    found = {name: PEERS[place % len(PEERS)] for place, name in enumerate(peers)}
    others = {"ours": OURS, "floor": FLOORS, "limit": FLOORS}
    return found | {each.name: others[each.kind] for each in racing if each.kind in others}


def _panel(
    axes: Axes,
    result: Result,
    racing: Sequence[Entrant],
    colours: dict[str, str],
    what: What,
    unit: float,
) -> None:
    """Draw one cost: a line for each entrant, with its name where the line ends."""
    ends: list[tuple[Entrant, int, float]] = []
    for entrant in racing:
        sizes = _sizes(result, entrant)
        costs = [result.median(rows, entrant.name, what) / unit for rows in sizes]
        style, width = STYLES[entrant.kind]
        axes.plot(
            sizes,
            costs,
            style,
            color=colours[entrant.name],
            linewidth=width,
            marker="o",
            markersize=width + 2.5,
            markeredgecolor=GROUND,
            zorder=3 if entrant.kind == "ours" else 2,
        )
        ends.append((entrant, sizes[-1], costs[-1]))
    _dress(axes, result.sizes())
    _label(axes, ends, colours)


def _dress(axes: Axes, sizes: Sequence[int]) -> None:
    """Logarithmic axes with few, faint lines."""
    axes.set(xscale="log", yscale="log", facecolor=GROUND)
    axes.xaxis.set_major_locator(FixedLocator(list(sizes)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rows, _: f"{rows:,.0f} rows"))
    axes.yaxis.set_major_locator(FixedLocator(_ticks(*axes.get_ylim())))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:,g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.tick_params(length=0, labelsize=10, labelcolor=INK, pad=6)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _ticks(least: float, most: float) -> list[float]:
    """1, 3, 10, 30 ... as far as they lie between the ends."""
    steps = (base * 10.0**power for power in range(-3, 9) for base in (1, 3))
    return [step for step in steps if least <= step <= most]


def _label(axes: Axes, ends: Sequence[tuple[Entrant, int, float]], colours: dict[str, str]) -> None:
    """Put each name right of its line's end, moved up or down as far as others are in its way."""
    to_share = axes.transAxes.inverted()
    last = max(rows for _, rows, _ in ends)
    whole = [end for end in ends if end[1] == last]
    heights = [to_share.transform(axes.transData.transform((x, y)))[1] for _, x, y in whole]
    for (entrant, x, y), height in zip(whole, _spread(heights), strict=True):
        colour = colours[entrant.name]
        axes.annotate(
            entrant.title,
            xy=(x, y),
            xytext=(1.035, height),
            textcoords="axes fraction",
            verticalalignment="center",
            annotation_clip=False,
            color=colour,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "alpha": 0.6,
                "shrinkA": 1,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
            **FONTS[entrant.kind == "ours"],
        )
    for entrant, x, y in ends:
        if x < last:  # it has no figure at the largest size
            axes.annotate(
                entrant.title,
                xy=(x, y),
                xytext=(4, 7),
                textcoords="offset points",
                horizontalalignment="right",
                color=colours[entrant.name],
                **FONTS[entrant.kind == "ours"],
            )


def _spread(heights: Sequence[float]) -> list[float]:
    """Heights in the same order, each as near to the one given as it can be with room between."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    groups: list[list[float]] = []  # labels that touch: where each would have the first of them
    for place in order:
        groups.append([heights[place]])
        while len(groups) > 1 and mean(groups[-2]) + APART * len(groups[-2]) > mean(groups[-1]):
            above = groups.pop()
            groups[-1] += [wanted - APART * len(groups[-1]) for wanted in above]
    spread = [mean(group) + APART * step for group in groups for step in range(len(group))]
    return [height for _, height in sorted(zip(order, spread, strict=True))]
