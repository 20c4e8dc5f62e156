"""The orbit before the landing: a plane through the site, and where on it braking begins. Host side.

**Model.** Two-body arcs; the plane holds the site at the moment of landing, at the inclination wanted.
**Neglects** the motion of the site during the braking (0.6 km across): guidance takes it out.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M

Array3 = Float[np.ndarray, "3"]


class PlaneError(ValueError):
    """No orbit plane of that inclination holds the site."""


class Ellipse(NamedTuple):
    """Radii of the lowest and the highest point."""

    periapsis_m: float
    apoapsis_m: float

    @property
    def semi_major_axis_m(self) -> float:
        return 0.5 * (self.periapsis_m + self.apoapsis_m)

    @property
    def period_s(self) -> float:
        return 2.0 * math.pi * math.sqrt(self.semi_major_axis_m**3 / GM_MOON_M3_S2)

    def speed_m_s(self, radius_m: float) -> float:
        """Vis viva."""
        return math.sqrt(GM_MOON_M3_S2 * (2.0 / radius_m - 1.0 / self.semi_major_axis_m))

    def going_down_m_s(self, radius_m: float) -> tuple[float, float]:
        """Horizontal speed, and speed downward on the way to the lowest point."""
        forward_m_s = self.speed_m_s(self.periapsis_m) * self.periapsis_m / radius_m
        return forward_m_s, math.sqrt(max(0.0, self.speed_m_s(radius_m) ** 2 - forward_m_s**2))


def ellipse_of_altitudes(periapsis_altitude_m: float, apoapsis_altitude_m: float) -> Ellipse:
    return Ellipse(RADIUS_MOON_M + periapsis_altitude_m, RADIUS_MOON_M + apoapsis_altitude_m)


def orbit_normal(site: Array3, pole: Array3, inclination_rad: float, southbound: bool) -> Array3:
    """Unit normal of the plane that holds `site` (unit vector) and is inclined to the equator of `pole`; same axes for all.

    Raises PlaneError when the site lies further from the equator than the plane reaches.
    """
    cos_latitude = math.sqrt(max(0.0, 1.0 - float(site @ pole) ** 2))
    share = math.cos(inclination_rad) / max(cos_latitude, 1e-12)
    if abs(share) > 1.0:
        latitude_deg = math.degrees(math.acos(min(cos_latitude, 1.0)))
        raise PlaneError(
            f"an orbit inclined by {math.degrees(inclination_rad):.2f} deg never passes over latitude {latitude_deg:.2f} deg; "
            f"choose an inclination between {latitude_deg:.2f} and {180.0 - latitude_deg:.2f} deg"
        )
    towards_pole = pole - (site @ pole) * site
    towards_pole /= np.linalg.norm(towards_pole)
    aside = np.cross(site, towards_pole)
    rest = math.sqrt(1.0 - share**2)
    normals = [share * towards_pole + sign * rest * aside for sign in (1.0, -1.0)]
    # Velocity over the site is normal x site; southbound means away from the pole.
    return next(n for n in normals if (np.cross(n, site) @ pole < 0.0) == southbound)


def state_going_down(ellipse: Ellipse, radius_m: float, site: Array3, normal: Array3, arc_before_site_rad: float) -> tuple[Array3, Array3]:
    """Position and velocity at a radius on the way down to the lowest point, or there, an arc before the site along the way of flight [m, m/s]."""
    along = np.cross(normal, site)
    up = math.cos(arc_before_site_rad) * site - math.sin(arc_before_site_rad) * along
    forward = np.cross(normal, up)
    forward_m_s, down_m_s = ellipse.going_down_m_s(radius_m)
    return radius_m * up, forward_m_s * forward - down_m_s * up
