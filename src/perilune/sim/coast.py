"""Between powered phases flight software sleeps: the lander coasts, its attitude held, until it is woken, or until it meets the ground.

**Model.** The same gravity as the tick's, by RK4 steps of ten seconds: 1e-4 m against 1 s steps over an orbit (tests). Where the ground
could be met within a step, steps of a tenth of a second; the place of the impact by bisection.
**Neglects** planets and sunlight: over five days 0.5 m and 8 m in an orbit of 100 km (benchmarks/coast_difference.py), where tracking knows the place to hundreds;
attitude dynamics, attitude propellant and sensors while asleep; the size of the lander: the centre of mass meets the ground;
a ridge that is narrower than the 170 m between two looks and higher than what the path comes down on them.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from perilune.constants import RADIUS_MOON_M
from perilune.dynamics.rigid_body import RigidBody
from perilune.math.integrate import rk4_step
from perilune.math.vector import Vec3
from perilune.moon.frames import moon_orientation, selenographic
from perilune.types import Flag, Index, Scalar
from perilune.world.plant import World, WorldState

STEP_S = 10.0
FINE = 100  # parts of a step near the ground
# More than the ground rises over the 17 km of a step.
GUARD_M = 5000.0
# No ground of the Moon is higher over the sphere: 10.8 km (LOLA; Smith et al., Icarus 283, 2017).
HIGHEST_M = 11_000.0
# Of a tenth of a second: 4 cm along the way.
HALVINGS = 12
# The trail of a coast: a row a minute.
ROW_S, ROWS = 60.0, 60


class Orbit(eqx.Module):
    r_lci_m: Vec3
    v_lci_m_s: Vec3


def orbit_rates(world: World, t_s: Scalar, orbit: Orbit) -> Orbit:
    """Velocity and acceleration at a mission elapsed time."""
    return Orbit(orbit.v_lci_m_s, world.gravity.accel_lci_m_s2(orbit.r_lci_m, world.sky(t_s)))


def coasted_orbit(world: World, orbit: Orbit, start_s: Scalar, duration_s: Scalar) -> Orbit:
    """Forward or, with a negative duration, back; the number of steps is a value, so one program serves every coast."""
    steps = jnp.ceil(jnp.abs(duration_s) / STEP_S).astype(int)
    dt_s = duration_s / jnp.maximum(steps, 1)

    def one(number: Index, now: Orbit) -> Orbit:
        return rk4_step(lambda t, x: orbit_rates(world, t, x), start_s + number * dt_s, now, dt_s)

    return jax.lax.fori_loop(0, steps, one, orbit)


class Fall(eqx.Module):
    """A coast over the ground: where it has come to, the look before, and whether it is over."""

    now: Orbit
    before: Orbit
    number: Index  # fine steps taken
    number_before: Index
    height_m: Scalar  # over the ground below
    struck: Flag


def height_m(world: World, t_s: Scalar, orbit: Orbit) -> Scalar:
    """Of the centre of mass over the ground below."""
    r_lfme_m = moon_orientation(world.ephemeris, t_s).q_lfme_lci @ orbit.r_lci_m
    radius_m = r_lfme_m.norm()
    return radius_m - RADIUS_MOON_M - world.terrain.height_m(r_lfme_m / radius_m)


def fallen_orbit(world: World, orbit: Orbit, start_s: Scalar, duration_s: Scalar) -> tuple[Orbit, Scalar, Flag]:
    """`coasted_orbit`, as far as the ground: the state, how long it took (s), and whether it ended on the ground."""
    steps = jnp.ceil(duration_s / STEP_S).astype(int)
    dt_s = duration_s / jnp.maximum(steps, 1)

    def t_s(number: Index | Scalar) -> Scalar:
        return start_s + number / FINE * dt_s

    def stepped(now: Orbit, number: Index, share: Scalar) -> Orbit:
        return rk4_step(lambda t, x: orbit_rates(world, t, x), t_s(number), now, share * dt_s)

    def sinking_m_s(orbit: Orbit) -> Scalar:
        return jnp.maximum(-orbit.v_lci_m_s.dot(orbit.r_lci_m) / orbit.r_lci_m.norm(), 0.0)

    def clear(number: Index, way: tuple[Orbit, Index]) -> tuple[Orbit, Index]:
        """A whole step of who is above all mountains. The clock is the batch's, so that the sky is worked out once for all of it."""
        now, taken = way
        above_m = now.r_lci_m.norm() - RADIUS_MOON_M - HIGHEST_M
        goes_on = (taken == number) & (above_m > GUARD_M + 2.0 * STEP_S * sinking_m_s(now))
        after = stepped(now, number * FINE, jnp.ones(()))
        return _where(goes_on, after, now), taken + goes_on

    def wanted(fall: Fall) -> Flag:
        return (fall.number < steps * FINE) & jnp.logical_not(fall.struck)

    def one(fall: Fall) -> Fall:
        low = fall.height_m < GUARD_M + 2.0 * STEP_S * sinking_m_s(fall.now)
        count = jnp.where(low, 1, FINE - fall.number % FINE)
        number = fall.number + count
        now = stepped(fall.now, fall.number, count / FINE)
        above_m = height_m(world, t_s(number), now)
        return Fall(now, fall.now, number, fall.number, above_m, above_m < 0.0)

    high, taken = jax.lax.fori_loop(0, steps, clear, (orbit, jnp.asarray(0)))
    # How high it is over the ground is seen after a first fine step.
    fall = Fall(high, high, taken * FINE, taken * FINE, jnp.zeros(()), jnp.asarray(False))
    fall = jax.lax.while_loop(wanted, one, fall)
    share_max = (fall.number - fall.number_before) / FINE

    def halved(_: Index, bounds: tuple[Scalar, Scalar, Orbit]) -> tuple[Scalar, Scalar, Orbit]:
        above, below, last = bounds
        middle = 0.5 * (above + below)
        there = stepped(fall.before, fall.number_before, middle)
        over = height_m(world, t_s(fall.number_before + middle * FINE), there) > 0.0
        return jnp.where(over, middle, above), jnp.where(over, below, middle), _where(over, there, last)

    unmet = jnp.zeros_like(share_max), share_max, fall.before
    share, _, ground = jax.lax.fori_loop(0, jnp.where(fall.struck, HALVINGS, 0), halved, unmet)
    met_s = (fall.number_before / FINE + share) * dt_s
    end = _where(fall.struck, ground, fall.now)
    return end, jnp.where(fall.struck, met_s, duration_s), fall.struck


