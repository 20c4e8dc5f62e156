"""The hunt for rare failures: how likely each is, and the likeliest way to it.

Where flights rarely fail, plain ones say little. So chance is widened, first not at all, then step by step, until enough flights fail; for
each cause, the failing flight nearest to the nominal is brought nearer as long as it still fails for that cause (its design point); and of
the flights that are counted, half are plain and half lie about these points, each with the weight that makes the count right.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from perilune.campaign.inputs import Input
from perilune.campaign.rare import SEEDS_END, DesignPoint, Margin, Rare, Samples, design_point, mixture, weighed, weights

# Spreads of chance that are tried, as multiples of the mission file's.
WIDENED = (1.0, 1.5, 2.0, 3.0)
# So many failures of a cause are enough to look for its design point, and so many causes are followed.
ENOUGH, WAYS_MAX = 8, 4
# Turns and neighbours of a search for a design point are batches: few of them.
TURNS = 6
# Failures may lie on several sides of the nominal. Nearer than this it is chance on the way that fails the flight, and its inputs say little.
WAYS_PER_CAUSE, BY_CHANCE = 4, 1.5
SHOWN = 6

# From draws [n, inputs] and seeds [n], why each flight failed; empty for one that landed.
Fly = Callable[[np.ndarray, np.ndarray], np.ndarray]
Watch = Callable[[str], None]


class Way(NamedTuple):
    """A cause, its likeliest draws, and its probability."""

    cause: str
    point: DesignPoint
    rare: Rare


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
                {"cause": way.cause, "distance_sigma": way.point.distance, "seed": way.point.seed, "inputs": self.decisive(way)}
                for way in self.ways
            ],
        }

    def decisive(self, way: Way) -> list[dict[str, Any]]:
        """Inputs that carry the distance of a way, the most important first."""
        order = np.argsort(-way.point.shares, kind="stable")[:SHOWN]
        return [
            {
                "input": self.inputs[k].name,
                "sigma": float(way.point.u[k]),
                "value": float(self.inputs[k].values(way.point.u[k : k + 1])[0]),
                "unit": self.inputs[k].unit,
                "share": float(way.point.shares[k]),
            }
            for k in order
            if way.point.shares[k] >= 0.01
        ]


def _told(rare: Rare) -> dict[str, Any]:
    return {
        "probability": rare.probability,
        "interval": list(rare.interval),
        "relative_error": rare.error if math.isfinite(rare.error) else None,
        "failed": len(rare.failed.seeds),
    }


def hunt(fly: Fly, inputs: tuple[Input, ...], flights: int, seed: int = 0, watch: Watch = lambda line: None) -> Hunt:
    """Look for failures with about `flights` flights of the count itself, and as many before it at most.

    **Error** that of importance sampling: unbiased, whatever the ways that were found. **Invalid when** a cause that is rare was never met
    in the widened flights: then its probability is not in the count, and nothing says so.
    """
    draw = np.random.default_rng([seed, 0x40])
    causes_of = Counted(fly)
    starts = _found(causes_of, len(inputs), flights // 4, draw, watch)
    ways = [(cause, point) for cause, samples in starts.items() for point in _points(causes_of.margin(cause), samples)]
    for cause, point in ways:
        watch(f"{cause}: {point.distance:.2f} sigma from the nominal")
    centres = np.array([point.u for _, point in ways]) if ways else np.zeros((1, len(inputs)))
    u, seeds = mixture(centres, flights, draw)
    causes = causes_of(u, seeds)
    weight = weights(u, centres)
    rows = Samples(u, seeds, np.where(causes == "", 1.0, -1.0))

    def counted(mine: np.ndarray) -> Rare:
        return weighed(rows.where(mine), weight[mine], flights)

    by_cause = {cause: counted(causes == cause) for cause in Counter(causes[causes != ""].tolist())}
    by_cause = dict(sorted(by_cause.items(), key=lambda row: -row[1].probability))
    nothing = counted(np.zeros(flights, bool))
    found = tuple(Way(cause, point, by_cause.get(cause, nothing)) for cause, point in ways)
    return Hunt(inputs, counted(causes != ""), by_cause, found, causes_of.flown)


def _points(margin: Margin, samples: Samples) -> list[DesignPoint]:
    """Design points of one cause: each from the nearest failure that is likelier by chance than about those found before."""
    points: list[DesignPoint] = []
    while len(samples.seeds) and len(points) < WAYS_PER_CAUSE:
        head = samples.likeliest
        point = design_point(margin, samples.u[head], int(samples.seeds[head]), TURNS)
        points.append(point)
        if point.distance < BY_CHANCE:
            break
        elsewhere = samples.u @ point.u < 0.5 * point.distance**2
        elsewhere[head] = False
        samples = samples.where(elsewhere)
    return points


class Counted:
    """Flies, and counts what was flown."""

    def __init__(self, fly: Fly):
        self._fly, self.flown = fly, 0

    def __call__(self, u: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        self.flown += len(seeds)
        return self._fly(u, seeds)

    def margin(self, cause: str) -> Margin:
        """A margin that only says whether the flight failed for this cause."""
        return lambda u, seeds: np.where(self(u, seeds) == cause, -1.0, 1.0)


def _found(fly: Counted, inputs: int, flights: int, draw: np.random.Generator, watch: Watch) -> dict[str, Samples]:
    """Failures by cause, the most frequent first, from the narrowest spread at which enough of a cause were met."""
    found: dict[str, Samples] = {}
    for spread in WIDENED:
        u, seeds = spread * draw.standard_normal((flights, inputs)), draw.integers(0, SEEDS_END, flights)
        causes = fly(u, seeds)
        counts = Counter(causes[causes != ""].tolist())
        watch(f"{sum(counts.values())} of {flights} failed with {spread:g} times the spread")
        for cause, count in counts.most_common():
            if count >= ENOUGH and cause not in found:
                found[cause] = Samples(u, seeds, np.where(causes == "", 1.0, -1.0)).where(causes == cause)
        if len(found) >= WAYS_MAX:
            break
    return dict(list(found.items())[:WAYS_MAX])
