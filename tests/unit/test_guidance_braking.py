"""Braking guidance, cycle by cycle: it converges from anywhere, holds what it should hold, and keeps its plane."""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.fsw.guidance.approach import ApproachGuidance
from perilune.fsw.guidance.braking import BrakingAim, BrakingState, in_plane
from perilune.fsw.guidance.guidance import Guidance, GuidanceState, GuidanceView
from perilune.fsw.guidance.vertical import VerticalGuidance
from perilune.math.rotation import identity
from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.wire.telemetry import Mode

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from braking_flight import HAKUTO_R_M1, LUNA_25, BrakingCase, Deviation, guidance_of, local_state, start_of

CYCLES_MAX = 15
# A tick of flight software: ignition cannot be told apart any finer.
CONVERGED_S = 0.1
BURNING, COASTING = jnp.asarray(True), jnp.asarray(False)


def aim_of(case: BrakingCase, range_m: float = 0.0, cross_m: float = 0.0) -> BrakingAim:
    local = local_state(*start_of(case, Deviation()), zero_vec3())
    numbers = (case.thrust_n, case.exhaust_speed_m_s, case.mass_kg, range_m, cross_m)
    return BrakingAim(local, *(jnp.asarray(number) for number in numbers))


@eqx.filter_jit
def cycles(case_guidance, state: BrakingState, aim: BrakingAim, burning) -> tuple[BrakingState, jax.Array]:
    def one(now, _):
        new = case_guidance.update(now, aim, burning)
        return new, new.time_to_go_s

    return jax.lax.scan(one, state, None, length=40)


def solution(case: BrakingCase) -> BrakingState:
    guidance = guidance_of(case)
    return cycles(guidance, guidance.init(), aim_of(case), COASTING)[0]


@pytest.mark.parametrize("case", [LUNA_25, HAKUTO_R_M1], ids=lambda case: case.name)
@pytest.mark.parametrize("start_s", [None, 100.0, 1000.0])
def test_the_time_to_go_converges_within_fifteen_cycles(case, start_s):
    guidance = guidance_of(case)
    state = guidance.init()
    state = state if start_s is None else eqx.tree_at(lambda s: s.time_to_go_s, state, jnp.asarray(start_s))
    end, times_s = cycles(guidance, state, aim_of(case), COASTING)
    times_s = np.asarray(times_s)
    assert abs(times_s[CYCLES_MAX - 1] - times_s[-1]) < CONVERGED_S
    assert times_s[-1] == pytest.approx(float(solution(case).time_to_go_s), abs=1e-6)
    assert float(end.throttle) == case.throttle[0]


def test_the_solution_is_held_below_the_freeze_time():
    guidance = guidance_of(LUNA_25)
    held = eqx.tree_at(lambda s: s.time_to_go_s, solution(LUNA_25), jnp.asarray(7.9))
    new = guidance.update(held, aim_of(LUNA_25, cross_m=100.0), BURNING)
    assert eqx.tree_equal(new, held)


def test_toward_the_end_the_place_is_given_up_and_the_rates_are_held():
    guidance, state = guidance_of(LUNA_25), solution(LUNA_25)
    for time_s, held in ((23.0, True), (25.0, False)):
        late = eqx.tree_at(lambda s: s.time_to_go_s, state, jnp.asarray(time_s))
        new = guidance.update(late, aim_of(LUNA_25, cross_m=100.0), BURNING)
        assert (float(new.radial_share_rate_1_s) == float(late.radial_share_rate_1_s)) == held
        assert (float(new.cross_share_rate_1_s) == float(late.cross_share_rate_1_s)) == held


def test_the_throttle_stays_when_the_distance_flown_is_the_distance_planned():
    """The solution in hand is a cycle old; what was flown since then does not call for more thrust."""
    guidance, state = guidance_of(HAKUTO_R_M1), solution(HAKUTO_R_M1)
    aged = guidance.advance(state, 1.0, BURNING)
    left_m = float(state.range_m) - HAKUTO_R_M1.speed_m_s
    assert float(guidance.update(aged, aim_of(HAKUTO_R_M1, left_m), BURNING).throttle) == pytest.approx(0.9, rel=1e-12)
    assert float(guidance.update(aged, aim_of(HAKUTO_R_M1, 1.02 * left_m), BURNING).throttle) == pytest.approx(0.9 / 1.02, rel=1e-12)
    assert float(guidance.update(aged, aim_of(HAKUTO_R_M1, 0.5 * left_m), BURNING).throttle) == HAKUTO_R_M1.throttle[2]


