"""The hunt for rare failures: how likely each is, and the likeliest way to it.

Where flights rarely fail, plain ones say little. So chance is widened, first not at all, then step by step, until enough flights fail of each
cause; among these, the inputs that decide show the directions in which failures lie; and of the flights that are counted, half are plain and
half are drawn wider along these directions only, each with the weight that makes the count right.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from perilune.campaign.inputs import Input
from perilune.campaign.rare import SEEDS_END, Rare, Samples, Widened, directions_of, mixture, weighed, weights

# Spreads of chance that are tried, as multiples of the mission file's.
WIDENED = (1.0, 1.5, 2.0, 3.0)
# So many failures of a cause tell the inputs that decide.
ENOUGH = 20
# Failures may lie on several sides of the nominal. Of each side so many are looked at, each flown with so many seeds and all else nominal.
WAYS_PER_CAUSE, LOOKED_AT, SEEDS_EACH = 4, 32, 8
SHOWN = 6

# From draws [n, inputs] and seeds [n], why each flight failed; empty for one that landed.
Fly = Callable[[np.ndarray, np.ndarray], np.ndarray]
Watch = Callable[[str], None]


class Way(NamedTuple):
    """The likeliest draws from which most flights fail for a cause: where they lie, and the share that fails."""

    cause: str
    u: np.ndarray
    share: float

    @property
    def distance(self) -> float:
        """In standard deviations, from the nominal."""
        return float(np.linalg.norm(self.u))

    @property
    def shares(self) -> np.ndarray:
        """Of each input in the square of the distance."""
        return self.u**2 / float(self.u @ self.u)


@dataclass(frozen=True)
class Hunt:
    """What was found: the probability of any failure, of each cause, and ways to them."""

    inputs: tuple[Input, ...]
    whole: Rare
    by_cause: dict[str, Rare]
    ways: tuple[Way, ...]
    flights: int

    @property
    def plain_flights(self) -> float:
        """So many plain flights would tell the whole probability as well."""
        p, error = self.whole.probability, self.whole.error
        return (1.0 - p) / (p * error**2) if p > 0.0 else math.nan

    def told(self) -> dict[str, Any]:
        """As `result.json` has it."""
        return {
            "schema": 1,
            "flights": self.flights,
            "plain_flights_for_the_same": self.plain_flights,
            "failure": _told(self.whole),
            "causes": [{"cause": cause, **_told(rare)} for cause, rare in self.by_cause.items()],
            "ways": [
                {"cause": way.cause, "distance_sigma": way.distance, "share": way.share, "inputs": self.decisive(way)} for way in self.ways
            ],
        }

    def decisive(self, way: Way) -> list[dict[str, Any]]:
        """Inputs that carry the distance of a way, the most important first."""
        order = np.argsort(-way.shares, kind="stable")[:SHOWN]
        return [
            {
                "input": self.inputs[k].name,
                "sigma": float(way.u[k]),
                "value": float(self.inputs[k].values(way.u[k : k + 1])[0]),
                "unit": self.inputs[k].unit,
                "share": float(way.shares[k]),
            }
            for k in order
            if way.shares[k] >= 0.01
        ]


def _told(rare: Rare) -> dict[str, Any]:
    return {
        "probability": rare.probability,
        "interval": list(rare.interval),
        "relative_error": rare.error if math.isfinite(rare.error) else None,
        "failed": len(rare.failed.seeds),
    }


def hunt(fly: Fly, inputs: tuple[Input, ...], flights: int, seed: int = 0, watch: Watch = lambda line: None) -> Hunt:
    """Look for failures with `flights` flights of the count itself, half as many before it, and some hundred a cause after it.

    **Error** that of importance sampling: unbiased, whatever the directions that were found. **Invalid when** a cause that is rare was never met
    in the widened flights: then its probability is not in the count, and nothing says so.
    """
    draw = np.random.default_rng([seed, 0x40])
    flown = Counted(fly)
    widened = _found(flown, len(inputs), flights // (2 * len(WIDENED)), draw, watch)
    u, seeds = mixture(list(widened.values()), len(inputs), flights, draw)
    causes = flown(u, seeds)
    weight = weights(u, list(widened.values()))
    rows = Samples(u, seeds, np.where(causes == "", 1.0, -1.0))

    def counted(mine: np.ndarray) -> Rare:
        return weighed(rows.where(mine), weight[mine], flights)

    by_cause = {cause: counted(causes == cause) for cause in Counter(causes[causes != ""].tolist())}
    by_cause = dict(sorted(by_cause.items(), key=lambda row: -row[1].probability))
    ways = [way for cause in by_cause if cause in widened for way in _ways(flown, cause, u[causes == cause], widened[cause], draw)]
    return Hunt(inputs, counted(causes != ""), by_cause, tuple(ways), flown.flown)


class Counted:
    """Flies, and counts what was flown."""

    def __init__(self, fly: Fly):
        self._fly, self.flown = fly, 0

    def __call__(self, u: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        self.flown += len(seeds)
        return self._fly(u, seeds)


def _found(fly: Counted, inputs: int, flights: int, draw: np.random.Generator, watch: Watch) -> dict[str, Widened]:
    """Causes, with the directions in which their failures lie, from the narrowest spread at which enough of a cause were met.

    A cause without directions, for which it is chance on the way that fails a flight, is left to plain flights.
    """
    found: dict[str, Widened | None] = {}
    for spread in WIDENED:
        u = spread * draw.standard_normal((flights, inputs))
        causes = fly(u, draw.integers(0, SEEDS_END, flights))
        counts = Counter(causes[causes != ""].tolist())
        watch(f"{sum(counts.values())} of {flights} failed with {spread:g} times the spread")
        for cause, count in counts.items():
            if count >= ENOUGH and found.get(cause) is None:
                found[cause] = directions_of(u[causes == cause], spread)
    for cause, way in found.items():
        watch(f"{cause}: " + ("chance on the way" if way is None else f"{way.directions.shape[1]} directions"))
    return {cause: way for cause, way in found.items() if way is not None}


def _ways(fly: Counted, cause: str, failed: np.ndarray, widened: Widened, draw: np.random.Generator) -> list[Way]:
    """The nearest places from which most flights fail, on one side after the other: failures seen along the directions, all else nominal."""
    ways: list[Way] = []
    places = failed @ widened.directions @ widened.directions.T
    places = places[np.argsort(np.sum(places**2, axis=1))]
    while len(places) and len(ways) < WAYS_PER_CAUSE:
        tried = places[np.unique(np.linspace(0, len(places) - 1, LOOKED_AT).astype(int))]
        causes = fly(np.repeat(tried, SEEDS_EACH, axis=0), draw.integers(0, SEEDS_END, len(tried) * SEEDS_EACH))
        shares = np.mean((causes == cause).reshape(-1, SEEDS_EACH), axis=1)
        if not np.any(shares > 0.5):
            break
        way = Way(cause, tried[np.argmax(shares > 0.5)], float(shares[np.argmax(shares > 0.5)]))
        ways.append(way)
        places = places[places @ way.u < 0.5 * way.distance**2]
    return ways
