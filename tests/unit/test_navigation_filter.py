"""The filter's small promises: masks, clocks, coasts, batches."""

import dataclasses
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.random import stream_of_seed
from perilune.math.vector import vec3
from perilune.wire.measurements import ImuReading

sys.path.append(str(Path(__file__).parents[1] / "consistency"))
from navigation_case import CYCLE_S, flown_descent, level_ground, navigation_filter, readings, tracking_covariance_rac, value

YES, NO = jnp.asarray(True), jnp.asarray(False)


@pytest.fixture(scope="module")
def case():
    nav_filter = navigation_filter()
    truth = jax.tree.map(lambda leaf: leaf[4200], flown_descent()[1])
    state = nav_filter.init(truth.r_lci_m, truth.v_lci_m_s, truth.q_lci_body, tracking_covariance_rac(), value(1e-4), value(10.0))
    seen = readings(nav_filter, truth, level_ground(0.0), value(10.0), stream_of_seed(3))
    return nav_filter, eqx.filter_jit(nav_filter.update), state, seen


def silenced(seen):
    valid = (seen.star_tracker.valid, seen.altimeter.valid, seen.velocimeter.valid)
    return eqx.tree_at(lambda m: (m.star_tracker.valid, m.altimeter.valid, m.velocimeter.valid), seen, jax.tree.map(jnp.zeros_like, valid))


def imu(delta_v=(0.1, -0.2, 0.4), delta_theta=(1e-3, 2e-3, -1e-3), valid=YES) -> ImuReading:
    return ImuReading(vec3(delta_v), vec3(delta_theta), valid)


def same(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def test_silence_changes_nothing_but_the_covariance_step(case):
    nav_filter, update, state, seen = case
    after = update(state, silenced(seen))
    assert same(after.nav, state.nav)
    # Two compiled programs: equal to rounding.
    assert np.allclose(after.P, nav_filter.stepped(state, state.sounding, NO)[1], rtol=1e-12)
    assert not after.reports.altimeter.fresh and not after.reports.velocimeter.used


def test_a_reading_that_is_no_number_is_refused(case):
    _, update, state, seen = case
    broken = eqx.tree_at(lambda m: (m.altimeter.range_m, m.velocimeter.range_m), seen, (value(np.nan), seen.velocimeter.range_m * np.nan))
    after = update(state, broken)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves((after.nav, after.P)))
    assert not after.reports.altimeter.used and after.reports.star_tracker.used


def test_one_beam_is_enough_and_no_beam_is_allowed(case):
    nav_filter, update, state, seen = case
    one = eqx.tree_at(lambda m: m.velocimeter.valid, seen, jnp.asarray([False, True, False, False]))
    assert update(state, one).reports.velocimeter.used
    blind = eqx.tree_at(lambda f: f.velocimeter.beams_body, nav_filter, ())
    assert not eqx.filter_jit(blind.update)(state, seen).reports.velocimeter.fresh


def test_no_number_of_ranges_averages_their_bias_away(case):
    nav_filter, _, state, seen = case
    heard = eqx.tree_at(lambda m: m.velocimeter.valid, seen, jnp.zeros(4, dtype=bool))
    told = []
    for bias_m in (0.0, 7.0):
        biased = eqx.tree_at(lambda f: f.altimeter.bias_sigma_m, nav_filter, value(bias_m))
        after = eqx.filter_jit(biased.update)(state, heard)
        assert after.reports.altimeter.used
        told.append(float(biased.sigma(after)[15]))
    assert told[1] ** 2 - told[0] ** 2 == pytest.approx(7.0**2)


@pytest.mark.parametrize("clock_s", [10.0, 9.0, 10.6, 1e6])
def test_a_clock_jump_costs_one_nominal_cycle(case, clock_s):
    nav_filter, _, state, _ = case
    jumped = nav_filter.propagate(state, imu(), value(clock_s), YES)
    nominal = nav_filter.propagate(state, imu(), value(10.0 + CYCLE_S), YES)
    assert float((jumped.nav.r_lci_m - nominal.nav.r_lci_m).norm()) < 1e-6  # rounding of the clock's difference, at 1.7 km/s
    assert jumped.clock_s == clock_s


