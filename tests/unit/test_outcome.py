"""What became of a lander, from made-up states: one row of each batch is one story."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flown_fleet import different_leaves, lander
from perilune.constants import RADIUS_MOON_M
from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import vec3
from perilune.moon.terrain import level_terrain
from perilune.sim.outcome import Limits, Outcome, Verdict, undecided
from perilune.world.plant import WorldState

TICK_S = 0.1
PROPELLANT_KG = 42.0
UP = vec3((1.0, 0.0, 0.0))  # the lander stands at zero latitude and longitude
LIMITS = Limits(
    vertical_m_s=jnp.asarray(3.0),
    horizontal_m_s=jnp.asarray(1.0),
    tilt_rad=jnp.asarray(math.radians(15.0)),
    slope_rad=jnp.asarray(math.radians(15.0)),
    rest_tilt_rad=jnp.asarray(math.radians(30.0)),
    footprint_m=jnp.asarray(3.0),
    rest_speed_m_s=jnp.asarray(0.05),
    rest_rate_rad_s=jnp.asarray(0.01),
    rest_s=jnp.asarray(2.0),
)
GROUND = level_terrain(0.0)


@pytest.fixture(scope="module")
def nowhere(luna) -> WorldState:
    """A world state of zeros."""
    mission = luna.mission
    shapes = eqx.filter_eval_shape(lambda: mission.world.init(mission.start, mission.propellant_kg, _stream(), jnp.asarray(0)))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def _stream():
    from perilune.math.random import stream_of_seed

    return stream_of_seed(0)


def state(nowhere, down_m_s=0.0, sideways_m_s=0.0, tilt_deg=0.0, rate_rad_s=0.0, touched=False, hull=False) -> WorldState:
    """On the ground below the site, moving as told."""
    r_m = UP * (RADIUS_MOON_M + 1.3)
    upright = from_rotation_vector(vec3((0.0, math.pi / 2.0 + math.radians(tilt_deg), 0.0)), "lfme", "body")  # +z body is up
    changed = {
        "r": r_m,
        "q": eqx.tree_at(lambda q: q.w, nowhere.body.q_lci_body, jnp.asarray(1.0)),
        "propellant": jnp.asarray(PROPELLANT_KG),
        "seen_r": r_m,
        "v": UP * -down_m_s + vec3((0.0, sideways_m_s, 0.0)),
        "q_seen": upright,
        "rate": vec3((rate_rad_s, 0.0, 0.0)),
        "touch": jnp.asarray(touched),
        "hull": jnp.asarray(hull),
        "dt": jnp.asarray(TICK_S),
    }
    return eqx.tree_at(
        lambda s: (
            s.body.r_lci_m,
            s.body.q_lci_body,
            s.propellant_kg,
            s.seen.r_lfme_m,
            s.seen.v_lfme_in_lfme_m_s,
            s.seen.q_lfme_body,
            s.seen.omega_body_lci_rad_s,
            s.touch.ever,
            s.touch.hull,
            s.increments.dt_s,
        ),
        nowhere,
        tuple(changed.values()),
    )


@eqx.filter_jit
def _told(stories: WorldState) -> Verdict:
    """Verdicts along stories: batch first, then time; the first state is before the first tick."""

    def one(story):
        def tick(verdict, number):
            before, after = (jax.tree.map(lambda leaf, at=at: leaf[at], story) for at in (number, number + 1))
            verdict = verdict.latched(before, after, (GROUND, LIMITS), (number + 1) * TICK_S)
            return verdict, verdict

        ticks = jax.tree.leaves(story)[0].shape[0] - 1
        return jax.lax.scan(tick, undecided(), jnp.arange(ticks))[1]

    return jax.vmap(one, axis_name="landers")(stories)


TICKS = 60
REST_TICKS = round(float(LIMITS.rest_s) / TICK_S)


def told(*stories: list[WorldState]) -> Verdict:
    """A story's last state goes on to the end of time."""
    full = [story + [story[-1]] * (TICKS + 1 - len(story)) for story in (*stories, *[stories[0]] * (4 - len(stories)))]
    rows = [jax.tree.map(lambda *leaves: jnp.stack(leaves), *story) for story in full]
    return jax.tree.map(np.asarray, _told(jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)))


def ends(verdicts: Verdict) -> list[Outcome]:
    return [Outcome(int(outcome)) for outcome in verdicts.outcome[:, -1]]


def approach(nowhere, **motion) -> list[WorldState]:
    """Ten ticks of falling, then contact at the motion of the last of them."""
    return [state(nowhere, **motion)] * 10 + [state(nowhere, touched=True, **motion)]


def test_a_soft_upright_touch_that_comes_to_rest_is_a_landing_after_the_rest_time(nowhere):
    verdict = told([*approach(nowhere, down_m_s=1.5), state(nowhere, touched=True)])
    assert ends(verdict)[0] is Outcome.LANDED
    landed = int(np.argmax(verdict.outcome[0] == Outcome.LANDED))
    assert verdict.end_met_s[0, -1] == pytest.approx((landed + 1) * TICK_S)
    # Quiet from the tick after contact on.
    assert landed - 10 == pytest.approx(REST_TICKS, abs=1)


