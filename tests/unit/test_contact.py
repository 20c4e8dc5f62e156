"""Landing gear and contact: conservation, finiteness, geometry."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import Vec3, vec3
from perilune.world.contact import ContactBody, ContactLoad, GroundPlane, advance_contact, step_max_s
from perilune.world.landing_gear import CrushLoad, GearNumbers, LegLayout, bell_and_roof, gear_from_numbers, symmetric_legs

GRAVITY_M_S2 = 1.62
STEP_S, STEPS = 0.005, 5
LUNA25 = gear_from_numbers(GearNumbers(1.9, 4000.0, 0.25, 700.0, 0.6, 0.3), bell_and_roof(0.4, 1.0, 2.2))
LUNA25_LOAD = ContactLoad(
    mass_kg=jnp.asarray(700.0),
    inertia_kg_m2=vec3((550.0, 550.0, 450.0)),
    com_body_m=vec3((0.0, 0.0, 1.3)),
    force_site_n=vec3((0.0, 0.0, -700.0 * GRAVITY_M_S2)),
    torque_body_n_m=vec3((0.0, 0.0, 0.0)),
)
FLAT = (GroundPlane(vec3((0.0, 0.0, 0.0)), vec3((0.0, 0.0, 1.0))),) * 4
# Rounding of a few hundred additions of numbers of order 1e3, in float64.
ROUNDING = 1e-9


@eqx.filter_jit
def fly(gear, body, load, calls=40):
    """The gear through `calls` calls of 25 ms: the states after each."""

    def call(carry, _):
        state, body, report = advance_contact(gear, carry[0], carry[1], FLAT, load, STEP_S, STEPS)
        return (state, body), (state, body, report)

    return jax.lax.scan(call, (gear.init(), body), None, length=calls)[1]


def body_at(height_m=2.0, v_m_s=(0.0, 0.0, 0.0), turn_rad=(0.0, 0.0, 0.0), rate_rad_s=(0.0, 0.0, 0.0)) -> ContactBody:
    attitude = from_rotation_vector(vec3(turn_rad), "site", "body")
    return ContactBody(vec3((0.0, 0.0, height_m)), vec3(v_m_s), attitude, vec3(rate_rad_s))


def xyz(vectors: Vec3) -> np.ndarray:
    return np.stack([vectors.x, vectors.y, vectors.z], axis=-1)


def spin_site(body: ContactBody):
    return (body.q_site_body @ body.omega_body_rad_s.scaled_by(LUNA25_LOAD.inertia_kg_m2)).array()


def test_clear_of_the_ground_it_falls_freely():
    body = body_at(50.0, (3.0, -1.0, -2.0), (0.2, 0.1, 0.0), (0.3, -0.5, 0.4))
    _, after, report = fly(LUNA25, body, LUNA25_LOAD)
    assert not np.any(report.pads_touching) and not np.any(report.hull_touching)
    np.testing.assert_allclose(xyz(after.v_site_m_s)[-1], [3.0, -1.0, -2.0 - GRAVITY_M_S2 * 1.0], atol=ROUNDING)
    last = jax.tree.map(lambda leaf: leaf[-1], after)
    np.testing.assert_allclose(spin_site(last), spin_site(body), rtol=ROUNDING)


def test_smooth_level_ground_gives_no_sideways_speed_and_no_spin():
    gear = eqx.tree_at(lambda g: (g.pad.friction, g.hull.friction), LUNA25, (jnp.zeros(()), jnp.zeros(())))
    body = body_at(1.5, (0.8, -0.3, -2.0), (0.05, -0.08, 0.3), (0.1, 0.2, 0.15))
    _, after, report = fly(gear, body, LUNA25_LOAD)
    last = jax.tree.map(lambda leaf: leaf[-1], after)
    assert np.any(report.pads_touching)
    np.testing.assert_allclose(xyz(last.v_site_m_s)[:2], [0.8, -0.3], atol=ROUNDING)
    np.testing.assert_allclose(spin_site(last)[2], spin_site(body)[2], rtol=ROUNDING)


def test_reported_speed_gain_is_what_gravity_leaves_over():
    body = body_at(1.5, (0.8, -0.3, -2.0), (0.05, -0.08, 0.3))
    _, after, report = fly(LUNA25, body, LUNA25_LOAD)
    gained = xyz(report.delta_v_site_m_s).sum(axis=0) + np.array([0.0, 0.0, -GRAVITY_M_S2 * 1.0])
    np.testing.assert_allclose(xyz(after.v_site_m_s)[-1] - np.array([0.8, -0.3, -2.0]), gained, atol=ROUNDING)


@jax.jit
@jax.vmap
def fly_each(height_m, v_m_s, turn_rad, rate_rad_s):
    return fly(LUNA25, body_at(height_m, v_m_s, turn_rad, rate_rad_s), LUNA25_LOAD)


COUNT = 64


def test_a_crash_stays_finite_from_any_side():
    rng = np.random.default_rng(7)
    speeds = rng.normal(size=(COUNT, 3)) * 60.0 - np.array([0.0, 0.0, 100.0])
    draws = (rng.uniform(-20.0, 5.0, COUNT), speeds, rng.normal(size=(COUNT, 3)) * 2.0, rng.normal(size=(COUNT, 3)) * 5.0)
    out = fly_each(*(jnp.asarray(draw) for draw in draws))
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(out) if leaf.dtype != bool)
    assert bool(jnp.all(jnp.any(out[2].hull_touching, axis=1)))


def test_a_lander_does_not_feel_its_batch_mates():
    """Every second one comes down hard, or does not."""

    def batch(mate_speed_m_s):
        calm, mate = [0.0, 0.5, -2.0], [0.0, 0.1, mate_speed_m_s]
        level, rate = np.zeros((COUNT, 3)), np.tile([0.0, 0.1, 0.0], (COUNT, 1))
        return fly_each(*(jnp.asarray(each) for each in (np.full(COUNT, 1.4), np.array([calm, mate] * (COUNT // 2)), level, rate)))

    calm, hard = batch(-0.5), batch(-90.0)
    for one, other in zip(jax.tree.leaves(calm), jax.tree.leaves(hard), strict=True):
        np.testing.assert_array_equal(one[::2], other[::2])


def test_pads_report_their_own_touch():
    body = body_at(1.3, turn_rad=(0.0, 0.05, 0.0))
    _, _, report = fly(LUNA25, body, LUNA25_LOAD)
    np.testing.assert_array_equal(report.pads_touching[0], [True, False, False, False])
    assert np.all(np.any(report.pads_touching, axis=0)) and not np.any(report.hull_touching)


@pytest.mark.parametrize(("stroke_m", "load_n"), [(0.0, 10.0), (0.19, 10.0), (0.21, 25.0), (0.3, 25.0), (0.5, 25.0 + 100.0 * 0.2)])
def test_crush_load_steps_and_stops(stroke_m, load_n):
    cartridge = CrushLoad(10.0, 25.0, 0.2, 0.3)
    assert float(cartridge.load_n(stroke_m, 100.0)) == pytest.approx(load_n)


def test_lunar_module_cartridges_hold_the_published_energy():
    """TN D-6850: per leg 21,200 ft-lb primary, 5,170 secondary in tension, 4,500 in compression; the report rounds to 10 ft-lb or more."""

    def energy_ft_lb(cartridge):
        strokes_in = np.linspace(0.0, cartridge.stroke_max_m, 4001)
        mid = 0.5 * (strokes_in[1:] + strokes_in[:-1])
        return float(jnp.sum(jax.vmap(lambda s: cartridge.load_n(s, 0.0))(mid)) * (mid[1] - mid[0]) / 12.0)

    assert energy_ft_lb(CrushLoad(4500.0, 9500.0, 10.0, 32.0)) == pytest.approx(21_200.0, rel=0.002)
    assert energy_ft_lb(CrushLoad(500.0, 5000.0, 4.0, 16.0)) == pytest.approx(5_170.0, abs=10.0)
    assert energy_ft_lb(CrushLoad(4500.0, 4500.0, 12.0, 12.0)) == pytest.approx(4_500.0, abs=10.0)


def test_legs_stand_on_their_circle_and_strokes_point_where_they_should():
    layout = LegLayout(azimuth_rad=0.3, tilt_rad=0.4, spread_rad=0.7, lever=0.5)
    legs = symmetric_legs(3, 2.0, layout)
    for k, leg in enumerate(legs):
        azimuth = 0.3 + 2.0 * math.pi * k / 3.0
        out = np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
        np.testing.assert_allclose(leg.r_pad_body_m.array(), 2.0 * out, atol=ROUNDING)
        primary = math.cos(0.4) * np.array([0.0, 0.0, 1.0]) - math.sin(0.4) * out
        np.testing.assert_allclose(leg.duals_body[0].array(), primary, atol=ROUNDING)
        # Both secondaries shortened alike: the pad comes in, square to the primary, 1 / (lever cos(spread)) times the stroke.
        inward = (leg.duals_body[1] + leg.duals_body[2]).array()
        assert float(inward @ primary) == pytest.approx(0.0, abs=ROUNDING)
        assert float(-inward @ out) == pytest.approx(math.cos(0.4) / (0.5 * math.cos(0.7)))


def test_five_millisecond_steps_are_short_enough_for_both_landers():
    ispace = gear_from_numbers(GearNumbers(1.3, 2500.0, 0.2, 400.0, 0.6, 0.2), bell_and_roof(0.3, 0.8, 2.0))
    small = eqx.tree_at(lambda ld: (ld.mass_kg, ld.inertia_kg_m2), LUNA25_LOAD, (jnp.asarray(400.0), vec3((220.0, 220.0, 200.0))))
    assert float(step_max_s(LUNA25, LUNA25_LOAD)) > STEP_S
    assert float(step_max_s(ispace, small)) > STEP_S