def test_coasting_does_not_integrate_the_accelerometers(case):
    nav_filter, _, state, _ = case
    coast = nav_filter.propagate(state, imu(), value(10.1), NO)
    still = nav_filter.propagate(state, imu(delta_v=(0.0, 0.0, 0.0)), value(10.1), YES)
    assert same(coast.nav.v_lci_m_s, still.nav.v_lci_m_s)
    assert coast.since.integrated_s == 0.0 and still.since.integrated_s == pytest.approx(0.1)


def test_a_lost_imu_reading_holds_rate_and_force(case):
    nav_filter, _, state, _ = case
    first = nav_filter.propagate(state, imu(), value(10.1), YES)
    kept = nav_filter.propagate(first, imu(delta_v=(9.0, 9.0, 9.0), valid=NO), value(10.2), YES)
    again = nav_filter.propagate(first, imu(), value(10.2), YES)
    # The same to the rounding of a division and a multiplication by the cycle.
    assert float((kept.nav.v_lci_m_s - again.nav.v_lci_m_s).norm()) < 1e-12
    assert float((kept.nav.omega_body_lci_rad_s - again.nav.omega_body_lci_rad_s).norm()) < 1e-12


def test_skipping_what_nobody_heard_never_changes_a_result(case):
    """A lander that hears nothing, among two that hear all and among two as deaf as itself: not one bit moves."""
    nav_filter, update, state, seen = case
    gated = dataclasses.replace(nav_filter, batch_axis="landers")
    fleet = eqx.filter_jit(lambda batch: jax.vmap(gated.update, in_axes=(None, 0), axis_name="landers")(state, batch))
    deaf = silenced(seen)
    among_hearing = fleet(jax.tree.map(lambda *leaves: jnp.stack(leaves), seen, deaf, seen))
    among_deaf = fleet(jax.tree.map(lambda *leaves: jnp.stack(leaves), deaf, deaf, deaf))
    assert same(*(jax.tree.map(lambda leaf: leaf[1], one) for one in (among_hearing, among_deaf)))
    first = jax.tree.map(lambda leaf: leaf[0], among_hearing)
    alone = np.asarray(update(state, seen).P)
    sigma = np.sqrt(np.diag(alone))
    # Two compiled programs: rounding, as a share of the sigmas.
    assert np.abs((first.P - alone) / np.outer(sigma, sigma)).max() < 1e-9


def heard_by_altimeter(case):
    """A state whose last range was the altimeter's."""
    _, update, state, seen = case
    alone = eqx.tree_at(lambda m: m.velocimeter.valid, seen, jnp.zeros_like(seen.velocimeter.valid))
    after = update(state, alone)
    assert after.sounding.by_altimeter and float(after.sounding.offset_lci_m.norm()) > 10.0
    return after


def test_a_spot_that_no_range_tells_goes_with_the_beam_only_where_the_altimeter_can_answer(case):
    """IM-2 leaned until its beam could not, the spot ran out a kilometre along the slope, and the ground below was lost by 100 m."""
    nav_filter, _, _, seen = case
    state, silence = heard_by_altimeter(case), silenced(seen)
    goes = nav_filter.sounding_of(state, silence)
    assert goes.by_altimeter and float(goes.offset_lci_m.norm()) > 10.0
    flat = eqx.tree_at(lambda f: f.altimeter.cos_answered_min, nav_filter, 1.0)
    stays = flat.sounding_of(state, silence)
    assert not stays.by_altimeter and float(stays.offset_lci_m.norm()) == 0.0
    answered = eqx.tree_at(lambda m: m.velocimeter.valid, seen, jnp.zeros_like(seen.velocimeter.valid))
    assert same(flat.sounding_of(state, answered), nav_filter.sounding_of(state, answered))


def test_a_lander_that_turns_back_sees_the_slope_from_the_other_side(case):
    nav_filter, _, _, _ = case
    state = heard_by_altimeter(case)
    state = eqx.tree_at(lambda s: s.nav.slope, state, value(0.1))
    back = eqx.tree_at(lambda s: s.downrange_lci, state.sounding, -state.sounding.downrange_lci)
    (on, P, border), (turned, P_turned, border_turned) = (nav_filter.stepped(state, way, NO) for way in (state.sounding, back))
    assert float(turned.slope) == -float(on.slope) != 0.0
    assert float(turned.sounded_m) == float(on.sounded_m)
    assert np.array_equal(P, P_turned) and np.array_equal(border.variance, border_turned.variance)
    assert np.array_equal(border.ties, -border_turned.ties)
