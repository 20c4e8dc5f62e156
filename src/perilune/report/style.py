"""One look for all figures: quiet axes, few colours, phases as bands."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from perilune.report.record import Record, thinned
from perilune.wire.telemetry import Mode

INK = "#1f2933"
FAINT = "#9aa5b1"
TRUTH = "#1f4e8c"
BELIEF = "#d97706"
GOOD = "#1a7f4b"
BAD = "#b3261e"
SERIES = (TRUTH, BELIEF, "#5b8c5a", "#7b5ea7", "#3aa0a8", "#a04f6b")
BAND = {
    Mode.COAST: "#ffffff",
    Mode.BURN: "#eef3fa",
    Mode.BRAKING: "#eef3fa",
    Mode.ATTITUDE_HOLD: "#fbe9e7",
    Mode.PITCH_UP: "#fdf3e3",
    Mode.APPROACH: "#eef7ee",
    Mode.VERTICAL_DESCENT: "#f4eefa",
    Mode.FREE_FALL: "#fbe9e7",
    Mode.TOUCHDOWN: "#f1f3f5",
    Mode.SURFACE: "#f1f3f5",
    Mode.ABORT: "#fbe9e7",
}
RULES: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 16,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#dde3ea",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "svg.hashsalt": "perilune",  # the same flight draws the same file
    "path.simplify_threshold": 0.5,
}


@contextmanager
def drawing(columns: int = 1, rows: int = 1, height_in: float = 3.4) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of the page's width in the common style, with its axes row by row."""
    with mpl.rc_context(RULES):
        figure = Figure(figsize=(11.0, height_in), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        yield figure, list(axes.flat)


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element for the page."""
    with mpl.rc_context(RULES):
        if (engine := figure.get_layout_engine()) is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")
        stream = StringIO()
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})  # `savefig` would draw everything once more, to lay it out
    text = stream.getvalue()
    return text[text.index("<svg") :]


def plot(axes: Axes, time_s: np.ndarray, values: np.ndarray, label: str, colour: str, **style) -> None:
    """A curve, thinned."""
    t, y = thinned(time_s, values)
    axes.plot(t, y, label=label, color=colour, **style)


def bands(axes: Axes, record: Record, named: bool = True) -> None:
    """Phases of flight behind the curves, named on top where there is room."""
    low, high = axes.get_xlim()
    for mode, start_s, end_s in record.spans():
        left, right = max(start_s, low), min(end_s, high)
        if right <= left:
            continue
        axes.axvspan(left, right, color=BAND[mode], lw=0, zorder=0)
        if named and (right - left) > 0.09 * (high - low):
            name = mode.name.replace("_", " ").lower()
            axes.text(0.5 * (left + right), 1.02, name, transform=axes.get_xaxis_transform(), ha="center", fontsize=7, color="#52606d")
    axes.set_xlim(low, high)


def plain_numbers(axes: Axes) -> None:
    """Ticks of a logarithmic axis as people write them."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def whole(axes: Axes, record: Record) -> None:
    """Time axis over the whole descent."""
    axes.set_xlim(float(record.time_s[0]), float(record.time_s[-1]))
    axes.set_xlabel("time from ignition [s]")
    bands(axes, record)


def end(axes: Axes, record: Record) -> None:
    """Time axis over the last stretch."""
    axes.set_xlim(*record.close_up)
    axes.set_xlabel("time from ignition [s]")
    bands(axes, record)


def shown(axes: Axes, time_s: np.ndarray, *curves: np.ndarray) -> None:
    """Vertical limits that fit the curves within the time shown."""
    low, high = axes.get_xlim()
    inside = (time_s >= low) & (time_s <= high)
    values = np.concatenate([curve[inside] for curve in curves])
    values = values[np.isfinite(values)]
    if values.size:
        margin = 0.06 * max(float(np.ptp(values)), 1e-9)
        axes.set_ylim(float(values.min()) - margin, float(values.max()) + margin)
