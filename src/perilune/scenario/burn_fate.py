"""What becomes of one burn of an orbit about the Moon that ends on its timer: the thrust behind it, the orbit after it, and where that meets the ground.

**Model.** Fourth-order steps under the mission's gravity; thrust against the motion, as large as makes the planned burn lead where it was to;
a coast of the length of the watch, halved where it goes through the ground.
**Error.** Steps of 20 s, halved to 0.2 ms.
**Neglects** the tail-off of thrust, errors of attitude, and relief: the ground is a sphere.
**Reference.** What is given: the table `[as_flown.impact]` of the mission file; the sweep: `impact_band.py`.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.dynamics.orbit import Elements, elements_of, state_of
from perilune.math.integrate import rk4_step
from perilune.math.vector import Vec3, select
from perilune.moon.frames import moon_orientation, selenographic
from perilune.sim.coast import Orbit, coasted_orbit, orbit_rates
from perilune.types import Flag, Index, Scalar
from perilune.world.plant import World

BURN_STEPS = 12
STEP_S, WATCHED_S = 20.0, 4200.0
HALVINGS = 17  # of a step: 0.2 ms
THRUST_GUESS_N, SECANT_STEPS = 290.0, 7


class Given(eqx.Module):
    """The published numbers as the sweep takes them; times from the time of the orbit."""

    plane_rad: tuple[Scalar, Scalar]  # inclination and node at ignition, in the mean Earth / rotation axis frame as it then stands
    ignition_s: Scalar
    radii_m: tuple[Scalar, Scalar]
    mass_kg: Scalar
    exhaust_m_s: Scalar
    planned_s: Scalar
    planned_radius_m: Scalar
    flown_s: Scalar
    watched_s: Scalar  # from ignition to the loss of contact
    crater_lfme: Vec3
    ground_radius_m: Scalar


class _Burning(eqx.Module):
    orbit: Orbit
    mass_kg: Scalar


class _Secant(eqx.Module):
    thrust_n: Scalar
    thrust_before_n: Scalar
    missed_before_m: Scalar
    apoapsis_before_m: Scalar  # after the planned burn, with the thrust before
    after: _Burning  # the burn made last


class _Met(NamedTuple):
    """Parts of a step: the last over the ground, the first below it, and the one looked at last, with its place."""

    above_s: Scalar
    below_s: Scalar
    part_s: Scalar
    r_lfme_m: Vec3


class _Fall(eqx.Module):
    now: Orbit
    before: Orbit  # the look before the ground was met
    struck: Flag
    steps: Index
    seen: Flag
    nearness: Scalar  # cosine of the least angle to the crater
    aside_m: Scalar
    nearest_s: Scalar


@eqx.filter_jit
def carried_planes(world: World, given: Given, phases_deg: Float[Array, "phases 2"]) -> Float[Array, "phases 2"]:
    """Inclination and node (rad) at ignition of the published orbit, for arguments of latitude and periapsis when it was so."""

    def one(phase: Float[Array, "2"]) -> Float[Array, "2"]:
        start = _on_ellipse(world, scalar(0.0), given, jnp.radians(phase))
        there = coasted_orbit(world, start, scalar(0.0), given.ignition_s)
        to_lfme = moon_orientation(world.ephemeris, given.ignition_s).q_lfme_lci
        elements = elements_of(to_lfme @ there.r_lci_m, to_lfme @ there.v_lci_m_s, scalar(GM_MOON_M3_S2))
        return jnp.stack([elements.inclination_rad, elements.node_rad])

    return jax.vmap(one)(phases_deg)


@eqx.filter_jit
def fates(world: World, given: Given, rows: Float[Array, "burns 3"]) -> dict[str, Array]:
    """What becomes of burns: delay (s), argument of latitude and argument of periapsis (deg)."""
    found = jax.vmap(lambda row: _fate(world, given, given.ignition_s + row[0], jnp.radians(row[1:])))(rows)
    return {name: jnp.asarray(column) for name, column in found.items()}


def _fate(world: World, given: Given, start_s: Scalar, arguments_rad: Float[Array, "2"]) -> dict[str, Scalar | Flag]:
    orbit = _on_ellipse(world, start_s, given, arguments_rad)
    burns = _planned_and_flown(world, given, orbit, start_s)
    thrust_n, flown = burns.thrust_before_n, burns.after
    off_s = start_s + given.flown_s
    fall = _fallen(world, given, flown.orbit, start_s)
    since_s, r_lfme_m = _ground_met(world, given, fall, off_s)
    place = selenographic(r_lfme_m)
    after_s = given.flown_s + since_s
    away_m = jnp.arccos(jnp.clip(r_lfme_m.unit().dot(given.crater_lfme), -1.0, 1.0)) * RADIUS_MOON_M
    ahead_m = jnp.sqrt(jnp.maximum(away_m**2 - fall.aside_m**2, 0.0))
    return {
        "thrust_n": thrust_n,
        "delta_v_m_s": -given.exhaust_m_s * jnp.log(flown.mass_kg / given.mass_kg),
        "apoapsis_altitude_km": (burns.apoapsis_before_m - RADIUS_MOON_M) / 1e3,
        "seen": fall.seen & _earth_seen(world, start_s, orbit.r_lci_m) & _earth_seen(world, off_s, flown.orbit.r_lci_m),
        "struck": fall.struck,
        "after_ignition_s": after_s,
        "latitude_deg": jnp.degrees(place.latitude_rad),
        "longitude_deg": jnp.degrees(place.longitude_rad),
        "ahead_m": jnp.where(fall.nearest_s >= since_s, ahead_m, -ahead_m),
        "aside_m": fall.aside_m,
    }


def _on_ellipse(world: World, t_s: Scalar, given: Given, arguments_rad: Float[Array, "2"]) -> Orbit:
    """A point of the published ellipse in the given plane: arguments of latitude and of periapsis."""
    low_m, high_m = given.radii_m
    elements = Elements(
        semi_major_axis_m=0.5 * (low_m + high_m),
        eccentricity=(high_m - low_m) / (high_m + low_m),
        inclination_rad=given.plane_rad[0],
        node_rad=given.plane_rad[1],
        periapsis_argument_rad=arguments_rad[1],
        true_anomaly_rad=arguments_rad[0] - arguments_rad[1],
    )
    r_m, v_m_s = state_of(elements, scalar(GM_MOON_M3_S2))
    to_lci = moon_orientation(world.ephemeris, t_s).q_lfme_lci.inverse()
    return Orbit(to_lci @ r_m, to_lci @ v_m_s)


def _burnt(world: World, given: Given, burn: tuple[Orbit, Scalar, Scalar], thrust_n: Scalar) -> _Burning:
    """A burn (orbit, start, length) against the motion."""
    orbit, start_s, duration_s = burn
    flow_kg_s = thrust_n / given.exhaust_m_s

    def rates(t_s: Scalar, now: _Burning) -> _Burning:
        free = orbit_rates(world, t_s, now.orbit)
        push = now.orbit.v_lci_m_s.unit() * (-thrust_n / now.mass_kg)
        return _Burning(Orbit(free.r_lci_m, free.v_lci_m_s + push), -flow_kg_s)

    dt_s = duration_s / BURN_STEPS

    def one(number: Index, now: _Burning) -> _Burning:
        return rk4_step(rates, start_s + number * dt_s, now, dt_s)

    return jax.lax.fori_loop(0, BURN_STEPS, one, _Burning(orbit, given.mass_kg))


def _planned_and_flown(world: World, given: Given, orbit: Orbit, start_s: Scalar) -> _Secant:
    """The thrust with which the planned burn leads where it was to, by secant steps from no thrust at all; then the burn that was made, with it.

    One loop, so that a burn is compiled once.
    """

    def burnt(number: Index, now: _Secant) -> _Secant:
        planned = number < SECANT_STEPS
        duration_s = jnp.where(planned, given.planned_s, given.flown_s)
        after = _burnt(world, given, (orbit, start_s, duration_s), jnp.where(planned, now.thrust_n, now.thrust_before_n))
        periapsis_m, apoapsis_m = _apses_m(after.orbit)
        missed_m = periapsis_m - given.planned_radius_m
        apart_n = now.thrust_n - now.thrust_before_n
        slope = (missed_m - now.missed_before_m) / jnp.where(apart_n == 0.0, jnp.inf, apart_n)
        step_n = jnp.where(slope == 0.0, 0.0, missed_m / jnp.where(slope == 0.0, 1.0, slope))
        better = _Secant(now.thrust_n - step_n, now.thrust_n, missed_m, apoapsis_m, after)
        return jax.tree.map(lambda new, old: jnp.where(planned, new, old), better, eqx.tree_at(lambda each: each.after, now, after))

    nothing_yet = _Burning(orbit, given.mass_kg)
    periapsis_m, apoapsis_m = _apses_m(orbit)
    start = _Secant(scalar(THRUST_GUESS_N), scalar(0.0), periapsis_m - given.planned_radius_m, apoapsis_m, nothing_yet)
    return jax.lax.fori_loop(0, SECANT_STEPS + 1, burnt, start)


def _fallen(world: World, given: Given, orbit: Orbit, start_s: Scalar) -> _Fall:
    """The coast after the burn, through the ground to the end of the watch, so that the track passes the crater."""
    off_s = start_s + given.flown_s

    def one(number: Index, fall: _Fall) -> _Fall:
        t_s = off_s + number * STEP_S
        after = _stepped(world, fall.now, t_s, scalar(STEP_S))
        r_m = _lfme_m(world, after, t_s + STEP_S)
        flying = jnp.logical_not(fall.struck)
        hits = flying & (r_m.norm() <= given.ground_radius_m)
        waited_s = t_s + STEP_S - start_s
        watched = flying & jnp.logical_not(hits) & (waited_s <= given.watched_s)
        nearness = r_m.unit().dot(given.crater_lfme)
        nearer = nearness > fall.nearness
        aside_m = jnp.arcsin(_lfme_m(world, fall.now, t_s).cross(r_m).unit().dot(given.crater_lfme)) * RADIUS_MOON_M
        return _Fall(
            now=after,
            before=Orbit(*(select(hits, now, before) for now, before in zip(_parts(fall.now), _parts(fall.before), strict=True))),
            struck=fall.struck | hits,
            steps=jnp.where(hits, number, fall.steps),
            seen=fall.seen & (jnp.logical_not(watched) | _earth_seen(world, t_s + STEP_S, after.r_lci_m)),
            nearness=jnp.where(nearer, nearness, fall.nearness),
            aside_m=jnp.where(nearer, aside_m, fall.aside_m),
            nearest_s=jnp.where(nearer, waited_s - given.flown_s, fall.nearest_s),
        )

    nothing, zero, no = jnp.asarray(0), scalar(0.0), jnp.asarray(False)
    fall = _Fall(orbit, orbit, no, nothing, jnp.logical_not(no), zero - 1.0, zero, zero)
    return jax.lax.fori_loop(0, int(WATCHED_S / STEP_S), one, fall)


def _ground_met(world: World, given: Given, fall: _Fall, off_s: Scalar) -> tuple[Scalar, Vec3]:
    """When after the burn (s) and where (mean Earth / rotation axis frame, m): the step that led into the ground, halved."""
    t_s = off_s + fall.steps * STEP_S

    def halved(_: Index, met: _Met) -> _Met:
        part_s = 0.5 * (met.above_s + met.below_s)
        r_m = _lfme_m(world, _stepped(world, fall.before, t_s, part_s), t_s + part_s)
        clear = r_m.norm() > given.ground_radius_m
        return _Met(jnp.where(clear, part_s, met.above_s), jnp.where(clear, met.below_s, part_s), part_s, r_m)

    met = jax.lax.fori_loop(0, HALVINGS, halved, _Met(scalar(0.0), scalar(STEP_S), scalar(0.0), fall.before.r_lci_m))
    return fall.steps * STEP_S + met.part_s, met.r_lfme_m


def _stepped(world: World, orbit: Orbit, t_s: Scalar, dt_s: Scalar) -> Orbit:
    return rk4_step(lambda t, now: orbit_rates(world, t, now), t_s, orbit, dt_s)


def _lfme_m(world: World, orbit: Orbit, t_s: Scalar) -> Vec3:
    return moon_orientation(world.ephemeris, t_s).q_lfme_lci @ orbit.r_lci_m


def _earth_seen(world: World, t_s: Scalar, r_lci_m: Vec3) -> Flag:
    """Over the limb of a smooth Moon."""
    radius_m = r_lci_m.norm()
    sine = r_lci_m.dot(world.ephemeris.r_earth_lci_m(t_s).unit()) / radius_m
    return sine > -jnp.sqrt(jnp.maximum(1.0 - (RADIUS_MOON_M / radius_m) ** 2, 0.0))


def _apses_m(orbit: Orbit) -> tuple[Scalar, Scalar]:
    elements = elements_of(orbit.r_lci_m, orbit.v_lci_m_s, scalar(GM_MOON_M3_S2))
    return elements.periapsis_radius_m, elements.apoapsis_radius_m


def _parts(orbit: Orbit) -> tuple[Vec3, Vec3]:
    return orbit.r_lci_m, orbit.v_lci_m_s


def scalar(value: float) -> Scalar:
    """An array, so that another value is the same program."""
    return jnp.asarray(float(value))
