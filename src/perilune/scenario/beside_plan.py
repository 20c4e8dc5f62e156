"""Figures that a mission file's `observed` names, of planned burns and of the path: the desk's answer, and what it shares with the flight's."""

import math

import numpy as np
from jaxtyping import Float

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.scenario.schema_place import ObservedFigure, epoch_of
from perilune.trajectory.flightpath import MissionPlan, Orbit, PlannedBurn

DESCENT_ORBIT = "descent orbit"
BURN = "length of the descent-orbit burn"
FARTHEST = "greatest distance from the Earth"
FROM_EARTH, OVER_MOON = "distance from the Earth", "height over the Moon"


def of_plan(figure: ObservedFigure, plan: MissionPlan) -> float | None:
    """In the figure's unit; None where the plan does not tell."""
    if figure.name == FARTHEST:
        return 1e-3 * plan.farthest()[1]
    if figure.utc is not None:
        return _at(figure.name, epoch_of(figure.utc).seconds_since(plan.epoch), plan)
    burns = [(each, each.orbit_after if isinstance(each, PlannedBurn) else None) for each in (*plan.burns, *plan.reserves)]
    told = (of_burn(figure.name, each.name, each.duration_s, after) for each, after in burns)
    return next((value for value in told if value is not None), None)


def _at(name: str, t_s: float, plan: MissionPlan) -> float | None:
    begin_s, end_s = plan.span_s()
    if not (name.startswith((FROM_EARTH, OVER_MOON)) and begin_s <= t_s <= end_s):
        return None
    path = plan.states(np.array([t_s]))
    return of_place(name, path.r_gci_m[0], path.r_lci_m[0])


def of_place(name: str, r_gci_m: Float[np.ndarray, "3"], r_lci_m: Float[np.ndarray, "3"]) -> float | None:
    """A figure of a place between Earth and Moon, in km."""
    if name.startswith(FROM_EARTH):
        return 1e-3 * float(np.linalg.norm(r_gci_m))
    if name.startswith(OVER_MOON):
        return 1e-3 * (float(np.linalg.norm(r_lci_m)) - RADIUS_MOON_M)
    return None


def of_burn(name: str, burn: str, duration_s: float | None, after: Orbit | None) -> float | None:
    """A figure of a burn or of the orbit after it; None if it tells of something else, or if that is not known."""
    if name in (f"length of {burn}", BURN if burn == DESCENT_ORBIT else ""):
        return duration_s
    what = name.removesuffix(f" after {burn}")
    return AFTER[what](after) if after is not None and what != name and what in AFTER else None


def _highest_km(orbit: Orbit) -> float | None:
    return 1e-3 * orbit.apoapsis_altitude_m if math.isfinite(orbit.apoapsis_altitude_m) else None


def _period_s(orbit: Orbit) -> float | None:
    """About the Moon."""
    if not math.isfinite(orbit.apoapsis_altitude_m):
        return None
    half_axis_m = RADIUS_MOON_M + 0.5 * (orbit.periapsis_altitude_m + orbit.apoapsis_altitude_m)
    return 2.0 * math.pi * math.sqrt(half_axis_m**3 / GM_MOON_M3_S2)


AFTER = {
    "lowest altitude": lambda orbit: 1e-3 * orbit.periapsis_altitude_m,
    "highest altitude": _highest_km,
    "inclination": lambda orbit: math.degrees(orbit.inclination_rad),
    "period": _period_s,
}
