"""A planned mission: its burn table, and its path at any time.

**Error.** The path is integrated anew from the start of each arc, so it agrees with the plan to the integrator's tolerance; where the arcs
of the transfer meet it jumps by `injection.MEETING_M` at most.
"""

import math
from datetime import datetime, timedelta
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.constants import GM_EARTH_M3_S2, RADIUS_EARTH_M, RADIUS_MOON_M
from perilune.dynamics.cislunar import Cislunar
from perilune.dynamics.orbit import elements_of
from perilune.dynamics.propagate import PointMass
from perilune.math.vector import vec3
from perilune.moon.frames import q_lfme_lci
from perilune.moon.time import Epoch, EpochError
from perilune.trajectory.legs import Leg, about_earth, about_moon, coast, compiled, radial_axes, sampled, to_earth, to_moon
from perilune.trajectory.order import MissionOrder, Thruster
from perilune.types import Scalar, Vector

Array3 = Float[np.ndarray, "3"]
Rows3 = Float[np.ndarray, "times 3"]

# States are computed this many at a time, so that any number of them is one compiled program.
CHUNK = 128
HOUR_S = 3600.0
J2000_TDB = datetime(2000, 1, 1, 12)


class Orbit(NamedTuple):
    """Osculating orbit: altitudes over the mean sphere; angles to the Moon's equator of that time (lfme), or to the Earth's (gci)."""

    centre: str
    periapsis_altitude_m: float
    apoapsis_altitude_m: float
    inclination_rad: float
    node_rad: float


class PlannedBurn(NamedTuple):
    """One line of the burn table. Directions are unit vectors in inertial axes (ICRF) at ignition."""

    name: str
    engine: Thruster
    ignition: Epoch
    duration_s: float
    delta_v_m_s: float
    steering: str  # "along velocity", "against velocity", "held"
    direction: Array3
    direction_rac: Array3  # the same in radial, along and cross axes at ignition
    propellant_kg: float
    mass_after_kg: float
    orbit_after: Orbit


class Reserve(NamedTuple):
    """A correction as it is expected, one sigma: nothing is known yet of where it will point."""

    name: str
    engine: Thruster
    ignition: Epoch
    duration_s: float
    delta_v_m_s: float
    propellant_kg: float


class Arc(NamedTuple):
    """A leg with the state from which it runs, forwards or backwards, about the Earth or the Moon."""

    name: str
    centre: str
    t_s: float
    start: PointMass
    leg: Leg

    @property
    def end_s(self) -> float:
        """Where it runs to."""
        return self.t_s + float(self.leg.duration_s)

    @property
    def span_s(self) -> tuple[float, float]:
        return min(self.t_s, self.end_s), max(self.t_s, self.end_s)


class Path(NamedTuple):
    """States at times, seen from the Earth and from the Moon; ICRF axes."""

    t_s: Float[np.ndarray, " times"]
    r_gci_m: Rows3
    v_gci_m_s: Rows3
    r_lci_m: Rows3
    v_lci_m_s: Rows3
    mass_kg: Float[np.ndarray, " times"]


class MissionPlan(NamedTuple):
    """The desk's answer. Times count TDB seconds from `epoch`."""

    order: MissionOrder
    epoch: Epoch
    forces: Cislunar
    burns: tuple[PlannedBurn, ...]
    reserves: tuple[Reserve, ...]
    arcs: tuple[Arc, ...]
    perilune_s: float
    perilune_altitude_m: float  # of the hyperbola, had it not been braked
    excess_m_s: float
    ignition_s: float | None  # of the descent
    pass_s: float | None  # when the coasting plane holds the site
    way_down: str | None  # by which pass and with which trim it comes down, in words
    landing_kg: float | None  # left after the descent

    @property
    def total_m_s(self) -> float:
        """Of the spacecraft's own burns and corrections, the descent not counted."""
        return sum(burn.delta_v_m_s for burn in (*self.burns[1:], *self.reserves))

    @property
    def separation_s(self) -> float:
        """When the upper stage has burnt out."""
        return self.arcs[1].t_s

    def utc(self, t_s: float) -> str:
        """Moment of a time of the plan."""
        return moment(self.epoch.after(t_s))

    def span_s(self) -> tuple[float, float]:
        return min(arc.span_s[0] for arc in self.arcs), max(arc.span_s[1] for arc in self.arcs)

    def farthest(self) -> tuple[float, float]:
        """When it is farthest from the Earth on its way to the Moon, to an hour, and how far from its centre [m]."""
        times_s = np.arange(self.span_s()[0], self.perilune_s, HOUR_S)
        away_m = np.linalg.norm(self.states(times_s).r_gci_m, axis=1)
        top = int(np.nanargmax(away_m))
        return float(times_s[top]), float(away_m[top])

    def states(self, times_s: Float[np.ndarray, " times"]) -> Path:
        """States at times, NaN outside the plan."""
        rows = np.full((len(times_s), 13), np.nan)
        for arc in self.arcs:
            inside = np.flatnonzero((times_s >= arc.span_s[0]) & (times_s <= arc.span_s[1]))
            if inside.size:
                rows[inside] = _arc_rows(self.forces, arc, times_s[inside])
        return Path(times_s, rows[:, 0:3], rows[:, 3:6], rows[:, 6:9], rows[:, 9:12], rows[:, 12])


