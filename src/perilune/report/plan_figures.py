"""Figures of a plan: the way from the Earth to the Moon, the orbits about the Moon, and what other dates would cost."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from perilune.constants import RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.report import style
from perilune.report.window_figure import window_figure, window_map
from perilune.trajectory.flightpath import MissionPlan
from perilune.trajectory.orbit_files import Segment

KM, MM = 1e-3, 1e-6  # kilometres and megametres in a metre
DAY_S = 86400.0
# Height over the Moon up to which the close view and the heights look.
CLOSE_M = 20e6
POINTS = 1500


class Axes2(NamedTuple):
    """Two unit vectors that span a plane, in inertial axes."""

    across: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]

    def project(self, r_m: Float[np.ndarray, "n 3"]) -> tuple[np.ndarray, np.ndarray]:
        return r_m @ self.across, r_m @ self.up


def _plane(first: np.ndarray, second: np.ndarray) -> Axes2:
    """The plane of two directions, the first to the right."""
    across = first / np.linalg.norm(first)
    normal = np.cross(first, second)
    return Axes2(across, np.cross(normal / np.linalg.norm(normal), across))


def earth_moon(plan: MissionPlan) -> Figure:
    """The way to the Moon over the plane of its orbit, and the distances from Earth and Moon."""
    times_s = np.linspace(*plan.span_s(), POINTS)
    path = plan.states(times_s)
    r_moon_m = path.r_gci_m - path.r_lci_m
    with style.drawing(columns=2, height_in=4.6) as (figure, (left, right)):
        _from_above(left, plan, path.r_gci_m, r_moon_m)
        days = (times_s - plan.burns[0].ignition.seconds_since(plan.epoch)) / DAY_S
        for r_m, label, colour in ((path.r_gci_m, "from the Earth", style.TRUTH), (path.r_lci_m, "from the Moon", style.BELIEF)):
            right.plot(days, np.linalg.norm(r_m, axis=1) * KM, color=colour, label=label)
        right.set(yscale="log", xlabel="days from injection", ylabel="distance [km]", title="Distances of the centres")
        for burn in plan.burns[1:]:
            right.axvline(burn.ignition.seconds_since(plan.burns[0].ignition) / DAY_S, color=style.FAINT, linewidth=0.8)
        right.legend(loc="center left")
    return figure


def _from_above(axes: Axes, plan: MissionPlan, r_m: np.ndarray, r_moon_m: np.ndarray) -> None:
    arrived = int(np.argmin(np.abs(np.linspace(*plan.span_s(), POINTS) - plan.perilune_s)))
    plane = _plane(r_moon_m[arrived], r_moon_m[min(arrived + 10, POINTS - 1)])
    axes.plot(*(MM * each for each in plane.project(r_moon_m)), color=style.FAINT, label="the Moon")
    axes.plot(*(MM * each for each in plane.project(r_m[: arrived + 1])), color=style.TRUTH, label="the lander")
    axes.add_patch(Circle((0.0, 0.0), MM * RADIUS_EARTH_M, color=style.TRUTH))
    axes.add_patch(
        Circle(tuple(MM * each[0] for each in plane.project(r_moon_m[arrived : arrived + 1])), MM * RADIUS_MOON_M, color=style.INK)
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xlabel="[1000 km]", ylabel="[1000 km]", title="Over the plane of the Moon's orbit")
    axes.legend(loc="upper left")


def lunar_orbits(plan: MissionPlan, rows: list[Segment]) -> Figure:
    """Arrival and orbits in the plane of the orbit, and heights over the mean sphere; `rows` of every arc."""
    rows = [segment for segment in rows if segment.centre == "moon"]
    arriving = next(segment for segment in rows if segment.name.startswith("lunar orbit insertion"))
    plane = _plane(arriving.r_m[0], arriving.v_m_s[0])
    with style.drawing(columns=2, height_in=4.6) as (figure, (left, right)):
        left.add_patch(Circle((0.0, 0.0), KM * RADIUS_MOON_M, color="#dde3ea"))
        for number, segment in enumerate(_joined(rows)):
            near = np.linalg.norm(segment.r_m, axis=1) < RADIUS_MOON_M + CLOSE_M
            colour = style.SERIES[number % len(style.SERIES)]
            left.plot(*(KM * each for each in plane.project(segment.r_m[near])), color=colour, linewidth=0.8, label=segment.name)
            _heights(right, plan, segment, colour)
        reach_km = 2.2 * KM * RADIUS_MOON_M
        left.set(xlim=(-reach_km, reach_km), ylim=(-reach_km, reach_km), xlabel="[km]", ylabel="[km]", title="In the plane of arrival")
        left.set_aspect("equal")
        left.legend(loc="upper right")
        right.set(yscale="log", xlabel="days from insertion", ylabel="height over the mean sphere [km]", title="Heights")
        style.plain_numbers(right)
    return figure


def _joined(rows: list[Segment]) -> list[Segment]:
    """The coasts alone: burns are too short to see."""
    return [segment for segment in rows if segment.tdb_s[-1] - segment.tdb_s[0] > 1800.0]


def _heights(axes: Axes, plan: MissionPlan, segment: Segment, colour: str) -> None:
    height_m = np.linalg.norm(segment.r_m, axis=1) - RADIUS_MOON_M
    near = height_m < CLOSE_M
    days = (segment.tdb_s - plan.epoch.tdb_s() - plan.perilune_s) / DAY_S
    axes.plot(days[near], KM * height_m[near], color=colour, linewidth=0.8)


def launch_windows(plan: MissionPlan) -> Figure:
    """Injection and insertion over dates of departure and arrival: impulses, patched conics."""
    return window_figure(window_map(plan.order, plan.epoch.after(plan.perilune_s)))
