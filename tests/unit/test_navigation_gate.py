"""Gates: what passes, what is remembered, and what three policies make of an altimeter that jumps by three kilometres."""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.fsw.navigation.gate import GateMemory, GatePolicy, judge, open_memory, remember

sys.path.append(str(Path(__file__).parents[1] / "consistency"))
from navigation_case import flown_descent, level_ground, navigation_filter, readings, value

from perilune.math.random import stream_of_seed

NEVER = np.inf
JUMP_M = 3000.0


def policy(sigmas=NEVER, limit=NEVER, readmit=NEVER, give_up=NEVER) -> GatePolicy:
    return GatePolicy(value(sigmas), value(limit), value(readmit), value(give_up))


@pytest.mark.parametrize(
    ("given", "innovation", "used"),
    [
        (policy(sigmas=3.0), 5.9, True),
        (policy(sigmas=3.0), -6.1, False),
        (policy(limit=1000.0), 999.0, True),
        (policy(limit=1000.0), -1001.0, False),
        (policy(), 1e9, True),
        (policy(), np.nan, False),
    ],
)
def test_thresholds(given, innovation, used):
    assert bool(judge(given, open_memory(), value(innovation), value(4.0), jnp.asarray(True))) is used


def test_a_stale_reading_is_never_used_and_leaves_the_memory():
    memory = GateMemory(value(2.0), jnp.asarray(False))
    assert not judge(policy(), memory, value(0.0), value(1.0), jnp.asarray(False))
    assert remember(policy(), memory, used=jnp.asarray(False), fresh=jnp.asarray(False)).rejected_in_a_row == 2.0


def test_memory_counts_and_gives_up():
    given, memory = policy(give_up=2.0), open_memory()
    heard, refused = jnp.asarray(True), jnp.asarray(False)
    memory = remember(given, memory, refused, heard)
    assert memory.rejected_in_a_row == 1.0 and not memory.given_up
    memory = remember(given, remember(given, memory, heard, heard), refused, heard)
    assert memory.rejected_in_a_row == 1.0 and not memory.given_up
    memory = remember(given, memory, refused, heard)
    assert memory.given_up
    assert not judge(given, memory, value(0.0), value(1.0), heard)


def altimeter_story(given: GatePolicy, jumps: list[bool]):
    """Updates of a filter whose altimeter jumps when told so; everything else is silent and the truth is in the estimate."""
    nav_filter = navigation_filter(gate=given)
    truth = jax.tree.map(lambda leaf: leaf[0], flown_descent()[1])
    P = jnp.diag(jnp.asarray([100.0, 100.0, 100.0, 0.1, 0.1, 0.1])) ** 2
    state = nav_filter.init(truth.r_lci_m, truth.v_lci_m_s, truth.q_lci_body, P, value(1e-4), value(0.0))
    seen = readings(nav_filter, truth, level_ground(0.0), value(0.0), stream_of_seed(1))
    mute = (seen.star_tracker.valid, seen.velocimeter.valid)
    seen = eqx.tree_at(lambda m: (m.star_tracker.valid, m.velocimeter.valid), seen, jax.tree.map(jnp.zeros_like, mute))
    update = eqx.filter_jit(nav_filter.update)
    story = []
    for jump in jumps:
        fault = eqx.tree_at(lambda m: m.altimeter.range_m, seen, seen.altimeter.range_m + JUMP_M * jump)
        state = update(state, fault)
        story.append((bool(state.reports.altimeter.used), float(state.nav.sounded_m), float(state.reports.altimeter.innovation)))
    return story


def test_rejecting_this_reading_only():
    used = [one[0] for one in altimeter_story(policy(sigmas=5.0), [False, True, True, True, False])]
    assert used == [True, False, False, False, True]


def test_readmission_puts_the_jump_into_the_terrain():
    """The fourth reading is let in; the terrain takes nearly all of it, and what follows passes again."""
    story = altimeter_story(policy(sigmas=5.0, readmit=3.0), [False] + [True] * 6)
    assert [one[0] for one in story] == [True, False, False, False, True, True, True]
    assert story[3][2] > 0.9 * JUMP_M
    assert abs(story[5][2]) < 0.1 * JUMP_M
    # Range grows when the ground falls away; along a slant beam by more than the ground falls.
    assert -JUMP_M < story[-1][1] < -0.5 * JUMP_M


def test_rejecting_for_good_loses_the_altimeter():
    """The policy that Hakuto-R Mission 1 is told to have flown: good readings are refused too, for ever."""
    used = [one[0] for one in altimeter_story(policy(limit=1000.0, give_up=2.0), [False, True, True, False, False, False])]
    assert used == [True, False, False, False, False, False]