@pytest.mark.parametrize("motion", [{"down_m_s": 3.01}, {"sideways_m_s": 1.01, "down_m_s": 1.0}, {"tilt_deg": 15.1, "down_m_s": 1.0}])
def test_contact_beyond_any_limit_is_a_crash_at_once_and_for_good(nowhere, motion):
    verdict = told([*approach(nowhere, **motion), state(nowhere, touched=True)])
    assert ends(verdict)[0] is Outcome.CRASHED
    assert verdict.outcome[0, 8] == Outcome.FLYING
    assert verdict.outcome[0, 9] == Outcome.CRASHED


@pytest.mark.parametrize("motion", [{"down_m_s": 2.99}, {"sideways_m_s": 0.99, "down_m_s": 1.0}, {"tilt_deg": 14.9, "down_m_s": 1.0}])
def test_contact_just_within_the_limits_is_none(nowhere, motion):
    assert ends(told([*approach(nowhere, **motion), state(nowhere, touched=True)]))[0] is Outcome.LANDED


def test_at_rest_on_its_side_it_has_tipped_over(nowhere):
    verdict = told([*approach(nowhere, down_m_s=1.0), state(nowhere, touched=True, tilt_deg=80.0)])
    assert ends(verdict)[0] is Outcome.TIPPED_OVER
    assert math.degrees(verdict.end_tilt_rad[0, -1]) == pytest.approx(80.0)


def test_at_rest_on_its_legs_on_a_slope_it_has_landed_but_not_on_its_hull(nowhere):
    leaning = [*approach(nowhere, down_m_s=1.0), state(nowhere, touched=True, tilt_deg=29.0)]
    on_the_bell = [*approach(nowhere, down_m_s=1.0), state(nowhere, touched=True, hull=True)]
    assert ends(told(leaning, on_the_bell))[:2] == [Outcome.LANDED, Outcome.TIPPED_OVER]


def test_nothing_is_decided_while_it_moves_turns_or_flies(nowhere):
    still_up = [state(nowhere, down_m_s=0.0)]
    sliding = [*approach(nowhere, down_m_s=1.0), state(nowhere, touched=True, sideways_m_s=0.06)]
    rocking = [*approach(nowhere, down_m_s=1.0), state(nowhere, touched=True, rate_rad_s=0.02)]
    assert ends(told(still_up, sliding, rocking))[:3] == [Outcome.FLYING] * 3


def test_a_hop_starts_the_rest_time_anew(nowhere):
    quiet, moving = state(nowhere, touched=True), state(nowhere, touched=True, down_m_s=-0.3)
    verdict = told([*approach(nowhere, down_m_s=1.0), *[quiet] * (REST_TICKS - 2), moving, *[quiet] * (REST_TICKS - 2), moving])
    assert ends(verdict)[0] is Outcome.FLYING


def test_contact_is_the_first_touch_with_the_speeds_just_before_it(nowhere):
    first = approach(nowhere, down_m_s=2.0, sideways_m_s=0.5, tilt_deg=5.0)
    again = [state(nowhere, down_m_s=0.5), state(nowhere, touched=True, down_m_s=9.0, sideways_m_s=9.0)]
    contact = jax.tree.map(lambda leaf: leaf[0, -1], told(first + again + [state(nowhere, touched=True)])).contact
    assert contact.met_s == pytest.approx(10 * TICK_S)
    assert contact.vertical_m_s == pytest.approx(2.0)
    assert contact.horizontal_m_s == pytest.approx(0.5)
    assert math.degrees(contact.tilt_rad) == pytest.approx(5.0)
    assert contact.slope_rad == pytest.approx(0.0, abs=1e-6)
    assert contact.propellant_kg == PROPELLANT_KG


def test_a_verdict_does_not_change_any_more(nowhere):
    landed = [*approach(nowhere, down_m_s=1.0), *[state(nowhere, touched=True)] * (REST_TICKS + 3)]
    after = [state(nowhere, touched=True, tilt_deg=90.0), eqx.tree_at(lambda s: s.propellant_kg, landed[-1], jnp.asarray(jnp.nan))]
    verdict = told(landed + after)
    assert ends(verdict)[0] is Outcome.LANDED
    decided = int(np.argmax(verdict.outcome[0] != Outcome.FLYING))
    assert len(set(verdict.end_met_s[0, decided:].tolist())) == 1
    assert len(set(verdict.end_tilt_rad[0, decided:].tolist())) == 1


def test_what_is_not_a_number_is_numerical_in_its_own_row(nowhere):
    good = [*approach(nowhere, down_m_s=1.0), state(nowhere, touched=True)]
    bad = [*good[:5], eqx.tree_at(lambda s: s.body.r_lci_m.x, good[4], jnp.asarray(jnp.nan))]
    hard = [*approach(nowhere, down_m_s=20.0), state(nowhere, touched=True)]
    verdict = told(good, bad, hard, good)
    assert ends(verdict) == [Outcome.LANDED, Outcome.NUMERICAL, Outcome.CRASHED, Outcome.LANDED]
    assert verdict.outcome[1, 3] == Outcome.FLYING and verdict.outcome[1, 4] == Outcome.NUMERICAL
    assert different_leaves(lander(verdict, 0), lander(verdict, 3)) == []
    assert different_leaves(lander(told(good), 0), lander(verdict, 0)) == []
