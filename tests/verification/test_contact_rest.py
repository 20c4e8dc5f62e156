"""Rest, slide and tip-over against closed forms."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import vec3
from perilune.world.contact import ContactBody, ContactLoad, GroundPlane, advance_contact
from perilune.world.landing_gear import GearNumbers, LegLayout, bell_and_roof, gear_from_numbers

GRAVITY_M_S2 = 1.62
MASS_KG, INERTIA_KG_M2, COM_M, CIRCLE_M = 700.0, 550.0, 1.3, 1.9
STEPS, STEP_S = 5, 0.005
FRICTION = 0.4
LOAD = ContactLoad(
    mass_kg=jnp.asarray(MASS_KG),
    inertia_kg_m2=vec3((INERTIA_KG_M2, INERTIA_KG_M2, 450.0)),
    com_body_m=vec3((0.0, 0.0, COM_M)),
    force_site_n=vec3((0.0, 0.0, -MASS_KG * GRAVITY_M_S2)),
    torque_body_n_m=vec3((0.0, 0.0, 0.0)),
)
# Square to the edge between two pads: 45 deg from a leg.
GEAR = gear_from_numbers(
    GearNumbers(CIRCLE_M, 4000.0, 0.25, MASS_KG, FRICTION, 0.3), bell_and_roof(0.4, 1.0, 2.2), LegLayout(azimuth_rad=math.pi / 4.0)
)


@eqx.filter_jit
def fly(gear, body, slope_rad, steps, step_s, calls):
    plane = GroundPlane(vec3((0.0, 0.0, 0.0)), vec3((jnp.sin(slope_rad), 0.0, jnp.cos(slope_rad))))

    def call(carry, _):
        state, body, _ = advance_contact(gear, carry[0], carry[1], (plane,) * 4, LOAD, step_s, steps)
        return (state, body), body

    return jax.lax.scan(call, (gear.init(), body), None, length=calls)[1]


def standing(slope_rad, v_along_m_s=0.0) -> ContactBody:
    """Upright on the slope, pads just touching; `v_along` is downhill (+x)."""
    up = np.array([math.sin(slope_rad), 0.0, math.cos(slope_rad)])
    down = jnp.asarray([math.cos(slope_rad), 0.0, -math.sin(slope_rad)]) * v_along_m_s
    attitude = from_rotation_vector(vec3((0.0, slope_rad, 0.0)), "site", "body")
    return ContactBody(vec3(COM_M * up), vec3(down), attitude, vec3((0.0, 0.0, 0.0)))


# Creep of a lander at rest: a hundredth of a millimetre in 5 s would still be nothing to any sensor.
CREEP_M = 1e-5


def test_stays_on_a_slope_below_friction():
    """15 deg against arctan(0.4) = 21.8 deg."""
    after = fly(GEAR, standing(math.radians(15.0)), math.radians(15.0), STEPS, STEP_S, 400)
    x, speed = np.asarray(after.r_site_m.x), np.sqrt(np.asarray(after.v_site_m_s.x) ** 2 + np.asarray(after.v_site_m_s.z) ** 2)
    assert abs(x[-1] - x[200]) < CREEP_M
    assert speed[-1] < 1e-6
    assert abs(x[-1] - x[0]) < 0.05


# Measured 6e-8: friction is exact once pads slip, what is left is the settling.
SLIDE_REL = 1e-5


def test_slides_on_a_slope_above_friction():
    """A block on a slope: acceleration g (sin a - mu cos a) along it."""
    slope_rad = math.radians(28.0)
    after = fly(GEAR, standing(slope_rad), slope_rad, STEPS, STEP_S, 200)
    along = np.asarray(after.v_site_m_s.x) * math.cos(slope_rad) - np.asarray(after.v_site_m_s.z) * math.sin(slope_rad)
    acceleration = (along[-1] - along[80]) / (0.025 * 119)
    expected = GRAVITY_M_S2 * (math.sin(slope_rad) - FRICTION * math.cos(slope_rad))
    np.testing.assert_allclose(acceleration, expected, rtol=SLIDE_REL)


# Legs a hundred times as stiff as real ones, critically damped: pads stop within millimetres and do not spring back. The speeds tried lie
# 2.5 % apart, so the boundary is known to half of that; with finer ones it lies 0.6 % above the closed form.
TIP_REL = 0.02


def test_tips_over_two_caught_pads_at_the_speed_of_the_closed_form():
    """A rigid body whose two leading pads catch a rim keeps its angular momentum about the line between them.

    It tips if what is then left of its energy lifts its centre of mass over that line.
    """
    edge_m = CIRCLE_M * math.cos(math.pi / 4.0)
    lift_j = MASS_KG * GRAVITY_M_S2 * (math.hypot(COM_M, edge_m) - COM_M)
    about_edge = INERTIA_KG_M2 + MASS_KG * (COM_M**2 + edge_m**2)
    critical_m_s = math.sqrt(2.0 * lift_j * about_edge) / (MASS_KG * COM_M)

    stiff = gear_from_numbers(GearNumbers(CIRCLE_M, 4e5, 0.25, MASS_KG, 50.0, 0.3, 1e9), (), LegLayout(azimuth_rad=math.pi / 4.0))
    stiff = eqx.tree_at(lambda g: g.pad.damping_n_s_m, stiff, 5.0 * stiff.pad.damping_n_s_m)
    speeds = jnp.linspace(0.8, 1.2, 17) * critical_m_s
    after = jax.vmap(lambda v: fly(stiff, eqx.tree_at(lambda b: b.v_site_m_s.x, standing(0.0), v), 0.0, 100, 0.00025, 200))(speeds)
    up = np.asarray(jax.vmap(jax.vmap(lambda q: q.axes()[2].z))(after.q_site_body))
    tipped = up.min(axis=1) < edge_m / math.hypot(edge_m, COM_M) * 0.5
    assert not tipped[0] and tipped[-1] and np.all(np.diff(tipped.astype(int)) >= 0)
    boundary_m_s = 0.5 * float(speeds[~tipped][-1] + speeds[tipped][0])
    np.testing.assert_allclose(boundary_m_s, critical_m_s, rtol=TIP_REL)
