"""Things that happen on the way: apsides, altitudes, shadows, occultations, stations that rise and set.

Each is a number that crosses zero at the event. One function stops a coast there (`propagate.propagated_until`, with `Event.condition`);
another finds every crossing of a path that was flown (`path.crossings`).

**Error.** As exact as the state is: no search leaves more than 1e-6 s (tests).
**Invalid when** the number is not defined: the angles of a shadow below the surface of the body.
**Neglects** light time, the atmosphere, and terrain.
"""

from abc import abstractmethod
from typing import Literal, TypeAlias

import equinox as eqx
import jax.numpy as jnp

from perilune.constants import RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.propagate import Condition, PointMass
from perilune.math.vector import Vec3, zero_vec3
from perilune.moon.earth import Place
from perilune.moon.eclipse import clearance_m, discs, penumbra_margin_rad, umbra_margin_rad
from perilune.types import Scalar

Body: TypeAlias = Literal["earth", "moon"]

RADIUS_M: dict[Body, float] = {"earth": RADIUS_EARTH_M, "moon": RADIUS_MOON_M}
# Radius at which the Moon's sphere of influence is drawn by convention: 384,400 km x (mass ratio)^(2/5).
MOON_INFLUENCE_M = 66.1e6


class Seen(eqx.Module):
    """One instant of a flight, seen from both centres."""

    t_s: Scalar
    r_gci_m: Vec3
    v_gci_m_s: Vec3
    r_lci_m: Vec3
    v_lci_m_s: Vec3
    r_sun_gci_m: Vec3

    def state(self, body: Body) -> tuple[Vec3, Vec3]:
        return (self.r_gci_m, self.v_gci_m_s) if body == "earth" else (self.r_lci_m, self.v_lci_m_s)


def seen(forces: Cislunar, centre: Body, t_s: Scalar, r_m: Vec3, v_m_s: Vec3) -> Seen:
    """A state about either centre, with what events need to know of it."""
    if centre == "earth":
        gci, lci = (r_m, v_m_s), forces.lci_of_gci(t_s, r_m, v_m_s)
    else:
        gci, lci = forces.gci_of_lci(t_s, r_m, v_m_s), (r_m, v_m_s)
    return Seen(t_s, *gci, *lci, forces.ephemeris.r_sun_gci_m(t_s))


class Event(eqx.Module):
    """A number that crosses zero, and in which sense: rising, falling, or (None) both. Make one with the functions below."""

    name: eqx.AbstractVar[str]
    rising: eqx.AbstractVar[bool | None]

    @abstractmethod
    def measure(self, at: Seen) -> Scalar:
        """What crosses zero."""

    def condition(self, forces: Cislunar, centre: Body) -> Condition:
        """The measure as a coast about a centre asks for it."""

        def value(t_s: Scalar, state: PointMass) -> Scalar:
            return self.measure(seen(forces, centre, t_s, state.r_m, state.v_m_s))

        return value


class Apsis(Event):
    """The distance from a body stops falling or rising."""

    name: str = eqx.field(static=True)
    rising: bool | None = eqx.field(static=True)
    body: Body = eqx.field(static=True)

    def measure(self, at: Seen) -> Scalar:
        """Radial speed [m/s]."""
        r_m, v_m_s = at.state(self.body)
        return r_m.dot(v_m_s) / r_m.norm()


class Distance(Event):
    """At a distance from the centre of a body: an altitude, a sphere of influence."""

    name: str = eqx.field(static=True)
    rising: bool | None = eqx.field(static=True)
    body: Body = eqx.field(static=True)
    radius_m: Scalar

    def measure(self, at: Seen) -> Scalar:
        return at.state(self.body)[0].norm() - self.radius_m


class Shadow(Event):
    """The body hides some of the Sun (penumbra) or all of it (umbra, `total`) while the measure is below zero."""

    name: str = eqx.field(static=True)
    rising: bool | None = eqx.field(static=True)
    body: Body = eqx.field(static=True)
    total: bool = eqx.field(static=True)

    def measure(self, at: Seen) -> Scalar:
        r_m, _ = at.state(self.body)
        apparent = discs(-r_m, at.r_sun_gci_m - at.r_gci_m, RADIUS_M[self.body])
        return umbra_margin_rad(apparent) if self.total else penumbra_margin_rad(apparent)


