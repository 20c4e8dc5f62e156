"""Why a flight failed, in words: by the limit, by the angle, or by the hull."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import pytest

from perilune.campaign.runner import Case, reason
from perilune.scenario.load import load_lander
from perilune.scenario.outcome import cause
from perilune.sim.outcome import Outcome, undecided

FILE = load_lander("luna-24")
LIMIT_DEG = float(FILE.limits.rest_tilt_deg)
DOWN = Case(0, Outcome.TIPPED_OVER, 1.5, 0.1, 0.5, 0.0, 4.0, 30.0, 7200.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("rest_tilt_deg", "words", "told"),
    [
        (4.2, "rests on its hull", "at rest on its hull, at a tilt of 4 deg"),
        (LIMIT_DEG - 0.01, "rests on its hull", "at rest on its hull, at a tilt of 30 deg"),
        (LIMIT_DEG + 0.01, "rests beyond the tilt limit", "at rest at a tilt of 30 deg"),
        (120.0, "tipped over", "at rest at a tilt of 120 deg"),
    ],
)
def test_who_rests_otherwise_than_meant_is_told_how(rest_tilt_deg, words, told):
    verdict = eqx.tree_at(lambda verdict: verdict.end_tilt_rad, undecided(), jnp.radians(rest_tilt_deg))
    assert reason(FILE, replace(DOWN, rest_tilt_deg=rest_tilt_deg)) == words
    assert cause(Outcome.TIPPED_OVER, verdict, FILE).startswith(told)


def test_a_landing_has_no_reason():
    assert reason(FILE, replace(DOWN, outcome=Outcome.LANDED)) == ""
