"""Vertical descent: the curve is followed, the touchdown speed reached, sideways speed taken out, and nothing ever flies up."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perilune.constants import G0_M_S2, GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.fsw.guidance.request import LocalState
from perilune.fsw.guidance.vertical import Hover, VerticalGuidance
from perilune.math.vector import Vec3, vec3

CYCLE_S, LONGEST_S = 0.1, 180.0
GRAVITY_M_S2 = GM_MOON_M3_S2 / RADIUS_MOON_M**2
# Below the low height the speed closes with 2 s; 5 m at 1.5 m/s leave a share of exp(-2) of what the corner of the curve made, 0.03 m/s.
TOUCHDOWN_ERROR_M_S = 0.01
# Sideways speed closes with 3.3 s, over 40 s and more.
LEVEL_M_S = 0.01
# Even deceleration is what the curve asks for and what the law adds: on the curve there is no error to close, but rounding.
CURVE_ERROR_M_S = 1e-9


class Case(NamedTuple):
    """A lander in its last phase: numbers of the mission files."""

    name: str
    guidance: VerticalGuidance
    mass_kg: float
    thrust_n: tuple[float, float]  # least and most
    exhaust_speed_m_s: float
    height_m: float  # where the phase begins


def law(touchdown: float, low: float, deceleration: float, fastest: float) -> VerticalGuidance:
    numbers = (touchdown, low, deceleration, fastest, 0.5, 0.3, np.radians(20.0), np.radians(5.0))
    return VerticalGuidance(*(jnp.asarray(number) for number in numbers))


LUNA_25 = Case("Luna-25", law(1.5, 10.0, 0.3, 40.0), 720.0, (640.0, 1600.0), 300.0 * G0_M_S2, 1800.0)
ISPACE = Case("ispace", law(1.5, 8.0, 0.54, 40.0), 430.0, (120.0, 1200.0), 300.0 * G0_M_S2, 1000.0)


def local_state(height_m, v_m_s: Vec3) -> LocalState:
    """Over flat ground; up is z, and east serves as downrange."""
    return LocalState(
        up_lci=vec3((0.0, 0.0, 1.0)),
        downrange_lci=vec3((1.0, 0.0, 0.0)),
        cross_lci=vec3((0.0, 1.0, 0.0)),
        radius_m=RADIUS_MOON_M + height_m,
        altitude_m=height_m,
        vertical_speed_m_s=v_m_s.z,
        v_ground_lci_m_s=v_m_s,
        ground_speed_m_s=0.0 * height_m,
        gravity_m_s2=GRAVITY_M_S2 + 0.0 * height_m,
    )


class Descent(NamedTuple):
    """Every cycle until contact, then held."""

    height_m: np.ndarray
    sink_m_s: np.ndarray
    level_m_s: np.ndarray
    wanted_m_s: np.ndarray


@eqx.filter_jit
@eqx.filter_vmap(in_axes=(None, None, 0, 0, 0))
def _descents(guidance: VerticalGuidance, numbers, height_m, sink_m_s, level_m_s):
    mass_start_kg, least_n, most_n, exhaust_m_s = numbers

    def cycle(now, _):
        height, v, mass = now
        asked = guidance.accel_lci_m_s2(local_state(height, v))
        thrust_n = jnp.clip(asked.norm() * mass, least_n, most_n)
        change = (asked.unit() * (thrust_n / mass) + vec3((0.0, 0.0, -GRAVITY_M_S2))) * CYCLE_S
        new = height + (v.z + 0.5 * change.z) * CYCLE_S, v + change, mass - thrust_n / exhaust_m_s * CYCLE_S
        kept = jax.tree.map(lambda a, b: jnp.where(height > 0.0, a, b), new, now)
        return kept, (height, -v.z, jnp.hypot(v.x, v.y), guidance.descent_speed_m_s(height))

    start = height_m, Vec3(level_m_s, 0.5 * level_m_s, -sink_m_s), mass_start_kg
    return jax.lax.scan(cycle, start, None, length=round(LONGEST_S / CYCLE_S))[1]


def descents(case: Case, height_m: np.ndarray, sink_m_s: np.ndarray, level_m_s: np.ndarray) -> Descent:
    numbers = jnp.asarray([case.mass_kg, *case.thrust_n, case.exhaust_speed_m_s])
    return Descent(
        *(np.asarray(values) for values in _descents(case.guidance, numbers, *map(jnp.asarray, (height_m, sink_m_s, level_m_s))))
    )


def many(case: Case) -> Descent:
    """Around where the phase begins: heights, sinks up to a tenth over the curve, level speeds up to 10 m/s."""
    height, share, level = np.meshgrid(np.linspace(0.3, 1.0, 5) * case.height_m, [0.1, 0.6, 0.9, 1.0, 1.1], [0.0, 3.0, 10.0], indexing="ij")
    curve = np.vectorize(lambda h: float(case.guidance.descent_speed_m_s(h)))(height)
    return descents(case, height.ravel(), (share * curve).ravel(), level.ravel())


@pytest.mark.parametrize("case", [LUNA_25, ISPACE], ids=lambda case: case.name)
def test_from_many_states_it_touches_down_as_set_and_never_rises(case):
    flown = many(case)
    assert (flown.height_m[:, -1] <= 0.0).all()
    touchdown = float(case.guidance.touchdown_speed_m_s)
    np.testing.assert_allclose(flown.sink_m_s[:, -1], touchdown, atol=TOUCHDOWN_ERROR_M_S)
    assert flown.level_m_s[:, -1].max() < LEVEL_M_S
    assert flown.sink_m_s.min() > 0.0


@pytest.mark.parametrize("case", [LUNA_25, ISPACE], ids=lambda case: case.name)
def test_once_on_the_curve_it_stays_there(case):
    curve_m_s = float(case.guidance.descent_speed_m_s(case.height_m))
    flown = descents(case, np.array([case.height_m]), np.array([curve_m_s]), np.array([0.0]))
    above = flown.height_m[0] > float(case.guidance.low_height_m)
    assert np.abs(flown.sink_m_s - flown.wanted_m_s)[0][above].max() < CURVE_ERROR_M_S


finite = st.floats(-1e4, 1e4)


@given(st.floats(-100.0, 1e5), finite, finite, finite)
def test_any_state_gives_a_thrust_that_lifts_within_the_cone(height_m, v_x, v_y, v_z):
    guidance = LUNA_25.guidance
    accel = guidance.accel_lci_m_s2(local_state(jnp.asarray(height_m), vec3((v_x, v_y, v_z))))
    tilt_max = guidance.tilt_max_rad if height_m > guidance.low_height_m else guidance.tilt_low_rad
    assert float(accel.z) > 0.0
    assert np.hypot(float(accel.x), float(accel.y)) <= float(accel.z) * np.tan(float(tilt_max)) * (1.0 + 1e-12)


@given(st.floats(-100.0, 1e5))
def test_the_speed_wanted_is_always_downward_and_bounded(height_m):
    wanted = float(LUNA_25.guidance.descent_speed_m_s(height_m))
    assert 1.5 <= wanted <= 40.0


HOVERS = dataclasses.replace(LUNA_25.guidance, hovers=(Hover(jnp.asarray(150.0), jnp.asarray(20.0), jnp.asarray(3.0)),))
# The way into a hover closes with 3.3 s; its time counts from 3.3 m above, and 20 s leave a share of exp(-6) of those.
HOVER_ERROR_M = 0.05


@eqx.filter_jit
def hovering_descent() -> tuple[jax.Array, jax.Array]:
    """From 400 m at 10 m/s, by the law's own acceleration."""

    def cycle(now, _):
        height, sink, hovered_s = now
        local = local_state(height, vec3((0.0, 0.0, 0.0)) - vec3((0.0, 0.0, 1.0)) * sink)
        asked = HOVERS.accel_lci_m_s2(local, hovered_s)
        faster = sink + (GRAVITY_M_S2 - asked.z) * CYCLE_S
        after = jnp.maximum(height - 0.5 * (sink + faster) * CYCLE_S, 1.0)
        return (after, faster, HOVERS.aged(hovered_s, local, CYCLE_S)), (height, sink)

    start = jnp.asarray(400.0), jnp.asarray(10.0), HOVERS.init()
    return jax.lax.scan(cycle, start, None, length=2400)[1]


def test_a_hover_is_a_stop_at_its_height_for_its_time_and_limits_the_speed_after_it():
    height_m, sink_m_s = (np.asarray(column) for column in hovering_descent())
    standing = np.flatnonzero(np.abs(height_m - 150.0) < 1.0)
    assert np.all(np.diff(standing) == 1)
    assert np.abs(height_m[standing] - 150.0).min() < HOVER_ERROR_M
    assert 15.0 < len(standing) * CYCLE_S < 20.0 + 2.0
    below = sink_m_s[height_m < 140.0]
    assert below.max() == pytest.approx(3.0, abs=0.01)
    assert sink_m_s[-1] == pytest.approx(1.5, abs=TOUCHDOWN_ERROR_M_S) and height_m[-1] < 10.0
