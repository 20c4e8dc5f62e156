"""Halo orbits of the circular restricted three-body problem against JPL's catalogue of periodic orbits, through our integrator.

Earth and Moon, southern family about L2 (ssd-api.jpl.nasa.gov/periodic_orbits.api); units of the catalogue.
"""

import jax
import jax.numpy as jnp
import pytest

from perilune.dynamics.propagate import PointMass, Tolerance, propagated, propagated_until
from perilune.math.vector import Vec3, vec3

MU = 0.01215058560962404
LENGTH_M = 389703264.829278
TIME_S = 382981.289129055

# x0, z0, vy0, Jacobi constant, period; perilune radius in km.
ORBITS = {
    "6.531 d": (1.019160335174021, -0.18004784627915169, -0.09693827676468042, 3.04943818897967, 1.4733338728438572, 2855.804),
    "6.550 d": (1.0194950346315226, -0.18029589057453502, -0.09768627834860942, 3.04908456998101, 1.4777635110415546, 2905.602),
    "9:2": (1.0196625817475922, -0.18041918731575562, -0.09805982467069076, 3.04890858931598, 1.4799795545729917, 2930.667),
    "6.580 d": (1.0199980623062246, -0.1806643468271845, -0.09880598885992746, 3.04855826751249, 1.4844142287293904, 2981.125),
    "6.590 d": (1.020165992421959, -0.18078621619742005, -0.09917859906190746, 3.04838391933056, 1.4866329131671898, 3006.519),
}
# Closure: the catalogue's states close to 1e-12 of the length (0.4 mm), and a revolution multiplies errors by less than ten.
CLOSURE_M = 1.0
JACOBI = 1e-12
# The published radii end at a metre.
PERILUNE_M = 1.0
# In units of length and time, as tight as float64 allows.
TOLERANCE = Tolerance(1e-14, 1e-15, 1e-15, 1e-15)


def rates(t, state):
    """In the turning frame; the velocity is the one seen there."""
    r, v = state.r_m, state.v_m_s
    from_earth, from_moon = r + vec3((MU, 0.0, 0.0)), r - vec3((1.0 - MU, 0.0, 0.0))
    pull = from_earth * (-(1.0 - MU) / from_earth.norm() ** 3) + from_moon * (-MU / from_moon.norm() ** 3)
    return PointMass(v, Vec3(pull.x + r.x + 2.0 * v.y, pull.y + r.y - 2.0 * v.x, pull.z), jnp.zeros_like(state.mass_kg))


def jacobi(state):
    r = state.r_m
    from_earth, from_moon = (r + vec3((MU, 0.0, 0.0))).norm(), (r - vec3((1.0 - MU, 0.0, 0.0))).norm()
    return r.x**2 + r.y**2 + 2.0 * (1.0 - MU) / from_earth + 2.0 * MU / from_moon - state.v_m_s.norm_squared()


def started(name):
    x, z, vy, *_ = ORBITS[name]
    return PointMass(vec3((x, 0.0, z)), vec3((0.0, vy, 0.0)), jnp.asarray(1.0))


@jax.jit
def revolution(start, period):
    return propagated(rates, start, 0.0, period, tolerance=TOLERANCE)


@pytest.mark.parametrize("name", ORBITS)
def test_orbit_closes(name):
    *_, period, _ = ORBITS[name]
    start = started(name)
    end = revolution(start, jnp.asarray(period))
    assert (end.r_m - start.r_m).norm() * LENGTH_M < CLOSURE_M


@pytest.mark.parametrize("name", ORBITS)
def test_jacobi_constant_is_published_and_kept(name):
    *_, constant, period, _ = ORBITS[name]
    start = started(name)
    assert abs(jacobi(start) - constant) < JACOBI
    assert abs(jacobi(revolution(start, jnp.asarray(period))) - constant) < JACOBI


def speed_from_moon(t, state):
    return (state.r_m - vec3((1.0 - MU, 0.0, 0.0))).dot(state.v_m_s)


@jax.jit
def perilune(start, period):
    return propagated_until(rates, start, 0.0, period, speed_from_moon, True, tolerance=TOLERANCE)


@pytest.mark.parametrize("name", ORBITS)
def test_perilune_radius(name):
    *_, period, radius_km = ORBITS[name]
    t, end = perilune(started(name), jnp.asarray(period))
    assert abs(t - 0.5 * period) < 1e-9 * period
    assert abs((end.r_m - vec3((1.0 - MU, 0.0, 0.0))).norm() * LENGTH_M - radius_km * 1e3) < PERILUNE_M
