"""Intervals cover as often as they say; tests and indices give known answers."""

import warnings

import numpy as np
import pytest
from scipy import stats

from perilune.campaign.answers import SOBOL_SCREENED_MIN, first_order, rank_correlations
from perilune.campaign.design import _sobol
from perilune.campaign.indices import ALL_ELSE, total_indices
from perilune.campaign.statistics import CONFIDENCE, ellipse_of, paired, quantile, wilson_interval

TRIALS = 2000
# Five standard errors of a share of 95 % counted in so many trials.
COUNTED = 5.0 * (0.95 * 0.05 / TRIALS) ** 0.5


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.97, 0.99, 0.999])
@pytest.mark.parametrize("cases", [100, 1000, 10_000])
def test_the_interval_of_a_probability_covers(probability, cases):
    """Summed over all counts, without chance. Wilson's swings about 95 %; where fewer than one flight in a campaign fails it may be low."""
    counts = np.arange(cases + 1)
    weights = stats.binom.pmf(counts, cases, probability)
    ends = np.array([wilson_interval(int(count), cases) for count in counts[weights > 1e-12]])
    covered = float(np.sum(weights[weights > 1e-12] * ((ends[:, 0] <= probability) & (probability <= ends[:, 1]))))
    assert covered > (0.93 if cases * (1.0 - probability) > 3.0 else 0.90)


def stopped(rng, probability: float, width: float, chunk: int) -> tuple[int, int]:
    """A campaign that stops at the end of the first chunk at which its interval is narrow enough."""
    cases = landed = 0
    while True:
        cases, landed = cases + chunk, landed + int(rng.binomial(chunk, probability))
        low, high = wilson_interval(landed, cases)
        if high - low <= width:
            return landed, cases


@pytest.mark.parametrize(("probability", "width"), [(0.97, 0.02), (0.6, 0.1)])
def test_the_interval_covers_when_its_width_decides_when_to_stop(probability, width):
    """Looking at each chunk whether it is enough costs a little: less than two points of coverage."""
    rng = np.random.default_rng(11)
    held = [low <= probability <= high for low, high in (wilson_interval(*stopped(rng, probability, width, 64)) for _ in range(TRIALS))]
    assert np.mean(held) > CONFIDENCE - 0.02 - COUNTED


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_the_interval_of_a_quantile_covers_whatever_the_law(share):
    rng = np.random.default_rng(7)
    true = float(stats.lognorm.ppf(share, 1.5))
    held = 0
    for _ in range(TRIALS):
        found = quantile(np.sort(rng.lognormal(0.0, 1.5, size=600)), share)
        held += (found.low is None or found.low <= true) and (found.high is None or true <= found.high)
    assert held / TRIALS > CONFIDENCE - COUNTED


def test_a_quantile_that_few_values_cannot_bound_says_so():
    found = quantile(np.arange(50.0), 0.99)
    assert found.high is None and found.low is not None


def test_paired_flights_by_hand():
    """Of 100 pairs 10 only the first landed and 2 only the second: McNemar's exact p is 2 * (1 + 12 + 66) / 4096."""
    first = np.array([True] * 80 + [True] * 10 + [False] * 2 + [False] * 8)
    second = np.array([True] * 80 + [False] * 10 + [True] * 2 + [False] * 8)
    told = paired(first, second)
    assert (told.both, told.only_first, told.only_second, told.neither) == (80, 10, 2, 8)
    assert told.p_value == pytest.approx(2.0 * (1 + 12 + 66) / 4096.0)
    assert told.change == pytest.approx(-0.08) and told.low < -0.08 < told.high < 0.0
    assert paired(first, first).p_value == 1.0


def test_the_interval_of_a_paired_change_covers():
    rng, shares = np.random.default_rng(3), (0.90, 0.06, 0.02, 0.02)
    held = 0
    for _ in range(TRIALS):
        cell = rng.choice(4, size=300, p=shares)
        told = paired(cell <= 1, (cell == 0) | (cell == 2))
        held += told.low <= shares[2] - shares[1] <= told.high
    assert held / TRIALS > CONFIDENCE - COUNTED


