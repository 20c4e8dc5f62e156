"""Where the numbers of each case come from: chance, a Latin hypercube, or a Sobol sequence."""

from functools import lru_cache

import numpy as np
from scipy import special
from scipy.stats import qmc

from perilune.campaign.asked import Asked
from perilune.campaign.inputs import Input, drawn, named

# Two to the 31 over the golden section: campaigns of different seeds lie far apart among the seeds of flights.
APART = 1_327_217_885
SEEDS = 2**31


def flight_seeds(seed: int, first: int, count: int) -> np.ndarray:
    """Seeds of the flights of a campaign. Of campaign 0, case i is the flight of seed i; those of others are a turn on."""
    return (seed * APART + np.arange(first, first + count)) % SEEDS


def standard(asked: Asked, inputs: tuple[Input, ...], first: int, count: int, tick: int) -> np.ndarray:
    """Independent standard normal numbers [case, input]; of `random` those that the flights would draw by themselves."""
    if asked.design == "random":
        return drawn(inputs, flight_seeds(asked.seed, first, count), tick)
    shares = _sobol(asked.seed, len(inputs), first, count) if asked.design == "sobol" else _latin(asked, len(inputs), first, count)
    return special.ndtri(shares)


def vectors(asked: Asked, inputs: tuple[Input, ...], first: int, count: int, tick: int) -> tuple[np.ndarray, bool]:
    """What each case is given [case, input] in standard normal space, and whether it must be given: else flights draw it themselves."""
    numbers = standard(asked, inputs, first, count, tick)
    for group in asked.correlated:
        places = [named(inputs, name) for name in group.inputs]
        numbers[:, places] = numbers[:, places] @ group.factor().T
    for name, law in asked.inputs.items():
        place = named(inputs, name)
        numbers[:, place] = inputs[place].standard(law.values(numbers[:, place]))
    return numbers, bool(asked.design != "random" or asked.correlated or asked.inputs)


def _sobol(seed: int, inputs: int, first: int, count: int) -> np.ndarray:
    """Scrambled, so that no point is at the edge; from case `first` on."""
    sequence = qmc.Sobol(inputs, scramble=True, rng=np.random.default_rng([seed, 0x50B0]))
    if first:
        sequence.fast_forward(first)
    # Drawn in powers of two, as the sequence likes it; what is too much is left.
    return _inside(sequence.random(1 << (count - 1).bit_length())[:count])


def _latin(asked: Asked, inputs: int, first: int, count: int) -> np.ndarray:
    """One case in each of as many strata as there are cases, for each input."""
    places = _strata(asked.seed, inputs, asked.cases)[first : first + count]
    within = np.stack([np.random.default_rng([asked.seed, 0x1A72, first + case]).random(inputs) for case in range(count)])
    return _inside((places + within) / asked.cases)


@lru_cache(maxsize=2)
def _strata(seed: int, inputs: int, cases: int) -> np.ndarray:
    """An order of the strata for each input: four bytes a case and input."""
    return np.stack([np.random.default_rng([seed, 0x1A71, place]).permutation(cases).astype(np.int32) for place in range(inputs)], axis=1)


def _inside(shares: np.ndarray) -> np.ndarray:
    """Away from the ends, where a normal number is endless."""
    return np.clip(shares, 2.0**-53, 1.0 - 2.0**-53)
