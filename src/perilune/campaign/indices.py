"""What an input decides together with all others: Sobol's total indices, from flights that are made for them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special, stats

SEEDS_END = 2**31
ALL_ELSE = "all else"
RESAMPLES = 200

# Responses by name [n], from draws [n, inputs] and seeds [n].
Fly = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


class Index(NamedTuple):
    """Shares of a response's variance that an input decides alone and in all, and the half widths of their 95 % intervals."""

    input: str
    first: float
    first_within: float
    total: float
    total_within: float


def total_indices(fly: Fly, names: Sequence[str], chosen: Sequence[str], samples: int = 512, seed: int = 0) -> dict[str, list[Index]]:
    """Of each response, for the chosen ones of all inputs by their names, and last for all else: the other inputs, ground and noise in flight.

    **Model** Saltelli's design and Jansen's estimator, by SALib, on the ranks of the response; all else hangs on one seed, which is a factor
    as the inputs are. `samples`, a power of two, times the factors and two more are flown.
    **Invalid when** ranks hide what is asked for: a response that jumps has its jump told by order alone.
    **Reference** A. Saltelli and others, Computer Physics Communications 181 (2010), 259.
    """
    from SALib.analyze import sobol as analysis
    from SALib.sample import sobol as design

    factors = [*chosen, ALL_ELSE]
    problem = {"num_vars": len(factors), "names": factors, "bounds": [[0.0, 1.0]] * len(factors)}
    shares = design.sample(problem, samples, calc_second_order=False, seed=seed)
    seeds = np.minimum((shares[:, -1] * SEEDS_END).astype(int), SEEDS_END - 1)
    u = np.stack([np.random.default_rng([int(each), 0x70]).standard_normal(len(names)) for each in seeds])
    places = [list(names).index(name) for name in chosen]
    u[:, places] = special.ndtri(np.clip(shares[:, :-1], 2.0**-53, 1.0 - 2.0**-53))
    told = {}
    for name, response in fly(u, seeds).items():
        found = analysis.analyze(problem, stats.rankdata(response), calc_second_order=False, num_resamples=RESAMPLES, seed=seed)
        told[name] = [
            Index(*row) for row in zip(factors, *(found[key].tolist() for key in ("S1", "S1_conf", "ST", "ST_conf")), strict=True)
        ]
    return told