def _arc_rows(forces: Cislunar, arc: Arc, times_s: np.ndarray) -> np.ndarray:
    """Rows at times within an arc; a coast goes on from each chunk, a burn is asked from its start, where its direction is defined."""
    sample = _sampled_earth if arc.centre == "earth" else _sampled_moon
    order = np.argsort(np.abs(times_s - arc.t_s), kind="stable")
    found = np.empty((len(times_s), 13))
    coasting, end_s = float(arc.leg.engine.thrust_n) == 0.0, arc.t_s + float(arc.leg.duration_s)
    for begin in range(0, len(times_s), CHUNK):
        chosen = order[begin : begin + CHUNK]
        # An integrator saves in the order it runs in, and a share at the end may be rounded past it.
        shares = np.clip((times_s[chosen] - arc.t_s) / (end_s - arc.t_s), 0.0, 1.0)
        padded = np.concatenate([shares, np.full(CHUNK - len(chosen), shares[-1])])
        found[chosen] = np.asarray(sample(forces, arc.leg, arc.start, arc.t_s, padded))[: len(chosen)]
        if coasting and times_s[chosen[-1]] != end_s:
            arc = _resumed(arc, float(times_s[chosen[-1]]), end_s, found[chosen[-1]])
    return found


def _resumed(arc: Arc, t_s: float, end_s: float, row: np.ndarray) -> Arc:
    """The rest of a coast."""
    r, v = (row[0:3], row[3:6]) if arc.centre == "earth" else (row[6:9], row[9:12])
    return arc._replace(t_s=t_s, start=PointMass(vec3(r), vec3(v), jnp.asarray(row[12])), leg=coast(end_s - t_s))


def _row_of(from_earth: PointMass, from_moon: PointMass) -> Float[Array, "13"]:
    vectors = (from_earth.r_m, from_earth.v_m_s, from_moon.r_m, from_moon.v_m_s)
    return jnp.concatenate([*(vector.array() for vector in vectors), jnp.asarray(from_earth.mass_kg)[None]])


@compiled
def _sampled_earth(forces: Cislunar, leg: Leg, start: PointMass, t_s: Scalar, shares: Vector) -> Float[Array, "times 13"]:
    states, times_s = sampled(about_earth(forces), leg, start, t_s, shares), t_s + shares * leg.duration_s
    return jax.vmap(lambda t, state: _row_of(state, to_moon(forces, t, state)))(times_s, states)


@compiled
def _sampled_moon(forces: Cislunar, leg: Leg, start: PointMass, t_s: Scalar, shares: Vector) -> Float[Array, "times 13"]:
    states, times_s = sampled(about_moon(forces), leg, start, t_s, shares), t_s + shares * leg.duration_s
    return jax.vmap(lambda t, state: _row_of(to_earth(forces, t, state), state))(times_s, states)


@compiled
def _elements_lfme(forces: Cislunar, t_s: Scalar, state: PointMass):
    q = q_lfme_lci(forces.ephemeris, t_s)
    return elements_of(q @ state.r_m, q @ state.v_m_s, forces.moon_field.gm_m3_s2)


