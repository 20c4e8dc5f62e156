"""Small probabilities on cases whose answer is known in closed form."""

import math

import numpy as np
import pytest

from perilune.campaign.rare import design_point, importance_sampling, subset_simulation


def tail(beta):
    return 0.5 * math.erfc(beta / math.sqrt(2.0))


def plane(beta, inputs):
    """One direction fails."""
    direction = np.ones(inputs) / math.sqrt(inputs)
    return lambda u, seeds: beta - u @ direction


def two_sides(beta):
    """Two ways to fail, opposite to one another."""
    return lambda u, seeds: beta - np.abs(u[:, 0])


def noisy(beta, noise):
    """Part of what decides hangs on the seed."""

    def margin(u, seeds):
        drawn = np.array([np.random.default_rng(int(seed)).standard_normal() for seed in seeds])
        return beta * math.hypot(1.0, noise) - u[:, 0] - noise * drawn

    return margin


def sphere(radius):
    """Far in any of two directions: chi-square with two degrees of freedom."""
    return lambda u, seeds: radius - np.hypot(u[:, 0], u[:, 1])


CASES = {
    "1e-3 of 50 inputs": (plane(3.09, 50), 50, tail(3.09)),
    "1e-6 of 20 inputs": (plane(4.753, 20), 20, tail(4.753)),
    "two sides": (two_sides(3.5), 5, 2.0 * tail(3.5)),
    "noise on the way": (noisy(3.0, 1.0), 3, tail(3.0)),
    "a circle": (sphere(4.0), 4, math.exp(-8.0)),
}
# Of 95 % intervals; 60 runs tell 0.95 to 0.03, and levels are not quite independent.
RUNS, COVERED_MIN = 60, 0.85


@pytest.mark.parametrize("name", CASES)
def test_intervals_of_subset_simulation_hold_the_truth(name):
    margin, inputs, truth = CASES[name]
    runs = [subset_simulation(margin, inputs, samples=500, seed=seed) for seed in range(RUNS if "noise" not in name else RUNS // 3)]
    covered = np.mean([run.interval[0] <= truth <= run.interval[1] for run in runs])
    mean = np.mean([run.probability for run in runs])
    spread = np.std([run.probability for run in runs]) / math.sqrt(len(runs))
    print(f"{name}: truth {truth:.3g}, mean {mean:.3g} +- {spread:.2g}, covered {covered:.2f}, told {np.mean([r.error for r in runs]):.2f}")
    assert covered >= COVERED_MIN
    assert abs(mean - truth) < 4.0 * spread
    assert all(np.all(run.failed.margins <= 0.0) for run in runs)


def test_cost_grows_with_the_logarithm():
    flights = [subset_simulation(plane(beta, 10), 10, samples=500, seed=1).flights for beta in (2.33, 3.72, 4.75)]
    assert flights[0] < 1500 and flights[1] < 2500 and flights[2] < 3500


def test_what_never_fails_has_no_probability():
    run = subset_simulation(lambda u, seeds: np.exp(u[:, 0]), 3, samples=200, levels_max=3)
    assert run.probability == 0.0 and len(run.failed.u) == 0


def test_importance_sampling_about_the_design_point():
    margin, inputs, truth = CASES["1e-6 of 20 inputs"]
    start = 6.0 * np.ones(inputs) / math.sqrt(inputs) + 0.3 * np.random.default_rng(0).standard_normal(inputs)
    point = design_point(margin, start, seed=0)
    assert point.distance == pytest.approx(4.753, abs=1e-3)
    assert point.shares == pytest.approx(np.full(inputs, 1.0 / inputs), abs=1e-3)
    runs = [importance_sampling(margin, point.u[None], 2000, seed) for seed in range(RUNS)]
    assert np.mean([run.interval[0] <= truth <= run.interval[1] for run in runs]) >= COVERED_MIN
    assert np.mean([run.error for run in runs]) < 0.1


def test_importance_sampling_of_two_ways_to_fail():
    margin, _, truth = CASES["two sides"]
    centres = np.array([[3.5, 0.0, 0.0, 0.0, 0.0], [-3.5, 0.0, 0.0, 0.0, 0.0]])
    runs = [importance_sampling(margin, centres, 1000, seed) for seed in range(RUNS)]
    assert np.mean([run.interval[0] <= truth <= run.interval[1] for run in runs]) >= COVERED_MIN
    assert np.mean([run.error for run in runs]) < 0.1


def test_a_design_point_of_a_margin_that_bends():
    """The nearest point of a parabola, found by hand: u2 = 3 + u1^2 / 2 is nearest to the origin at (0, 3)."""
    point = design_point(lambda u, seeds: 3.0 + 0.5 * u[:, 0] ** 2 - u[:, 1], np.array([1.0, 5.0]), seed=0)
    assert point.u == pytest.approx([0.0, 3.0], abs=0.05)
    assert point.margin <= 0.0


def test_a_margin_that_jumps_leads_to_the_edge_along_the_inputs_that_matter():
    start = np.concatenate([[3.0, 2.5], 0.7 * np.ones(30)])
    point = design_point(lambda u, seeds: np.where(u[:, 0] + u[:, 1] > 4.0, -1.0, 1.0), start, seed=0)
    assert math.hypot(2.0, 2.0) < point.distance < 1.1 * math.hypot(2.0, 2.0)
    assert np.all(point.u[2:] == 0.0)
