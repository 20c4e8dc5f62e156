"""The tick in lanes beside the tick by XLA: a batch in which one lander is healthy, and each of its landers flown alone, chunk by chunk.

It has the program of a fleet with faults; one without them is its own program, less what faults do (`benchmarks/real_campaign.py` flies it).
"""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from conftest import CACHE, FAULTY_SEEDS
from flown_fleet import WIDTH, different_leaves, lander, side_by_side_awake
from perilune.lanes.calling import Library
from perilune.scenario.native import in_lanes
from perilune.scenario.shelf import Shelf
from perilune.sim import fly as sim
from perilune.sim import in_lanes as in_lanes_module
from perilune.sim.in_lanes import InLanes
from perilune.sim.outcome import Outcome

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")

# After a hundred ticks from the same state, before contact. Both round; the loop is closed, and what the sensors round to their quantum
# may fall one quantum to the other side.
POSITION_M = 1e-3
VELOCITY_M_S = 1e-3
ATTITUDE = 1e-4
PROPELLANT_KG = 1e-3


def told(line):
    raise AssertionError(f"not flown in lanes: {line}")


@pytest.fixture(scope="module")
def caller():
    return in_lanes(Shelf(CACHE / "perilune"), told)


def chunk(caller, fleet, states, tick):
    return caller(sim.fly_chunk, fleet, states, jnp.asarray(tick), sim.no_record)[0]


def distance(one, other) -> np.ndarray:
    """Of vectors by component, lander by lander."""
    return np.max(
        [np.abs(np.asarray(a) - np.asarray(b)) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)], axis=0
    )


def pairs(caller, descent):
    """Each chunk that began with a lander in flight: which were flying and untouched to its end, and the states by either way."""
    starts = [descent.awake, *descent.states[:-1]]
    for number, (start, theirs) in enumerate(zip(starts, descent.states, strict=True)):
        ours = chunk(caller, descent.fleet, start, descent.first_tick + number * sim.CHUNK_TICKS)
        aloft = (np.asarray(theirs.verdict.outcome) == Outcome.FLYING) & ~np.asarray(theirs.world.touch.ever)
        yield aloft, ours, theirs


def test_a_chunk_is_as_by_xla(caller, among_faulty):
    checked = 0
    for aloft, ours, theirs in pairs(caller, among_faulty):
        checked += int(aloft.sum())
        sound = aloft & np.isfinite(np.asarray(theirs.world.body.r_lci_m.x))
        ours_body, theirs_body = ours.world.body, theirs.world.body
        assert np.all(np.isfinite(np.asarray(ours_body.r_lci_m.x))[aloft] == sound[aloft])
        assert np.all(distance(ours_body.r_lci_m, theirs_body.r_lci_m)[sound] < POSITION_M)
        assert np.all(distance(ours_body.v_lci_m_s, theirs_body.v_lci_m_s)[sound] < VELOCITY_M_S)
        assert np.all(distance(ours_body.q_lci_body, theirs_body.q_lci_body)[sound] < ATTITUDE)
        assert np.all(distance(ours.world.propellant_kg, theirs.world.propellant_kg)[sound] < PROPELLANT_KG)
        assert np.array_equal(np.asarray(ours.mode)[sound], np.asarray(theirs.mode)[sound])
        assert np.array_equal(np.asarray(ours.faults.began_s)[aloft], np.asarray(theirs.faults.began_s)[aloft], equal_nan=True)
    assert checked > 100


def to_the_end(caller, descent, chunks=None):
    """One chunk more than XLA took: contact magnifies a rounding, and rest may come a moment later. Who is down stays as it is."""
    states = descent.awake
    for number in range((chunks or len(descent.states)) + 1):
        states = chunk(caller, descent.fleet, states, descent.first_tick + number * sim.CHUNK_TICKS)
    return states


@pytest.fixture(scope="module")
def ended(caller, among_faulty):
    return to_the_end(caller, among_faulty)


def test_the_others_touch_and_break_while_the_first_flies(among_faulty):
    """Where they could do harm, if lanes did mix."""
    touched = np.array([state.verdict.touched for state in among_faulty.states])
    assert np.any(touched[:, 1:].any(axis=1) & ~touched[:, 0])