def test_an_ellipse_that_is_known():
    """Axes of 300 and 100 m, the major one turned 30 degrees from north towards east: four places at their ends."""
    azimuth = np.radians(30.0)
    ends = np.array([[300.0, 0.0], [-300.0, 0.0], [0.0, 100.0], [0.0, -100.0]])
    east = 50.0 + ends[:, 0] * np.sin(azimuth) + ends[:, 1] * np.cos(azimuth)
    north = -20.0 + ends[:, 0] * np.cos(azimuth) - ends[:, 1] * np.sin(azimuth)
    told = ellipse_of(east, north)
    assert (told.east_m, told.north_m, told.azimuth_deg) == pytest.approx((50.0, -20.0, 30.0))
    assert told.major_m / told.minor_m == pytest.approx(3.0)
    assert told.half_axes_m(0.95)[0] == pytest.approx(told.major_m * 5.991464547**0.5)


CASES = 8000
# First-order indices of the Ishigami function with a = 7, b = 0.1, which are known in closed form.
ISHIGAMI = (0.3139, 0.4424, 0.0)
# What random balance designs scatter at so many cases, and what they are too high by: SALib's own correction leaves about M / n.
INDEX = 0.03


def test_indices_of_the_ishigami_function():
    values = np.random.default_rng(1).uniform(-np.pi, np.pi, size=(CASES, 3))
    x, y, z = values.T
    index, within = first_order(values, np.sin(x) + 7.0 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x))
    assert np.all(np.abs(index - ISHIGAMI) < INDEX)
    assert np.all(within < INDEX)


def columns_tied_beyond_chance(cases: int, inputs: int = 103) -> int:
    """Of a Sobol sequence: pairs whose correlation would come by chance, with independent columns, once in twenty such sequences."""
    correlations = np.corrcoef(_sobol(7, inputs, 0, cases).T)[np.triu_indices(inputs, 1)]
    return int(np.sum(np.abs(correlations) > stats.norm.isf(0.025 / len(correlations)) / np.sqrt(cases - 1.0)))


def test_a_sobol_sequence_ties_no_inputs_to_each_other_where_they_are_told_of():
    assert columns_tied_beyond_chance(64) > 10
    assert columns_tied_beyond_chance(SOBOL_SCREENED_MIN) == 0


def test_of_few_failures_the_interval_of_an_index_is_not_told_and_nothing_is_warned_of():
    values = np.random.default_rng(0).standard_normal((100, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        index, within = first_order(values, (values[:, 0] > 2.2).astype(float))
    assert index.shape == within.shape == (5,)
    assert np.all(np.isnan(within))


def test_total_indices_tell_what_inputs_do_together():
    """In a product neither decides anything alone. What is not chosen, inputs and noise, is one factor."""

    def fly(u, seeds):
        noise = np.array([np.random.default_rng(int(seed)).standard_normal() for seed in seeds])
        return {"sum": u[:, 0] + 0.5 * u[:, 3] + 0.5 * noise, "product": u[:, 0] * u[:, 1]}

    told = total_indices(fly, ["a", "b", "c", "d"], ["a", "b"], samples=1024)
    a, b, other = told["product"]
    assert [each.input for each in told["product"]] == ["a", "b", ALL_ELSE]
    assert a.first == pytest.approx(0.0, abs=0.1) and b.first == pytest.approx(0.0, abs=0.1)
    assert a.total == pytest.approx(1.0, abs=0.1) and b.total == pytest.approx(1.0, abs=0.1) and other.total == pytest.approx(0.0, abs=0.02)
    # Of a sum of normal numbers ranks keep the shares but for a few hundredths: 1 of 1.5, nothing, and 0.5 of 1.5.
    a, b, other = told["sum"]
    assert a.total == pytest.approx(2.0 / 3.0, abs=0.1) and b.total == 0.0 and other.total == pytest.approx(1.0 / 3.0, abs=0.1)


def test_rank_correlations_are_spearmans():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(400, 3))
    values[:, 2] = 1.0
    response = np.exp(values[:, 0]) + 0.1 * rng.normal(size=400)
    some = response > 0.5
    among = ((np.ones(400, dtype=bool), stats.rankdata(response)), (some, stats.rankdata(response[some])))
    for place in (0, 1):
        column = values[:, place]
        asked = [stats.spearmanr(column[rows], response[rows]).statistic for rows in (slice(None), some)]  # type: ignore[attr-defined]
        assert rank_correlations(column, among) == pytest.approx(asked)
    assert rank_correlations(values[:, 2], among) == [0.0, 0.0]