_elements_gci = compiled(lambda state: elements_of(state.r_m, state.v_m_s, GM_EARTH_M3_S2))


def orbit_of(forces: Cislunar, centre: str, t_s: float, state: PointMass) -> Orbit:
    """The osculating orbit of a state about its centre."""
    moon = centre == "moon"
    elements = _elements_lfme(forces, jnp.asarray(t_s), state) if moon else _elements_gci(state)
    radius_m = RADIUS_MOON_M if moon else RADIUS_EARTH_M
    return Orbit(
        centre,
        float(elements.periapsis_radius_m) - radius_m,
        float(elements.apoapsis_radius_m) - radius_m,
        float(elements.inclination_rad),
        float(elements.node_rad),
    )


def planned_burn(forces: Cislunar, epoch: Epoch, arc: Arc, engine: Thruster, end: PointMass) -> PlannedBurn:
    """The line of the burn table for an arc that burns, from its start and its end."""
    leg, mass_kg = arc.leg, float(arc.start.mass_kg)
    axes = np.stack([np.asarray(axis.array()) for axis in radial_axes(arc.start)])
    velocity = np.asarray(arc.start.v_m_s.unit().array())
    rac = np.asarray(leg.held_rac.array()) + float(leg.follow) * axes @ velocity
    size = float(np.linalg.norm(rac))
    duration_s = float(leg.duration_s)
    return PlannedBurn(
        arc.name,
        engine,
        epoch.after(arc.t_s),
        duration_s,
        float(leg.engine.delta_v_m_s(jnp.asarray(mass_kg), jnp.asarray(duration_s))),
        {1: "along velocity", -1: "against velocity", 0: "held"}[round(float(leg.follow))],
        axes.T @ rac / max(size, 1e-12),
        rac / max(size, 1e-12),
        mass_kg - float(end.mass_kg),
        float(end.mass_kg),
        orbit_of(forces, arc.centre, arc.t_s + duration_s, end),
    )


def calendar_tdb(tdb_s: float) -> str:
    """TDB seconds past J2000 as a date and time of day in TDB, to a microsecond."""
    return (J2000_TDB + timedelta(microseconds=round(float(tdb_s) * 1e6))).isoformat(timespec="microseconds")


def moment(epoch: Epoch) -> str:
    """To the second: UTC as far as leap seconds are known, and TDB, which says so, beyond."""
    try:
        return epoch.utc()[:19].replace("T", " ")
    except EpochError:
        return calendar_tdb(epoch.tdb_s())[:19].replace("T", " ") + " TDB"


HEAD = ("burn", "engine", "ignition (UTC)", "s", "m/s", "thrust", "kg", "kg left", "orbit after (km)", "i (deg)", "node (deg)")


def burn_rows(plan: MissionPlan) -> list[tuple[str, ...]]:
    """The burn table as text, under `HEAD`, in the order of time."""
    lines = [(burn.ignition, _row(burn)) for burn in plan.burns] + [(each.ignition, _row_reserved(each)) for each in plan.reserves]
    return [row for _, row in sorted(lines, key=lambda line: line[0])]


def _first_cells(burn: PlannedBurn | Reserve) -> tuple[str, ...]:
    return burn.name, burn.engine.name, moment(burn.ignition), f"{burn.duration_s:.1f}", f"{burn.delta_v_m_s:.2f}"


def _row_reserved(each: Reserve) -> tuple[str, ...]:
    return (*_first_cells(each), "expected, 1 sigma", f"{each.propellant_kg:.1f}", "", "", "", "")


def _row(burn: PlannedBurn) -> tuple[str, ...]:
    orbit = burn.orbit_after
    apoapsis = f"{orbit.apoapsis_altitude_m / 1e3:,.1f}" if math.isfinite(orbit.apoapsis_altitude_m) else "open"
    return (
        *_first_cells(burn),
        burn.steering,
        f"{burn.propellant_kg:.1f}",
        f"{burn.mass_after_kg:.1f}",
        f"{orbit.periapsis_altitude_m / 1e3:,.1f} x {apoapsis} ({orbit.centre})",
        f"{math.degrees(orbit.inclination_rad):.2f}",
        f"{math.degrees(orbit.node_rad):.2f}",
    )
