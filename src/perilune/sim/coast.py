"""Between powered phases flight software sleeps: the lander coasts, its attitude held, until it is woken.

**Model.** The same gravity as the tick's, by RK4 steps of ten seconds: 1e-4 m against 1 s steps over an orbit (tests).
**Neglects** attitude dynamics, attitude propellant and sensors while asleep.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.dynamics.rigid_body import RigidBody
from perilune.math.integrate import rk4_step
from perilune.math.vector import Vec3
from perilune.moon.frames import moon_orientation
from perilune.types import Index, Scalar
from perilune.world.plant import World, WorldState

STEP_S = 10.0


class Orbit(eqx.Module):
    r_lci_m: Vec3
    v_lci_m_s: Vec3


def orbit_rates(world: World, t_s: Scalar, orbit: Orbit) -> Orbit:
    """Velocity and acceleration at a mission elapsed time."""
    sky = world.sky(moon_orientation(world.ephemeris, t_s), t_s)
    return Orbit(orbit.v_lci_m_s, world.gravity.accel_lci_m_s2(orbit.r_lci_m, sky))


def coasted_orbit(world: World, orbit: Orbit, start_s: Scalar, duration_s: Scalar) -> Orbit:
    """Forward or, with a negative duration, back; the number of steps is a value, so one program serves every coast."""
    steps = jnp.ceil(jnp.abs(duration_s) / STEP_S).astype(int)
    dt_s = duration_s / jnp.maximum(steps, 1)

    def one(number: Index, now: Orbit) -> Orbit:
        return rk4_step(lambda t, x: orbit_rates(world, t, x), start_s + number * dt_s, now, dt_s)

    return jax.lax.fori_loop(0, steps, one, orbit)


def coast(world: World, state: WorldState, start_tick: Index, end_tick: Index) -> WorldState:
    """The world as it is at the end of the coast."""
    start_s, duration_s = start_tick * world.tick_s, (end_tick - start_tick) * world.tick_s
    body = state.body
    orbit = coasted_orbit(world, Orbit(body.r_lci_m, body.v_lci_m_s), start_s, duration_s)
    still = Vec3(*(jnp.zeros_like(c) for c in body.omega_body_lci_rad_s.components()))
    return world.placed(state, RigidBody(orbit.r_lci_m, orbit.v_lci_m_s, body.q_lci_body, still), end_tick)
