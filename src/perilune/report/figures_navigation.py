"""Figures of the filter: its errors inside their three sigma, and its innovations at the gates."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import SymmetricalLogLocator

from perilune.report import style
from perilune.report.record import Record, thinned, turned_by

# Places of the blocks in `nav_sigma`.
BLOCKS = ((slice(0, 3), "position", "m", 1.0), (slice(3, 6), "velocity", "m/s", 1.0), (slice(6, 9), "attitude", "mrad", 1e3))
TERRAIN = 15
# A panel a third of the page wide shows no more.
SMALL_PANEL_POINTS = 400
# Tubes that shrink by more than this are drawn on a logarithmic axis.
LOGARITHMIC_OVER = 60.0


def block_errors(record: Record) -> list[np.ndarray]:
    """Truth less estimate [n, 3] of position, velocity (lci axes) and attitude (rotation vector, lci axes)."""
    place = "imu_" if record.has("truth/r_imu_lci_m", "truth/v_imu_lci_m_s") else ""
    return [
        record[f"truth/r_{place}lci_m"] - record["downlink/nav_r_lci_m"],
        record[f"truth/v_{place}lci_m_s"] - record["downlink/nav_v_lci_m_s"],
        turned_by(record["truth/q_lci_body"], record["downlink/nav_q_lci_body"]),
    ]


def errors(record: Record) -> Figure:
    """Errors of position, velocity and attitude along the three inertial axes, with three sigma as the filter believes them."""
    sigma = record["downlink/nav_sigma"]
    with style.drawing(columns=3, rows=3, height_in=7.0) as (figure, grid):
        for row, ((block, name, unit, scale), error) in enumerate(zip(BLOCKS, block_errors(record), strict=True)):
            for column, axis in enumerate("xyz"):
                axes = grid[3 * row + column]
                three_sigma = 3.0 * sigma[:, block][:, column]
                _tube(axes, record, scale * error[:, column], scale * three_sigma)
                axes.set_title(f"{name} {axis}: {_share_inside(record, error[:, column], three_sigma)}")
                axes.set_ylabel(f"error [{unit}]")
    return figure


def ground(record: Record, reference_elevation_m: float) -> Figure:
    """Height of the ground below: estimate, truth, and the error inside three sigma."""
    true_m = record["truth/ground_elevation_m"] - reference_elevation_m
    sigma = record["downlink/nav_sigma"][:, TERRAIN]
    with style.drawing(columns=2, height_in=2.8) as (figure, (left, right)):
        style.plot(left, record.time_s, true_m, "true", style.TRUTH)
        style.plot(left, record.time_s, record["downlink/nav_terrain_m"], "estimated", style.BELIEF, linestyle="--")
        left.set(title="Height of the ground below, over the site", ylabel="[m]")
        left.legend(loc="upper right")
        style.whole(left, record)
        _tube(right, record, true_m - record["downlink/nav_terrain_m"], 3.0 * sigma)
        right.set(title=f"Its error: {_share_inside(record, true_m - record['downlink/nav_terrain_m'], 3.0 * sigma)}", ylabel="error [m]")
    return figure


def _share_inside(record: Record, error: np.ndarray, three_sigma: np.ndarray) -> str:
    """How much of the flight the error spent in the tube; legs on the ground shake the inertial unit, so it ends there."""
    flying = record.flying
    share = float(np.mean(np.abs(error[flying]) <= three_sigma[flying])) if np.any(flying) else 1.0
    return f"{100.0 * share:.0f} % inside 3σ" if share in (0.0, 1.0) else f"{100.0 * share:.1f} % inside 3σ"


def _tube(axes: Axes, record: Record, error: np.ndarray, three_sigma: np.ndarray) -> None:
    flying = record.flying if np.any(record.flying) else np.ones(len(error), dtype=bool)
    t, e, s = thinned(record.time_s[flying], error[flying], three_sigma[flying], most=SMALL_PANEL_POINTS)
    axes.fill_between(t, -s, s, color="#cfe0f5", lw=0, label="3σ")
    axes.plot(t, e, color=style.INK, lw=1.0)
    smallest, largest = (float(np.nanmin(s[s > 0.0])), float(np.nanmax(s))) if np.any(s > 0.0) else (1.0, 1.0)
    if max(largest, float(np.nanmax(np.abs(e)))) > LOGARITHMIC_OVER * smallest:
        _logarithmic(axes, smallest)
    axes.set_xlim(float(t[0]), float(t[-1]))
    axes.set_xlabel("time from ignition [s]")
    style.bands(axes, record, named=False)


def _logarithmic(axes: Axes, smallest: float) -> None:
    """Linear up to the power of ten below the smallest tube, logarithmic beyond, and no tick where they would crowd."""
    decade = 10.0 ** np.floor(np.log10(smallest))
    axes.set_yscale("symlog", linthresh=decade, linscale=1.0)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10.0, linthresh=decade))
    style.plain_numbers(axes)


CHANNELS = (("altimeter", "m", 1.0), ("velocimeter", "m/s", 1.0), ("star_tracker", "mrad", 1e3))


def innovations(record: Record, gate_sigmas: dict[str, float]) -> Figure:
    """Each reading's innovation over its predicted sigma; what the gate refused is a cross."""
    with style.drawing(columns=3) as (figure, grid):
        for axes, (channel, _, _) in zip(grid, CHANNELS, strict=True):
            fresh = _new(record[f"downlink/{channel}_innovation"]) & (record[f"downlink/{channel}_fresh"] > 0)
            used = fresh & (record[f"downlink/{channel}_used"] > 0)
            sigma = np.maximum(record[f"downlink/{channel}_innovation_sigma"], 1e-300)
            ratio = record[f"downlink/{channel}_innovation"] / sigma
            gate = gate_sigmas.get(channel, 5.0)
            ratio = np.clip(ratio, -1.6 * gate, 1.6 * gate)  # what lies far outside is drawn at the edge
            _dots(axes, record.time_s, ratio, used, ("o", style.TRUTH, "used"))
            _dots(axes, record.time_s, ratio, fresh & ~used, ("x", style.BAD, "refused"))
            for side in (-gate, gate):
                axes.axhline(side, color=style.BAD, lw=0.8, ls="--")
            axes.set_ylim(-1.75 * gate, 1.75 * gate)
            counted = f"{int(used.sum())} used, {int((fresh & ~used).sum())} refused"
            axes.set(title=f"{channel.replace('_', ' ')}: {counted}", ylabel="innovation / its σ")
            style.whole(axes, record)
            axes.legend(loc="lower left", ncols=2)
    return figure


def _new(innovation: np.ndarray) -> np.ndarray:
    """Where a report is a new one: between updates the last is repeated, and no two readings agree to the last bit."""
    return np.diff(innovation, prepend=np.nan) != 0.0


def _dots(axes: Axes, time_s: np.ndarray, ratio: np.ndarray, which: np.ndarray, look: tuple[str, str, str]) -> None:
    marker, colour, label = look
    t, y = thinned(time_s[which], ratio[which]) if np.any(which) else (time_s[:0], ratio[:0])
    axes.plot(t, y, linestyle="none", marker=marker, ms=2.2 if marker == "o" else 4, color=colour, label=label)
