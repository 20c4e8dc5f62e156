"""The hunt, on flights that are formulas."""

import math

import numpy as np
import pytest

from perilune.campaign.hunt import hunt
from perilune.campaign.inputs import Input

INPUTS = tuple(Input(f"dispersions/{name}/0", name, "percent", "normal", 0.0, 2.0) for name in ("thrust", "isp", "lag", "mass"))


def tail(beta):
    return 0.5 * math.erfc(beta / math.sqrt(2.0))


def fly(u, seeds):
    """Tips over where thrust and mass are off together, to either side (3.2 sigma), and crashes where the lag is long (3.6 sigma)."""
    tipped, crashed = np.abs(u[:, 0] + u[:, 3]) / math.sqrt(2.0) > 3.2, u[:, 2] > 3.6
    return np.where(crashed, "crashed", np.where(tipped, "tipped over", ""))


@pytest.fixture(scope="module")
def hunts():
    return [hunt(fly, INPUTS, 4000, seed) for seed in range(12)]


def test_probabilities_of_each_cause_and_of_all(hunts):
    for cause, truth in (("tipped over", 2.0 * tail(3.2)), ("crashed", tail(3.6))):
        covered = [run.by_cause[cause].interval[0] <= truth <= run.by_cause[cause].interval[1] for run in hunts]
        assert np.mean(covered) > 0.7
        assert np.mean([run.by_cause[cause].probability for run in hunts]) == pytest.approx(truth, rel=0.1)
    assert np.mean([run.whole.probability for run in hunts]) == pytest.approx(2.0 * tail(3.2) + tail(3.6), rel=0.1)


def test_it_costs_less_than_counting(hunts):
    for run in hunts:
        assert run.flights < 0.3 * run.plain_flights


def test_ways_say_which_inputs_decide(hunts):
    assert [way.cause for way in hunts[0].ways].count("tipped over") == 2
    ways = {way.cause: way for way in hunts[0].ways}
    assert ways["tipped over"].distance == pytest.approx(3.2, rel=0.15) and ways["tipped over"].share == 1.0
    assert {row["input"] for row in hunts[0].decisive(ways["tipped over"])} == {"thrust", "mass"}
    (lag,) = hunts[0].decisive(ways["crashed"])
    assert lag["input"] == "lag" and lag["value"] == pytest.approx(2.0 * 3.6, rel=0.1)


def test_what_chance_on_the_way_decides_has_no_way():
    def by_chance(u, seeds):
        return np.where(seeds % 50 == 0, "tipped over", "")

    run = hunt(by_chance, INPUTS, 2000)
    low, high = run.by_cause["tipped over"].interval
    assert low < 0.02 < high and run.ways == ()


def test_what_never_fails_is_told_with_a_bound():
    told = hunt(lambda u, seeds: np.full(len(u), ""), INPUTS, 1000).told()
    assert told["failure"]["probability"] == 0.0 and 0.0 < told["failure"]["interval"][1] < 0.01
    assert told["causes"] == [] and told["ways"] == []
