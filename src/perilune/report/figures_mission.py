"""Figures of a whole mission: the way to the Moon, and power, temperature and radio along it."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from perilune.constants import RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.report import style
from perilune.report.record import Record

MM, KM, DAY_S = 1e-6, 1e-3, 86_400.0
# Nearer than this to the Moon the way to it is over.
NEAR_MOON_M = 20e6
KELVIN = 273.15


def way_to_the_moon(record: Record) -> Figure:
    """As flown: over the plane of the Moon's orbit, and the distances of both centres."""
    met_s, r_gci_m, r_lci_m = (np.asarray(record.tree[f"coast/{name}"].values) for name in ("coast_met_s", "r_gci_m", "r_lci_m"))
    r_moon_m = r_gci_m - r_lci_m
    far = np.linalg.norm(r_lci_m, axis=1) > NEAR_MOON_M
    across, up = _plane(r_moon_m)
    with style.drawing(columns=2, height_in=4.4) as (figure, (left, right)):
        left.plot(MM * r_moon_m @ across, MM * r_moon_m @ up, color=style.FAINT, label="the Moon")
        left.plot(MM * r_gci_m[far] @ across, MM * r_gci_m[far] @ up, color=style.TRUTH, label="the lander")
        left.add_patch(Circle((0.0, 0.0), MM * RADIUS_EARTH_M, color=style.TRUTH))
        arrived = int(np.flatnonzero(far)[-1]) if np.any(far) else 0
        left.add_patch(
            Circle((float(MM * r_moon_m[arrived] @ across), float(MM * r_moon_m[arrived] @ up)), MM * RADIUS_MOON_M, color=style.INK)
        )
        left.set_aspect("equal", adjustable="datalim")
        left.set(xlabel="[1000 km]", ylabel="[1000 km]", title="Over the plane of the Moon's orbit")
        left.legend(loc="best")
        for r_m, label, colour in ((r_gci_m, "from the Earth", style.TRUTH), (r_lci_m, "from the Moon", style.BELIEF)):
            right.plot(met_s / DAY_S, KM * np.linalg.norm(r_m, axis=1), color=colour, label=label, lw=1.0)
        right.set(yscale="log", xlabel="days from separation", ylabel="distance of the centre [km]", title="Distances")
        right.legend(loc="center right")
    return figure


def _plane(r_moon_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors to the right and up: the plane in which the Moon moves, the last of its places to the right."""
    across = r_moon_m[-1] / np.linalg.norm(r_moon_m[-1])
    normal = np.cross(r_moon_m[0], r_moon_m[-1])
    return across, np.cross(normal / np.linalg.norm(normal), across)


def housekeeping(record: Record) -> Figure:
    """Power and charge, temperature, and how well it is heard."""
    days = np.asarray(record.tree["bus/bus_met_s"].values) / DAY_S
    power, charge, warmth, margin = (
        record.all_of(f"bus/{name}") for name in ("power_balance_w", "state_of_charge", "temperature_k", "link_margin_db")
    )
    heard = record.all_of("bus/heard") > 0.0
    with style.drawing(columns=3, height_in=3.4) as (figure, (left, middle, right)):
        left.plot(days, power, color=style.TRUTH, lw=0.6)
        left.axhline(0.0, color=style.FAINT, lw=0.8)
        left.set(xlabel="days from separation", ylabel="power left over [W]", title="Power and charge")
        beside = left.twinx()
        beside.plot(days, 100.0 * charge, color=style.BELIEF, lw=1.0)
        beside.set(ylabel="charge [%]", ylim=(0.0, 105.0))
        middle.plot(days, warmth - KELVIN, color=style.TRUTH, lw=0.8)
        middle.set(xlabel="days from separation", ylabel="equipment [°C]", title="Temperature")
        right.plot(days, np.where(heard, margin, np.nan), color=style.TRUTH, lw=0.8)
        right.axhline(0.0, color=style.FAINT, lw=0.8)
        right.set(xlabel="days from separation", ylabel="margin of the link [dB]", title="Heard")
    return figure
