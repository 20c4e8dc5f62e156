"""Our subset simulation beside that of OpenTURNS, on cases whose probability is known in closed form: mean, spread, what intervals hold, cost.

pip install openturns
python benchmarks/subset_beside_openturns.py --runs 200 --samples 1000
"""

import argparse
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import openturns as ot

from perilune.campaign.rare import NORMAL_95, SHARE, subset_simulation

# A margin of standard normals [n, inputs]; what is not positive has failed.
Margin = Callable[[np.ndarray], np.ndarray]


class Case(NamedTuple):
    margin: Margin
    inputs: int
    truth: float


class Run(NamedTuple):
    probability: float
    low: float
    high: float
    evaluations: int


def tail(beta: float) -> float:
    return 0.5 * math.erfc(beta / math.sqrt(2.0))


CASES = {
    "plane, 50 inputs": Case(lambda u: 3.09 - u.sum(axis=1) / math.sqrt(50.0), 50, tail(3.09)),
    "plane, 20 inputs": Case(lambda u: 4.753 - u.sum(axis=1) / math.sqrt(20.0), 20, tail(4.753)),
    "two sides": Case(lambda u: 3.5 - np.abs(u[:, 0]), 5, 2.0 * tail(3.5)),
    "a circle": Case(lambda u: 4.0 - np.hypot(u[:, 0], u[:, 1]), 4, math.exp(-8.0)),
    "half of it noise": Case(lambda u: 3.0 * math.sqrt(2.0) - u[:, 0] - u[:, 3], 4, tail(3.0)),
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=200)
    words.add_argument("--samples", type=int, default=1000, help="a level")
    asked = words.parse_args()
    ot.Log.Show(ot.Log.NONE)
    print(f"{asked.runs} runs of {asked.samples} samples a level, levels of {SHARE:g}; OpenTURNS {ot.__version__}")
    for name, case in CASES.items():
        for program, run in (("Perilune", ours), ("OpenTURNS", theirs)):
            tell(name, program, case.truth, [run(case, asked.samples, seed) for seed in range(asked.runs)])


def ours(case: Case, samples: int, seed: int) -> Run:
    found = subset_simulation(lambda u, seeds: case.margin(u), case.inputs, samples, seed)
    return Run(found.probability, *found.interval, found.flights)


def theirs(case: Case, samples: int, seed: int) -> Run | None:
    """As it comes, with our share and number of samples a level."""
    ot.RandomGenerator.SetSeed(seed)
    evaluated = []

    def margins(sample) -> np.ndarray:
        u = np.asarray(sample)
        evaluated.append(len(u))
        return case.margin(u)[:, None]

    function = ot.PythonFunction(case.inputs, 1, func_sample=margins)
    drawn = ot.CompositeRandomVector(function, ot.RandomVector(ot.Normal(case.inputs)))
    algorithm = ot.SubsetSampling(ot.ThresholdEvent(drawn, ot.LessOrEqual(), 0.0))
    algorithm.setBlockSize(round(samples * SHARE))
    algorithm.setMaximumOuterSampling(round(1.0 / SHARE))
    algorithm.setConditionalProbability(SHARE)
    try:
        algorithm.run()
    except TypeError:  # "The variance estimate must be >= 0", from inside OpenTURNS 1.27
        return None
    result = algorithm.getResult()
    probability, half = result.getProbabilityEstimate(), NORMAL_95 * result.getStandardDeviation()
    return Run(probability, probability - half, probability + half, sum(evaluated))


def tell(name: str, program: str, truth: float, all_of_them: list[Run | None]) -> None:
    runs = [run for run in all_of_them if run is not None]
    none = f", {len(all_of_them) - len(runs)} runs ended in an error of its own" if len(runs) < len(all_of_them) else ""
    found = np.array([run.probability for run in runs]) / truth
    held = np.mean([run.low <= truth <= run.high for run in runs])
    cost = np.mean([run.evaluations for run in runs])
    print(
        f"{name:>17} ({truth:.3g}) {program:>9}: mean {np.mean(found):.3f} +- {np.std(found) / math.sqrt(len(runs)):.3f} of the truth, "
        f"spread {np.std(found):.2f}, intervals hold it in {100.0 * held:.0f} %, {cost:,.0f} evaluations{none}",
        flush=True,
    )


if __name__ == "__main__":
    main()