def test_verdicts_are_as_by_xla(ended, among_faulty):
    """Where they fall within a chunk that begins aloft: contact magnifies a rounding, but not that far."""
    assert np.array_equal(np.asarray(ended.verdict.outcome), np.asarray(among_faulty.last.verdict.outcome))


def test_a_lander_does_not_depend_on_its_place(caller, luna, ended, among_faulty, faulty_rows, programs):
    """Bit for bit over the whole descent: the same batch the other way round."""
    rows = {WIDTH - 1 - place: each for place, each in faulty_rows.items()}
    turned = to_the_end(caller, side_by_side_awake(luna, FAULTY_SEEDS[::-1], rows, programs), len(among_faulty.states))
    for place in range(WIDTH):
        assert different_leaves(lander(ended, place), lander(turned, WIDTH - 1 - place)) == []
    assert np.all(np.asarray(ended.verdict.outcome) != Outcome.FLYING)


def test_a_lander_does_not_depend_on_its_company(caller, luna, ended, among_faulty, faulty_rows, programs):
    """Bit for bit over the whole descent: the first lander among others of other seeds, with the same faults."""
    others = to_the_end(caller, side_by_side_awake(luna, [0, 17, 18, 19], faulty_rows, programs), len(among_faulty.states))
    assert different_leaves(lander(ended, 0), lander(others, 0)) == []
    assert different_leaves(lander(ended, 1), lander(others, 1)) != []


def test_who_is_down_stays_as_it_is(caller, among_faulty):
    after = chunk(caller, among_faulty.fleet, among_faulty.last, among_faulty.first_tick + len(among_faulty.states) * sim.CHUNK_TICKS)
    assert different_leaves(after, among_faulty.last) == []


def test_without_a_program_and_for_the_record_xla_flies(monkeypatch, among_faulty):
    flown = []
    monkeypatch.setattr(in_lanes_module, "fly_chunk", lambda *arguments: flown.append(arguments[3]) or ("flown", None))
    caller = InLanes(lambda fleet, states: None)
    for recorder in (sim.no_record, len):
        assert caller(in_lanes_module.fly_chunk, among_faulty.fleet, among_faulty.awake, jnp.asarray(0), recorder) == ("flown", None)
    assert flown == [sim.no_record, len]


def test_a_coast_after_ticks_in_lanes_is_flown_by_a_program_that_is_kept(among_faulty):
    """States come out of lanes as numpy's arrays; programs that are kept know JAX's."""
    asked = []
    caller = InLanes(lambda fleet, states: None, lambda function, *arguments: asked.append(jax.tree.leaves(arguments)))
    caller(sim.sleep, among_faulty.fleet, jax.tree.map(np.asarray, among_faulty.last), jnp.asarray(0), jnp.asarray(100))
    assert len(asked) == 1 and all(isinstance(leaf, jax.Array) for leaf in asked[0] if eqx.is_array(leaf))


def test_threads_with_fleets_of_their_own_do_not_mix(among_faulty):
    """Each is flown with what is its own, however they take turns."""
    both, seen = threading.Barrier(2), []

    class Slow(Library):
        def __init__(self):
            pass

        def fly(self, shared, own, state, who, ticks):
            both.wait()  # the other is in here too
            seen.append((threading.get_ident(), [leaf.tobytes() for leaf in own]))

    def flown(fleet: sim.Fleet) -> int:
        for number in range(5):
            caller(in_lanes_module.fly_chunk, fleet, among_faulty.awake, jnp.asarray(number), sim.no_record)
        return threading.get_ident()

    heavier = eqx.tree_at(lambda own: own.propellant_kg, among_faulty.fleet.own, among_faulty.fleet.own.propellant_kg + 1.0)
    fleets = [among_faulty.fleet, sim.Fleet(among_faulty.fleet.shared, heavier, among_faulty.fleet.seeds)]
    caller = InLanes(lambda fleet, states: Slow())
    with ThreadPoolExecutor(2) as threads:
        whose = dict(zip(threads.map(flown, fleets), fleets, strict=True))
    assert len(seen) == 10 and len(whose) == 2
    for thread, own in seen:
        assert own == [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(eqx.filter(whose[thread].own, eqx.is_array))]
