"""Figures of the ground: the track over shaded relief, and the touchdown against its limits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from perilune.constants import RADIUS_MOON_M
from perilune.report import style
from perilune.report.record import Record, thinned
from perilune.report.relief import ReliefMap, shade


@dataclass(frozen=True)
class Target:
    """The site: its elevation, and the published ellipse (full axes in km, azimuth in degrees), if there is one."""

    elevation_m: float
    ellipse: tuple[float, float, float] | None = None


def track_on_ground(r_site_m: np.ndarray, elevation_m: float) -> tuple[np.ndarray, np.ndarray]:
    """East and north [n] (m) where the way to the Moon's centre meets the tangent plane of the site."""
    shrink = 1.0 + r_site_m[:, 2] / (RADIUS_MOON_M + elevation_m)
    return r_site_m[:, 0] / shrink, r_site_m[:, 1] / shrink


def inside(ellipse: tuple[float, float, float], east_m: float, north_m: float) -> bool:
    """Whether a place lies in an ellipse about the site (full axes in km, azimuth of the major one in degrees)."""
    major, minor, azimuth = ellipse[0], ellipse[1], np.radians(ellipse[2])
    along = north_m * np.cos(azimuth) + east_m * np.sin(azimuth)
    across = east_m * np.cos(azimuth) - north_m * np.sin(azimuth)
    return bool((along / (500.0 * major)) ** 2 + (across / (500.0 * minor)) ** 2 <= 1.0)


def ground_track(record: Record, maps: tuple[ReliefMap, ...], target: Target) -> Figure:
    """The way over the ground: the approach, and the last stretch."""
    with style.drawing(columns=2, height_in=5.9) as (figure, panels):
        for axes, relief, title in zip(panels, maps, ("The approach", "The last stretch"), strict=False):
            scale, unit = draw_map(axes, record, relief, target)
            axes.set_title(f"{title}, {2.0 * scale * relief.half_width_m:.0f} {unit} across")
        panels[0].legend(loc="upper right", labelcolor="white", frameon=True, facecolor=style.INK, edgecolor="none", framealpha=0.75)
    return figure


def draw_map(axes: Axes, record: Record, relief: ReliefMap, target: Target) -> tuple[float, str]:
    """Track, target and published ellipse over one shaded map; returns the map's scale (its unit in a metre) and unit."""
    scale, unit = (1e-3, "km") if relief.half_width_m > 3000.0 else (1.0, "m")
    _relief(axes, relief, scale)
    east, north = (scale * each for each in track_on_ground(record["truth/r_site_m"], target.elevation_m))
    axes.plot(*thinned(east, north), color="#ffb454", lw=1.8, label="flown")
    axes.plot(east[-1], north[-1], marker="v", ms=8, color="#ff5d5d", mec="white", ls="none", label="end of the flight")
    axes.plot(0, 0, marker="+", ms=13, mew=2, color="#7fe7ff", ls="none", label="target")
    if target.ellipse:
        major, minor, azimuth = target.ellipse
        size = 1000.0 * scale
        shape = Ellipse((0, 0), minor * size, major * size, angle=-azimuth, fill=False, ec="#7fe7ff", lw=1.0, ls="--")
        axes.add_patch(shape).set_label("published ellipse")
    _frame(axes, relief, scale)
    axes.set(xlabel=f"east of the target [{unit}]", ylabel=f"north of the target [{unit}]")
    return scale, unit


def _relief(axes: Axes, relief: ReliefMap, scale: float) -> None:
    extent = tuple(scale * edge for edge in relief.extent_m)
    axes.imshow(shade(relief), cmap="gray", origin="lower", extent=extent, vmin=0.0, vmax=1.0, interpolation="bilinear")  # type: ignore[arg-type]
    axes.grid(False)


def _frame(axes: Axes, relief: ReliefMap, scale: float) -> None:
    west, east, south, north = (scale * edge for edge in relief.extent_m)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect("equal")


def touchdown(record: Record, rows: list[tuple[str, float, float, str]]) -> Figure:
    """Speeds, tilt and slope at contact as shares of their limits, and the last seconds."""
    with style.drawing(columns=2, height_in=2.8) as (figure, (bars, last)):
        _bars(bars, rows)
        last.plot(record.time_s, record["truth/vertical_speed_m_s"], color=style.TRUTH, label="down [m/s]")
        last.plot(record.time_s, record["truth/horizontal_speed_m_s"], color="#5b8c5a", label="horizontal [m/s]")
        last.plot(record.time_s, record["truth/tilt_deg"], color=style.BELIEF, label="tilt [°]", lw=1.0)
        end_s = record.close_up[1] - 5.0
        last.set_xlim(end_s - 10.0, min(end_s + 6.0, float(record.time_s[-1])))
        curves: list[Any] = [record[f"truth/{name}"] for name in ("vertical_speed_m_s", "horizontal_speed_m_s", "tilt_deg")]
        style.shown(last, record.time_s, *curves)
        last.set(title="The last seconds", xlabel="time from ignition [s]")
        style.bands(last, record, named=False)
        last.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=3)
    return figure


# Bars of touches much beyond a limit end here, so that the others can be read; the words tell the value.
SHARE_SHOWN_MAX = 3.0
WORDS_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}


def _bars(axes: Axes, rows: list[tuple[str, float, float, str]]) -> None:
    names = [name for name, *_ in rows]
    shares = [min(abs(value) / limit, SHARE_SHOWN_MAX) for _, value, limit, _ in rows]
    places = np.arange(len(rows))
    axes.set_axisbelow(True)
    axes.barh(places, shares, color=[style.GOOD if share <= 1.0 else style.BAD for share in shares], height=0.55)
    axes.axvline(1.0, color=style.INK, lw=1.2)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0.0, max(1.45, 1.4 * max(shares, default=1.0)))
    for place, (_, value, limit, unit), share in zip(places, rows, shares, strict=True):
        words = f"{value:.2f} {unit} of {limit:g} {unit}"
        axes.annotate(words, (share, float(place)), (6, 0), textcoords="offset points", va="center", fontsize=8, bbox=WORDS_BOX)
    axes.set(title="Touchdown against its limits", xlabel="share of the limit")
    axes.grid(axis="y", visible=False)