def test_steering_follows_the_solution_as_it_ages():
    guidance, state, local = guidance_of(LUNA_25), solution(LUNA_25), aim_of(LUNA_25).local
    later = guidance.advance(state, 10.0, BURNING)
    request = guidance.request(later, local, 3.0)
    share = state.radial_share + state.lift_now + 10.0 * (state.radial_share_rate_1_s + state.lift_rate_1_s)
    assert float(request.direction_lci.dot(local.up_lci)) == pytest.approx(float(share), rel=1e-12)
    assert float(request.direction_lci.dot(local.downrange_lci)) < 0.0
    assert float(request.direction_lci.norm()) == pytest.approx(1.0, rel=1e-12)
    assert float(request.time_to_go_s) == pytest.approx(float(state.time_to_go_s) - 10.0)


TURN_RAD = 0.3


def turned_local() -> tuple[BrakingAim, Vec3]:
    """A velocity that has turned out of the plane of flight z = 0, and that plane's normal."""
    r_lci_m, _ = start_of(LUNA_25, Deviation())
    v_lci_m_s = Vec3(jnp.asarray(-10.0), jnp.asarray(800.0 * np.cos(TURN_RAD)), jnp.asarray(800.0 * np.sin(TURN_RAD)))
    aim = aim_of(LUNA_25, range_m=50e3, cross_m=2e3)
    return eqx.tree_at(lambda a: a.local, aim, local_state(r_lci_m, v_lci_m_s, zero_vec3())), vec3((0.0, 0.0, 1.0))


def test_axes_of_a_held_plane_do_not_turn_with_the_velocity():
    aim, normal = turned_local()
    local = in_plane(aim.local, normal)
    np.testing.assert_allclose(local.cross_lci.array(), [0.0, 0.0, 1.0], atol=1e-15)
    np.testing.assert_allclose(local.downrange_lci.array(), [0.0, 1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(local.up_lci.cross(local.downrange_lci).array(), local.cross_lci.array(), atol=1e-15)


def test_the_plan_turns_the_way_to_the_gate_into_the_held_plane():
    aim, normal = turned_local()
    zero = jnp.zeros(())
    braking = guidance_of(LUNA_25)
    guidance = Guidance(
        braking=braking,
        approach=ApproachGuidance(*([zero] * 6)),
        vertical=VerticalGuidance(*([zero] * 8)),
        approach_wanted=jnp.asarray(False),
        braking_exhaust_m_s=aim.exhaust_speed_m_s,
        approach_thrust_n=aim.thrust_n,
        approach_least_share=zero,
        vertical_thrust_n=aim.thrust_n,
        terrain_correlation_m=jnp.asarray(1.0),
    )
    numbers = (aim.mass_kg, aim.thrust_n, zero, aim.range_to_gate_m, aim.cross_of_site_m)
    nowhere = {"before_lci": zero_vec3(), "straight_m": zero_vec3()}
    view = GuidanceView(aim.local, zero_vec3(), zero_vec3(), identity("lci", "site"), *numbers, terrain_m=zero, **nowhere)
    state = GuidanceState(solution(LUNA_25), guidance.approach.init(), -normal)
    planned = guidance.plan(state, view, jnp.asarray(int(Mode.BRAKING))).braking

    # The gate lies 50 km ahead and 2 km aside of a motion that has turned; seen in the axes of the plane it lies elsewhere.
    local = in_plane(aim.local, normal)
    way_m = aim.local.downrange_lci * 50e3 + aim.local.cross_lci * 2e3
    along_m, across_m = way_m.dot(local.downrange_lci), way_m.dot(local.cross_lci)
    expected = BrakingAim(local, aim.thrust_n, aim.exhaust_speed_m_s, aim.mass_kg, along_m, across_m)
    wanted = braking.update(state.braking, expected, BURNING)
    for got, want in zip(jax.tree.leaves(planned), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
