"""What became of an orbiter: whether it kept to the orbit that it was to work in, while it was watched."""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from perilune.constants import RADIUS_MOON_M
from perilune.math.vector import vec3
from perilune.moon.ephemeris import Ephemeris
from perilune.moon.frames import moon_orientation
from perilune.scenario.schema_place import Mapping

DAY_S = 86400.0


class Watched(NamedTuple):
    """Heights over the sphere, the inclination at the end, and how long it was watched."""

    lowest_km: float
    highest_km: float
    inclination_deg: float
    days: float

    @property
    def told(self) -> dict[str, Any]:
        return {
            "lowest_altitude_km": self.lowest_km,
            "highest_altitude_km": self.highest_km,
            "inclination_deg": self.inclination_deg,
            "watched_days": self.days,
        }

    def words(self) -> str:
        return f"{self.lowest_km:.1f} to {self.highest_km:.1f} km high in {self.days:.1f} days, inclined by {self.inclination_deg:.2f} deg"


def watched(coasts: dict[str, np.ndarray], from_s: float, ephemeris: Ephemeris) -> Watched | None:
    """Of the rows of a coast after a time; None if there are none."""
    rows = np.flatnonzero(coasts["met_s"] >= from_s) if coasts else np.zeros(0, int)
    if rows.size == 0:
        return None
    heights_km = 1e-3 * (np.linalg.norm(coasts["r_lci_m"][rows], axis=1) - RADIUS_MOON_M)
    last = rows[-1]
    normal = vec3(np.cross(coasts["r_lci_m"][last], coasts["v_lci_m_s"][last])).unit()
    turned = moon_orientation(ephemeris, jnp.asarray(coasts["met_s"][last])).q_lfme_lci @ normal
    days = float(coasts["met_s"][last] - coasts["met_s"][rows[0]]) / DAY_S
    return Watched(float(np.min(heights_km)), float(np.max(heights_km)), math.degrees(math.acos(float(turned.z))), days)


def misses(found: Watched | None, wanted: Mapping) -> list[str]:
    """In what an orbit is not the one that was wanted; nothing if it is."""
    if found is None:
        return ["it was not watched in its last orbit"]
    low_km, high_km = wanted.periapsis_altitude_km - wanted.altitude_within_km, wanted.apoapsis_altitude_km + wanted.altitude_within_km
    told = []
    if found.lowest_km < low_km:
        told.append(f"it came down to {found.lowest_km:.1f} km; it was to stay above {low_km:.1f}")
    if found.highest_km > high_km:
        told.append(f"it rose to {found.highest_km:.1f} km; it was to stay below {high_km:.1f}")
    if abs(found.inclination_deg - wanted.inclination_deg) > wanted.inclination_within_deg:
        told.append(f"its inclination is {found.inclination_deg:.2f} deg; {wanted.inclination_deg:g} was wanted")
    return told
