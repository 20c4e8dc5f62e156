"""Batches by XLA, four landers wide: one program for all of them, and a lander's flight is its own.

Its batch-mates, their faults and their order do not move it by a bit, at one batch width. `test_lanes_flight` says the same of lanes, in
which batches fly where there is a C compiler.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from conftest import FAULTY_SEEDS
from flown_fleet import TRACES, WIDTH, awake, chunk, descend, different_leaves, fleet_with, lander
from perilune.faults.words import rows_of
from perilune.sim.outcome import Outcome

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def healthy(luna):
    """Four healthy descents."""
    return descend(luna, fleet_with(luna, [0, 1, 2, 3], {}))


@pytest.fixture(scope="module")
def among_faulty(luna, faulty_rows):
    """The first of them again, in other company."""
    return descend(luna, fleet_with(luna, FAULTY_SEEDS, faulty_rows))


@pytest.fixture(scope="module")
def reversed_batch(luna, faulty_rows):
    """The same batch the other way round."""
    return descend(luna, fleet_with(luna, FAULTY_SEEDS[::-1], {WIDTH - 1 - place: rows for place, rows in faulty_rows.items()}))


def test_four_healthy_landers_land(healthy):
    assert [Outcome(int(o)) for o in healthy.last.verdict.outcome] == [Outcome.LANDED] * WIDTH


def test_seeds_fly_differently(healthy):
    contact = healthy.last.verdict.contact
    assert len(set(contact.met_s.tolist())) == WIDTH
    assert len(set(contact.vertical_m_s.tolist())) == WIDTH


def test_batch_mates_do_not_move_a_lander(healthy, among_faulty):
    """Chunk by chunk from wake-up to rest, every leaf of truth, flight software and verdict."""
    # The mates must have been where they could do harm: in contact and broken while the first lander still flew.
    mates_touched = np.array([state.verdict.touched[1:].any() for state in among_faulty.states])
    first_up = np.array([not state.verdict.touched[0] for state in among_faulty.states])
    assert (mates_touched & first_up).any()
    assert len(among_faulty.states) >= len(healthy.states)
    for alone, together in zip(healthy.states, among_faulty.states, strict=False):
        assert different_leaves(lander(alone, 0), lander(together, 0)) == []


def test_order_in_the_batch_does_not_matter(among_faulty, reversed_batch):
    for one, other in zip(among_faulty.states, reversed_batch.states, strict=True):
        for place in range(WIDTH):
            assert different_leaves(lander(one, place), lander(other, WIDTH - 1 - place)) == []


def test_faults_act_in_their_own_row_only(among_faulty):
    outcomes = [Outcome(int(o)) for o in among_faulty.last.verdict.outcome]
    assert outcomes[0] is Outcome.LANDED
    assert outcomes[1] is not Outcome.LANDED
    assert outcomes[2] is Outcome.NUMERICAL


def test_a_lander_that_is_not_a_number_stays_alone(among_faulty):
    place = among_faulty.last.world.body.r_lci_m
    assert np.isfinite(np.stack([place.x, place.y, place.z]))[:, [0, 1, 3]].all()
    assert np.isnan(place.x[2])


def test_three_flights_were_one_trace(healthy, among_faulty, reversed_batch):
    before = len(TRACES)
    states = jax.tree.map(jnp.asarray, healthy.awake)
    chunk(healthy.fleet, states, healthy.first_tick)
    assert len(TRACES) == before


def test_other_numbers_and_faults_are_the_same_program(luna, healthy):
    """Another lander by its values: thrust, Isp, mass, terrain, belief, gates, cycle; other seeds; other faults; another start."""
    before = len(TRACES)
    assert before > 0

    def other(leaf):
        return leaf * 1.01 if eqx.is_inexact_array(leaf) else leaf

    mission = jax.tree.map(other, luna.mission)
    plan = luna._replace(mission=mission)
    rows = {0: rows_of(["gyro.drift.z:1e-3@altitude=9000"] * 3)}
    fleet = fleet_with(plan, [100, 101, 102, 103], rows)
    states, first, _ = awake(plan, fleet)
    chunk(fleet, states, first + 7)
    assert len(TRACES) == before
