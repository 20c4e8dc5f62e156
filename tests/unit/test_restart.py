"""A warm restart: what was known before is carried over the gap."""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from perilune.math.vector import vec3, zero_vec3
from perilune.wire.measurements import ImuReading

sys.path.append(str(Path(__file__).parents[1] / "consistency"))
from navigation_case import CYCLE_S, flown_descent, navigation_filter, tracking_covariance_rac, value

YES, NO = jnp.asarray(True), jnp.asarray(False)
BEGINS_S, LONGEST_S = 10.0, 60.0
RATE_RAD_S = vec3((0.0, -1e-3, 0.0))
# Against the same gap flown in nominal cycles, low over the Moon: eight steps of second order.
ERROR_M = {10.0: 0.01, 60.0: 2.0}
ERROR_RAD = 1e-9


@pytest.fixture(scope="module")
def case():
    nav_filter = navigation_filter()
    truth = jax.tree.map(lambda leaf: leaf[4200], flown_descent()[1])
    state = nav_filter.init(truth.r_lci_m, truth.v_lci_m_s, truth.q_lci_body, tracking_covariance_rac(), value(1e-4), value(BEGINS_S))
    state = eqx.tree_at(lambda s: s.nav.omega_body_lci_rad_s, state, RATE_RAD_S)
    bridging = eqx.tree_at(lambda f: f.gap_max_s, nav_filter, value(LONGEST_S), is_leaf=lambda leaf: leaf is None)
    return nav_filter, bridging, state


def quiet() -> ImuReading:
    return ImuReading(zero_vec3(), RATE_RAD_S * CYCLE_S, YES)


@eqx.filter_jit
def in_cycles(nav_filter, state, cycles):
    def cycle(now, number):
        return nav_filter.propagate(now, quiet(), BEGINS_S + (number + 1.0) * CYCLE_S, NO), None

    return jax.lax.scan(cycle, state, jnp.arange(cycles))[0]


@pytest.mark.parametrize("gap_s", ERROR_M)
def test_a_gap_is_carried_over_as_if_it_had_been_flown(case, gap_s):
    nav_filter, bridging, state = case
    flown = in_cycles(nav_filter, state, jnp.zeros(round(gap_s / CYCLE_S)).shape[0])
    restarted = bridging.propagate(state, quiet(), value(BEGINS_S + gap_s), NO)
    assert float((restarted.nav.r_lci_m - flown.nav.r_lci_m).norm()) < ERROR_M[gap_s]
    turned = restarted.nav.q_lci_body.inverse() @ flown.nav.q_lci_body.relabelled("lci", "flown")
    assert float(turned.rotation_vector_rad().norm()) < ERROR_RAD
    assert float(restarted.clock_s) == BEGINS_S + gap_s
    assert float(restarted.since.interval_s) == pytest.approx(float(flown.since.interval_s))


def test_a_gap_is_doubted(case):
    """After ten seconds the attitude is known to ten degrees, so that a star tracker is heard that tells of eight."""
    nav_filter, bridging, state = case
    before, after = state.P, bridging.propagate(state, quiet(), value(BEGINS_S + 10.0), NO).P
    more = jnp.sqrt(jnp.diag(after - before))
    assert [float(x) for x in jnp.degrees(more[6:9])] == pytest.approx([9.93] * 3, abs=0.01)
    assert [float(x) for x in more[3:6]] == pytest.approx([1.0] * 3)
    assert jnp.array_equal(nav_filter.propagate(state, quiet(), value(BEGINS_S + 10.0), NO).P, before)


def test_without_it_or_beyond_its_longest_a_gap_is_one_cycle(case):
    nav_filter, bridging, state = case
    one = nav_filter.propagate(state, quiet(), value(BEGINS_S + CYCLE_S), NO)
    for each, gap_s in ((nav_filter, 10.0), (bridging, LONGEST_S + 1.0)):
        jumped = each.propagate(state, quiet(), value(BEGINS_S + gap_s), NO)
        assert float((jumped.nav.r_lci_m - one.nav.r_lci_m).norm()) < 1e-6
