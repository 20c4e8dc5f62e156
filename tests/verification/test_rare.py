"""Small probabilities on cases whose answer is known in closed form."""

import math

import numpy as np
import pytest

from perilune.campaign.rare import Samples, Widened, directions_of, importance_sampling, subset_simulation, weighed


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
# Error told, over that of as many plain flights: half of what decides may be noise, along which nothing is widened.
OF_PLAIN = 0.8


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


def sampled_directions(margin, inputs, spread, seed=0, flights=1000):
    """As the hunt finds them."""
    draw = np.random.default_rng(seed)
    u = spread * draw.standard_normal((flights, inputs))
    return directions_of(u[margin(u, draw.integers(0, 2**31, flights)) <= 0.0], spread)


@pytest.mark.parametrize("name", ["two sides", "a circle", "noise on the way"])
def test_importance_sampling_along_directions_that_were_found(name):
    margin, inputs, truth = CASES[name]
    few = RUNS if "noise" not in name else RUNS // 3
    found = [way for seed in range(few) if (way := sampled_directions(margin, inputs, 2.0, seed)) is not None]
    assert len(found) == few
    runs = [importance_sampling(margin, [way], inputs, 3000, seed) for seed, way in enumerate(found)]
    spread_of_runs = np.std([run.probability for run in runs]) / math.sqrt(few)
    covered = np.mean([run.interval[0] <= truth <= run.interval[1] for run in runs])
    print(f"{name}: mean {np.mean([run.probability for run in runs]) / truth:.3f} of the truth, covered {covered:.2f}")
    assert covered >= COVERED_MIN
    assert abs(np.mean([run.probability for run in runs]) - truth) < 4.0 * spread_of_runs
    assert np.mean([run.error for run in runs]) < OF_PLAIN * math.sqrt(1.0 / (3000 * truth))


def test_one_in_a_million_along_a_direction_that_is_known():
    margin, inputs, truth = CASES["1e-6 of 20 inputs"]
    way = Widened(np.ones((inputs, 1)) / math.sqrt(inputs), np.array([4.0]))
    runs = [importance_sampling(margin, [way], inputs, 2000, seed) for seed in range(RUNS)]
    assert np.mean([run.interval[0] <= truth <= run.interval[1] for run in runs]) >= COVERED_MIN
    assert np.mean([run.error for run in runs]) < 0.3


def test_directions_are_those_of_the_inputs_that_matter():
    """Of 103 inputs four make two torques; failures lie on a circle of these."""
    axes = np.zeros((103, 2))
    axes[(3, 7), 0], axes[(20, 50), 1] = (0.8, 0.6), (0.8, 0.6)

    def margin(u, seeds):
        return 3.5 - np.hypot(*(u @ axes).T)

    ways = [sampled_directions(margin, 103, 1.5, seed, 1000) for seed in range(10)]
    held = [np.linalg.svd(way.directions.T @ axes)[1].min() for way in ways if way is not None]
    # Of a torque whose lesser input was not seen, 0.8 is held.
    assert len(held) == 10 and min(held) > 0.75 and np.mean(held) > 0.9
    assert all(way.directions.shape[1] <= 4 for way in ways if way is not None)  # by chance more than two, at times


def test_where_no_input_matters_there_are_no_directions():
    draw = np.random.default_rng(0)
    found = [directions_of(1.5 * draw.standard_normal((30, 103)), 1.5) for _ in range(50)]
    assert sum(way is not None for way in found) <= 5  # 0.02 of 50, and one direction of 103


def test_densities_of_widened_draws():
    """Over many draws the weights of a widened law have a mean of one, and so has any moment weighed by them."""
    way = Widened(np.array([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0]]), np.array([2.0, 1.5]))
    u = way.draws(np.random.default_rng(0).standard_normal((400_000, 3)))
    weight = 1.0 / way.density(u)
    assert np.mean(weight) == pytest.approx(1.0, abs=0.01)
    assert np.mean(weight[:, None] * u**2, axis=0) == pytest.approx([1.0, 1.0, 1.0], abs=0.02)


def test_one_failure_of_small_weight_is_no_interval():
    """Of 6,000, half of them plain, one failed, far out: others, of which the plain ones would have met none, may be much more frequent."""
    told = weighed(Samples(np.zeros((1, 2)), np.zeros(1), -np.ones(1)), np.array([0.01]), 6000)
    assert told.interval[0] < told.probability == 0.01 / 6000 and told.interval[1] == pytest.approx(-math.log(0.025) / 3000.0)
