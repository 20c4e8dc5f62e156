"""The crash test: one lander against every failure that destroyed another, each over many seeds.

Verdicts and the rating are defined in docs/crash-test.md, and here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from perilune.campaign.failures import FAILURES, Failure, NotForThis, Translation
from perilune.campaign.kept import Kept
from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import Case, cases, reason
from perilune.campaign.statistics import wilson_interval
from perilune.faults.words import rows_of
from perilune.math.calling import Call
from perilune.scenario.build import Flightplan, build
from perilune.scenario.faults import read_faults
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.scenario.schema import LanderFile
from perilune.sim.outcome import Outcome

SEEDS = 100
HEALTHY = "nothing"
# Ends of the interval of the probability to land.
SURVIVES_FROM, DIES_UP_TO = 0.75, 0.25
# Of the share that lands, beside a flight in which nothing fails; the mean over the failures that apply.
GRADES = (("A", 0.9), ("B", 0.75), ("C", 0.5), ("D", 0.25), ("E", 0.0))
AT_A_TIME = 2  # batches flown at once, one on each core

Watch = Callable[[str, float], None]


class Fate(StrEnum):
    SURVIVES = "survives"
    DIES = "dies"
    OPEN = "in doubt"
    NOT_FOR_THIS = "does not apply"


@dataclass(frozen=True)
class Trial:
    """One failure, flown; without rows it does not apply. Of no failure, the healthy flights."""

    failure: Failure | None
    translation: Translation | NotForThis
    rows: tuple[Case, ...]
    file: LanderFile

    @property
    def name(self) -> str:
        return HEALTHY if self.failure is None else self.failure.name

    @property
    def title(self) -> str:
        return "nothing fails" if self.failure is None else self.failure.title

    @property
    def landed(self) -> int:
        return sum(row.outcome is Outcome.LANDED for row in self.rows)

    @property
    def share(self) -> float:
        return self.landed / len(self.rows) if self.rows else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.landed, len(self.rows))

    @property
    def fate(self) -> Fate:
        if not self.rows:
            return Fate.NOT_FOR_THIS
        low, high = self.interval
        return Fate.SURVIVES if low >= SURVIVES_FROM else Fate.DIES if high <= DIES_UP_TO else Fate.OPEN

    @property
    def deaths(self) -> Counter:
        """Why the others did not land."""
        return Counter(why for row in self.rows if (why := reason(self.file, row)))

    def margins(self) -> dict[str, float]:
        """Of those that landed: propellant left, and how much of the limits at contact was not used; medians."""
        landed = [row for row in self.rows if row.outcome is Outcome.LANDED]
        if not landed:
            return {}
        limits = self.file.limits
        spare = [
            min(1.0 - row.vertical_m_s / float(limits.vertical_m_s), 1.0 - row.horizontal_m_s / float(limits.horizontal_m_s))
            for row in landed
        ]
        return {
            "propellant_kg": float(np.median([row.propellant_kg for row in landed])),
            "propellant_share": float(np.median([row.propellant_kg for row in landed])) / float(self.file.vehicle.propellant_kg),
            "speed_share": float(np.median(spare)),
        }

    def why(self) -> str:
        """What killed it, or what it had against it, in a few words."""
        if isinstance(self.translation, NotForThis):
            return self.translation.why
        if self.deaths and self.fate is not Fate.SURVIVES:
            words, count = self.deaths.most_common(1)[0]
            return f"{words} ({count} of {len(self.rows)}{self._how_fast(words)})"
        return f"it has {', '.join(self.translation.defences)}" if self.translation.defences else "nothing of it matters here"

    def _how_fast(self, words: str) -> str:
        struck = [row for row in self.rows if reason(self.file, row) == words and row.met_s > 0.0]
        if not words.startswith("crashed") or not struck:
            return ""
        down, across = (float(np.median([getattr(row, name) for row in struck])) for name in ("vertical_m_s", "horizontal_m_s"))
        return f", {down:.0f} m/s down and {across:.0f} m/s across"


@dataclass(frozen=True)
class Rating:
    """The mean, over the failures that apply, of the share that lands beside the share of healthy flights that do."""

    score: float
    grade: str
    survived: int
    tested: int


def rating(trials: Sequence[Trial]) -> Rating:
    healthy = next(trial for trial in trials if trial.failure is None)
    tested = [trial for trial in trials if trial.failure is not None and trial.rows]
    shares = [min(1.0, trial.share / healthy.share) if healthy.share > 0.0 else 0.0 for trial in tested]
    score = float(np.mean(shares)) if shares else float("nan")
    grade = next((letter for letter, low in GRADES if score >= low), "-")
    return Rating(score, grade, sum(trial.fate is Fate.SURVIVES for trial in tested), len(tested))


def crash_test(file: LanderFile, seeds: int = SEEDS, kept: Kept | None = None, watch: Watch | None = None) -> Iterator[Trial]:
    """Healthy flights first, then every failure, in order; each of `seeds` flights from the pre-landing orbit, as one batch.

    ScenarioError for a mission that cannot be flown, before anything is.
    """
    kept, watch = kept or Kept(), watch or (lambda name, share: None)
    unknown = Failure(HEALTHY, "", "", "", "", lambda _: Translation(()))
    wanted = [(failure, failure.translated(file)) for failure in (unknown, *FAILURES)]
    plans = {
        name: _plan(file, translation) for name, translation in ((f.name, t) for f, t in wanted) if isinstance(translation, Translation)
    }

    kinds = frozenset(row.kind for _, told in wanted if isinstance(told, Translation) for row in rows_of(told.faults))
    way = Way(seeds, in_lanes(shelf_beside_jax()), kinds)

    def flown(failure: Failure, translation: Translation | NotForThis) -> Trial:
        told = None if failure.name == HEALTHY else failure
        if isinstance(translation, NotForThis):
            return Trial(told, translation, (), file)
        rows = kept.find(failure.name)
        if rows is None:
            rows = _flown(plans[failure.name], translation, way, lambda share: watch(failure.name, share))
            kept.put(failure.name, rows)
        watch(failure.name, 1.0)
        return Trial(told, translation, tuple(rows), file)

    yield flown(*wanted[0])  # alone, for it makes the program that all of them share
    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        yield from pool.map(flown, *zip(*wanted[1:], strict=True))


def _plan(file: LanderFile, translation: Translation) -> Flightplan:
    read_faults(file, translation.faults)
    return build(with_settings(file, translation.settings) if translation.settings else file)


class Way(NamedTuple):
    """How all trials of a test are flown: by one program."""

    seeds: int
    call: Call
    kinds: frozenset[int]


def _flown(plan: Flightplan, translation: Translation, way: Way, watch: Callable[[float], None]) -> list[Case]:
    rows = [rows_of(translation.faults)] * way.seeds
    return list(cases(plan, range(way.seeds), way.seeds, watch, rows, way.call, way.kinds))


def result_of(file: LanderFile, trials: Sequence[Trial], seeds: int) -> dict[str, Any]:
    """As `--json` prints it."""
    whole = rating(trials)
    return {
        "schema": 1,
        "mission": file.name,
        "seeds": seeds,
        "rating": {"grade": whole.grade, "score": whole.score, "survived": whole.survived, "tested": whole.tested},
        "trials": [_trial(trial) for trial in trials],
    }


def _trial(trial: Trial) -> dict[str, Any]:
    failure, translation = trial.failure, trial.translation
    told = {} if failure is None else {"cause": failure.cause, "source": failure.source, "rule": failure.rule}
    applies = isinstance(translation, Translation)
    return {
        "name": trial.name,
        "title": trial.title,
        **told,
        "fate": trial.fate.value,
        "faults": list(translation.faults) if applies else [],
        "settings": translation.settings if applies else {},
        "flights": len(trial.rows),
        "landed": trial.landed,
        "probability": trial.share,
        "interval": list(trial.interval) if trial.rows else None,
        "why": trial.why(),
        "deaths": dict(trial.deaths),
        "margins": trial.margins(),
    }


def verdict_of(trial: dict[str, Any]) -> str:
    """One line on one failure, from its part of the result."""
    if trial["fate"] == Fate.NOT_FOR_THIS:
        return f"{trial['title']}: does not apply; {trial['why']}"
    low, high = trial["interval"]
    odds = f"{trial['landed']} of {trial['flights']} land ({100 * low:.0f} to {100 * high:.0f} %)"
    return f"{trial['title']}: {trial['fate']}, {odds}; {trial['why']}"
