"""Contact may take energy, never make it; and what a leg crushes is what the fall brought."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import vec3
from perilune.world.contact import ContactBody, ContactLoad, GroundPlane, advance_contact
from perilune.world.landing_gear import CrushLoad, GearNumbers, LegLayout, Strut, bell_and_roof, gear_from_numbers

GRAVITY_M_S2 = 1.62
CALL_S = 0.025
MASS_KG = 700.0
CRUSH_N = 4000.0
COUNT = 64
GEAR = gear_from_numbers(GearNumbers(1.9, CRUSH_N, 0.25, MASS_KG, 0.6, 0.3), bell_and_roof(0.4, 1.0, 2.2))
LOAD = ContactLoad(
    mass_kg=jnp.asarray(MASS_KG),
    inertia_kg_m2=vec3((550.0, 550.0, 450.0)),
    com_body_m=vec3((0.0, 0.0, 1.3)),
    force_site_n=vec3((0.0, 0.0, -MASS_KG * GRAVITY_M_S2)),
    torque_body_n_m=vec3((0.0, 0.0, 0.0)),
)
# A force acts one step after the place that it belongs to: energy wavers by a part of the step. 0.15 % of the 1,400 J and more of a landing
# at 2 m/s; at a quarter of the step it has to shrink with it.
RISE_J = 2.0
RISE_FINE_J = RISE_J / 4.0


@eqx.filter_jit
def fly(gear, body, load, slope_rad, steps, calls):
    """States after each call of 25 ms, on a plane that rises by `slope_rad` toward -x."""
    plane = GroundPlane(vec3((0.0, 0.0, 0.0)), vec3((jnp.sin(slope_rad), 0.0, jnp.cos(slope_rad))))

    def call(carry, _):
        state, body, report = advance_contact(gear, carry[0], carry[1], (plane,) * len(gear.legs), load, CALL_S / steps, steps)
        return (state, body), (state, body, energy_j(gear, load, state, body), report.hull_touching)

    return jax.lax.scan(call, (gear.init(), body), None, length=calls)[1]


def energy_j(gear, load, state, body):
    """Kinetic, potential and elastic."""
    rate = body.omega_body_rad_s
    kinetic_j = 0.5 * load.mass_kg * body.v_site_m_s.norm_squared() + 0.5 * rate.dot(rate.scaled_by(load.inertia_kg_m2))
    return kinetic_j - load.force_site_n.dot(body.r_site_m) + state.elastic_energy_j(gear)


def falling(v_m_s, turn_rad, rate_rad_s, height_m=2.3):
    return ContactBody(vec3((0.0, 0.0, height_m)), vec3(v_m_s), from_rotation_vector(vec3(turn_rad), "site", "body"), vec3(rate_rad_s))


def touchdowns_energy_j(slope_deg, steps):
    """Energy over 8 s of touchdowns at 2 m/s down, 0.7 m/s sideways, 6 deg and 17 deg/s (1 sigma)."""
    rng = np.random.default_rng(20)
    v = rng.normal(0.0, (0.7, 0.7, 0.3), (COUNT, 3)) - np.array([0.0, 0.0, 2.0])
    turn, rate = rng.normal(0.0, 0.1, (COUNT, 3)), rng.normal(0.0, 0.3, (COUNT, 3))
    slope_rad = jnp.asarray(math.radians(slope_deg))  # a value: one program for all slopes
    count = jnp.asarray(steps)  # and one for all steps
    one = lambda v, turn, rate: fly(GEAR, falling(v, turn, rate), LOAD, slope_rad, count, 320)[2:]  # noqa: E731
    energy, hull = jax.vmap(one)(jnp.asarray(v), jnp.asarray(turn), jnp.asarray(rate))
    return np.asarray(energy), np.asarray(hull)


def rise_j(energy):
    return float(np.max(energy - np.minimum.accumulate(energy, axis=1)))


@pytest.mark.parametrize("slope_deg", [0.0, 15.0])
def test_energy_is_never_made(slope_deg):
    coarse, _ = touchdowns_energy_j(slope_deg, 5)
    fine, _ = touchdowns_energy_j(slope_deg, 20)
    assert rise_j(coarse) < RISE_J
    assert rise_j(fine) < RISE_FINE_J
    assert np.all(coarse[:, -1] < coarse[:, 0] - 500.0)


def smooth_ideal_gear(primary: Strut):
    """No damper and no friction on rock, so that the fall's energy can go into primaries and springs alone."""
    gear = gear_from_numbers(GearNumbers(1.9, CRUSH_N, 0.25, MASS_KG, 0.0, 1.0, 1e9), (), LegLayout(tilt_rad=math.radians(20.0)))
    return eqx.tree_at(lambda g: (g.pad.damping_n_s_m, g.primary), gear, (jnp.zeros(()), primary))


def stroke_closed_form_m(gear, v_m_s, loads_n, first_m, tilt_rad):
    """Energy balance at the lowest point: fall + gravity over the way down = crushing + springs at the load then held."""

    def left_j(stroke_m):
        crushed_j = loads_n[0] * min(stroke_m, first_m) + loads_n[1] * max(stroke_m - first_m, 0.0)
        held_n = (loads_n[0] if stroke_m < first_m else loads_n[1]) / math.cos(tilt_rad)
        give_m = held_n / float(gear.pad.stiffness_n_m)
        way_m = stroke_m / math.cos(tilt_rad) + give_m
        springs_j = 0.5 * held_n * give_m
        return 0.5 * MASS_KG * v_m_s**2 + MASS_KG * GRAVITY_M_S2 * way_m - 4.0 * (crushed_j + springs_j)

    low, high = 0.0, 0.5
    for _ in range(60):
        mid = 0.5 * (low + high)
        low, high = (mid, high) if left_j(mid) > 0.0 else (low, mid)
    return low


# Crushing starts and ends within steps of 0.625 ms: half a step's way is 1 mm of 100 to 220 mm of stroke.
STROKE_REL = 0.01


@pytest.mark.parametrize(
    ("v_m_s", "loads_n", "first_m"), [(2.0, (3800.0, 3800.0), 0.25), (3.0, (3800.0, 3800.0), 0.25), (3.5, (3000.0, 6000.0), 0.1)]
)
def test_stroke_takes_the_energy_of_the_fall(v_m_s, loads_n, first_m):
    cartridge = CrushLoad(*(jnp.asarray(x) for x in (*loads_n, first_m, 0.5)))
    gear = smooth_ideal_gear(Strut(cartridge, cartridge))
    body = falling((0.0, 0.0, -v_m_s), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.3)
    state, _, _, _ = fly(gear, body, LOAD, 0.0, 40, 40)
    strokes = np.asarray(jax.vmap(lambda s: s.stroke_m())(state))[-1]
    expected = stroke_closed_form_m(gear, v_m_s, loads_n, first_m, math.radians(20.0))
    np.testing.assert_allclose(strokes[:, 0, 0], expected, rtol=STROKE_REL)
    np.testing.assert_allclose(strokes[:, 1:], 0.0, atol=1e-12)