class Surface(Event):
    """At a height above the sphere of the Earth or the Moon, whichever is nearer to it."""

    name: str = eqx.field(static=True)
    rising: bool | None = eqx.field(static=True)
    height_m: Scalar

    def measure(self, at: Seen) -> Scalar:
        return jnp.minimum(at.r_gci_m.norm() - RADIUS_EARTH_M, at.r_lci_m.norm() - RADIUS_MOON_M) - self.height_m


class Occultation(Event):
    """The Moon stands between a place on the Earth (its centre if none is given) and the spacecraft while the measure is below zero."""

    name: str = eqx.field(static=True)
    rising: bool | None = eqx.field(static=True)
    place: Place | None

    def measure(self, at: Seen) -> Scalar:
        """How far the line of sight passes above the Moon's surface [m]."""
        observer_gci_m = zero_vec3() if self.place is None else self.place.r_gci_m(at.t_s)
        return clearance_m(observer_gci_m - (at.r_gci_m - at.r_lci_m), at.r_lci_m, RADIUS_MOON_M)


class Elevation(Event):
    """The spacecraft stands at an elevation above the horizon of a place on the Earth."""

    name: str = eqx.field(static=True)
    rising: bool | None = eqx.field(static=True)
    place: Place
    elevation_rad: Scalar

    def measure(self, at: Seen) -> Scalar:
        """Difference of the sines of both elevations."""
        return self.place.elevation_sine(at.t_s, at.r_gci_m) - jnp.sin(self.elevation_rad)


def _known(body: str) -> Body:
    """ValueError for another, which would be taken for the Moon."""
    for one in RADIUS_M:
        if body == one:
            return one
    raise ValueError(f"there are no events of '{body}'; the bodies are {', '.join(RADIUS_M)}")


def periapsis(body: str) -> Event:
    """Nearest to the body."""
    return Apsis(name=f"periapsis {body}", rising=True, body=_known(body))


def apoapsis(body: str) -> Event:
    """Farthest from the body."""
    return Apsis(name=f"apoapsis {body}", rising=False, body=_known(body))


def altitude(body: str, height_m: float, rising: bool | None = None) -> Event:
    """At a height above the sphere of the body (Moon 1,737.4 km, Earth 6,378.1 km)."""
    about = _known(body)
    return Distance(name=f"altitude {body}", rising=rising, body=about, radius_m=jnp.asarray(RADIUS_M[about] + height_m))


def surface(height_m: float = 0.0) -> Event:
    """At a height above either sphere: the ground, where a coast ends, forward or back."""
    return Surface(name="ground", rising=None, height_m=jnp.asarray(height_m))


def sphere_of_influence(rising: bool | None = None, radius_m: float = MOON_INFLUENCE_M) -> Event:
    """Into (falling) or out of (rising) the Moon's sphere of influence."""
    return Distance(name="sphere of influence moon", rising=rising, body="moon", radius_m=jnp.asarray(radius_m))


def penumbra(body: str, rising: bool | None = None) -> Event:
    """The body begins (falling) or ceases (rising) to hide some of the Sun."""
    return Shadow(name=f"penumbra {body}", rising=rising, body=_known(body), total=False)


def umbra(body: str, rising: bool | None = None) -> Event:
    """The body begins (falling) or ceases (rising) to hide all of the Sun."""
    return Shadow(name=f"umbra {body}", rising=rising, body=_known(body), total=True)


def occultation(place: Place | None = None, rising: bool | None = None) -> Event:
    """The Moon begins (falling) or ceases (rising) to hide the spacecraft from a place on the Earth, or from its centre if none is given."""
    return Occultation(name="occultation by the moon", rising=rising, place=place)


def station(place: Place, elevation_rad: float = 0.0, rising: bool | None = None) -> Event:
    """The spacecraft rises or sets at a place on the Earth, at an elevation above its horizon."""
    return Elevation(name="station", rising=rising, place=place, elevation_rad=jnp.asarray(elevation_rad))