def _where(flag: Flag, one: Orbit, other: Orbit) -> Orbit:
    return jax.tree.map(lambda a, b: jnp.where(flag, a, b), one, other)


def coast(world: World, state: WorldState, start_tick: Index, end_tick: Index) -> tuple[WorldState, Scalar, Flag]:
    """The world as it is at the end of the coast or on the ground, when that is (mission elapsed time, s), and whether it is the ground."""
    start_s, duration_s = start_tick * world.tick_s, (end_tick - start_tick) * world.tick_s
    body = state.body
    orbit, passed_s, struck = fallen_orbit(world, Orbit(body.r_lci_m, body.v_lci_m_s), start_s, duration_s)
    still = Vec3(*(jnp.zeros_like(c) for c in body.omega_body_lci_rad_s.components()))
    end_s = jnp.where(struck, start_s + passed_s, end_tick * world.tick_s)
    return world.placed(state, RigidBody(orbit.r_lci_m, orbit.v_lci_m_s, body.q_lci_body, still), end_s), end_s, struck


def trail(world: World, orbit: Orbit, start_s: Scalar, end_s: Scalar) -> tuple[Orbit, dict[str, Array]]:
    """For the record only: sixty rows, one a minute of an hour, or fewer different ones where the coast ends before.

    Each row is as `told` has it.
    """

    def row(now: Orbit, number: Index) -> tuple[Orbit, dict[str, Array]]:
        t_s = jnp.minimum(start_s + number * ROW_S, end_s)
        return coasted_orbit(world, now, t_s, jnp.minimum(t_s + ROW_S, end_s) - t_s), told(world, now, t_s)

    return jax.lax.scan(row, orbit, jnp.arange(ROWS))


def told(world: World, orbit: Orbit, t_s: Scalar) -> dict[str, Array]:
    """A row of a coast: time (s), height over the ground (m), latitude and longitude (deg) of the point below, and where it is."""
    place = selenographic(moon_orientation(world.ephemeris, t_s).q_lfme_lci @ orbit.r_lci_m)
    return {
        "met_s": jnp.asarray(t_s),
        "altitude_m": jnp.asarray(height_m(world, t_s, orbit)),
        "latitude_deg": jnp.degrees(place.latitude_rad),
        "longitude_deg": jnp.degrees(place.longitude_rad),
        "r_gci_m": (orbit.r_lci_m + world.ephemeris.r_moon_gci_m(t_s)).array(),
        "r_lci_m": orbit.r_lci_m.array(),
        "v_lci_m_s": orbit.v_lci_m_s.array(),
    }
