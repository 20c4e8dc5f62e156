"""The way back to an orbit: when it is affordable, where it leads, and which modes lead to it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from perilune.constants import G0_M_S2, GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.fsw.guidance.abort import AbortGuidance
from perilune.fsw.guidance.request import LocalState
from perilune.fsw.modes import ModeLogic, ModeView
from perilune.math.vector import vec3
from perilune.scenario.build_descent import descent_of
from perilune.scenario.load import load_lander, mission_from_text
from perilune.wire.telemetry import Mode
from perilune.wire.uplink import no_burn

WANTED_M = RADIUS_MOON_M + 15e3
ABORT = AbortGuidance(jnp.asarray(WANTED_M), jnp.asarray(50.0))
ISP_S, THRUST_N, MASS_KG, DRY_KG = 315.0, 2400.0, 1200.0, 640.0
STEP_S, STEPS = 0.5, 1600


def flying(height_m, along_m_s, up_m_s) -> LocalState:
    """Over a Moon that does not turn."""
    radius_m = RADIUS_MOON_M + jnp.asarray(height_m)
    up, ahead, cross = vec3((0.0, 0.0, 1.0)), vec3((1.0, 0.0, 0.0)), vec3((0.0, 1.0, 0.0))
    v_m_s = ahead * along_m_s + up * up_m_s
    gravity = GM_MOON_M3_S2 / radius_m**2
    return LocalState(up, ahead, cross, radius_m, jnp.asarray(height_m), jnp.asarray(up_m_s), v_m_s, jnp.zeros(()), gravity)


@eqx.filter_jit
def flown_back(height_m, along_m_s, up_m_s):
    """Lowest height on the way, height of the lowest point of the orbit at the end, and the mass that is left."""

    def step(now, _):
        height_m, along_m_s, up_m_s, mass_kg, done = now
        local = flying(height_m, along_m_s, up_m_s)
        done = ABORT.done(done, local)
        request = ABORT.request(local, done, THRUST_N / mass_kg)
        ahead, up = request.direction_lci.x * request.accel_m_s2, request.direction_lci.z * request.accel_m_s2
        up_m_s2 = up - local.gravity_m_s2 + along_m_s**2 / local.radius_m
        along_m_s2 = ahead - along_m_s * up_m_s / local.radius_m
        mass_kg = mass_kg * (1.0 - request.accel_m_s2 / (ISP_S * G0_M_S2) * STEP_S)
        after = (height_m + up_m_s * STEP_S, along_m_s + along_m_s2 * STEP_S, up_m_s + up_m_s2 * STEP_S, mass_kg, done)
        return after, height_m

    start = (*(jnp.asarray(value) for value in (height_m, along_m_s, up_m_s, MASS_KG)), jnp.asarray(False))
    (height_m, along_m_s, up_m_s, mass_kg, done), heights = jax.lax.scan(step, start, None, length=STEPS)
    return jnp.min(heights), ABORT.lowest_m(flying(height_m, along_m_s, up_m_s)) - RADIUS_MOON_M, mass_kg, done


@pytest.mark.parametrize(("height_m", "along_m_s", "up_m_s"), [(17e3, 1500.0, -10.0), (15e3, 1300.0, -40.0), (13e3, 1150.0, -50.0)])
def test_it_comes_back_to_the_orbit_with_what_was_held_for_enough(height_m, along_m_s, up_m_s):
    given_m_s = ISP_S * G0_M_S2 * jnp.log(MASS_KG / DRY_KG)
    assert bool(ABORT.affordable(flying(height_m, along_m_s, up_m_s), given_m_s))
    lowest_m, orbit_m, mass_kg, done = flown_back(height_m, along_m_s, up_m_s)
    assert bool(done) and float(mass_kg) > DRY_KG
    assert float(orbit_m) > 14e3
    assert float(lowest_m) > 0.5 * height_m


def test_from_deep_in_braking_it_is_not_affordable():
    given_m_s = ISP_S * G0_M_S2 * jnp.log(0.7 * MASS_KG / DRY_KG)
    assert not bool(ABORT.affordable(flying(9e3, 600.0, -60.0), given_m_s))


def test_the_lowest_point_is_that_of_the_ellipse():
    """From the lowest point of 15 km by 100 km."""
    near_m, far_m = WANTED_M, RADIUS_MOON_M + 100e3
    speed_m_s = jnp.sqrt(GM_MOON_M3_S2 * (2.0 / near_m - 2.0 / (near_m + far_m)))
    assert float(ABORT.lowest_m(flying(15e3, speed_m_s, 0.0))) == pytest.approx(near_m, abs=1e-3)


def view(abort: bool) -> ModeView:
    number, flag = jnp.asarray, jnp.asarray
    calm = (flag(False), number(1e5), number(100.0), number(900.0), number(1e4), number(1.0))
    return ModeView(number(10.0), no_burn(1), *calm, flag(False), flag(False), flag(False), flag(abort))


@pytest.mark.parametrize("aborts", [True, False])
def test_only_a_lander_that_may_goes_from_braking_to_abort_and_stays_there(aborts):
    rows = jnp.zeros(len(Mode), dtype=bool)
    numbers = (jnp.asarray(60.0), jnp.asarray(0.5), jnp.asarray(True), jnp.asarray(100.0), jnp.asarray(5.0))
    logic = ModeLogic(*numbers, rows[:, None], rows, rows, rows, aborts=aborts)
    state = eqx.tree_at(lambda s: s.mode, logic.init(jnp.zeros(())), jnp.asarray(int(Mode.BRAKING)))
    assert int(logic.step(state, view(False), jnp.zeros(())).mode) == Mode.BRAKING
    state = logic.step(state, view(True), jnp.zeros(()))
    assert int(state.mode) == (Mode.ABORT if aborts else Mode.BRAKING)
    assert int(logic.step(state, view(False), jnp.zeros(())).mode) == state.mode


def test_a_file_asks_for_it():
    plain = load_lander("luna-25")
    table = '[flight_software.abort]\nsource = "design"\naltitude_km = 15\nmargin_m_s = 50\nmonitors = ["weak_thrust"]\n\n'
    asked = mission_from_text(plain.text.replace("[flight_software.monitors]", table + "[flight_software.monitors]", 1), "asked.toml")
    descent = descent_of(asked, 1.0)
    assert descent.modes.aborts and descent.guidance.abort is not None
    assert descent_of(plain, 1.0).guidance.abort is None
