"""A lander's flight is its own: its batch-mates, their faults and their order do not move it by a bit, at one batch width."""

import numpy as np

from flown_fleet import WIDTH, different_leaves, lander
from perilune.sim.outcome import Outcome


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
