"""Flies many seeds of a mission in batches of one width, and keeps one row of each."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from perilune.campaign.statistics import wilson_interval
from perilune.faults.plan import FaultRow, fault_plan
from perilune.math.calling import Call
from perilune.math.vector import Vec3
from perilune.moon.frames import SiteFrame
from perilune.scenario.build import Flightplan
from perilune.scenario.disperse import fleet_of
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.scenario.schema import LanderFile
from perilune.sim import fly as sim
from perilune.sim.outcome import Outcome, Verdict

WIDTH = 128
OUTSIDE = "outside the ellipse"

Watch = Callable[[float], None]


@dataclass(frozen=True)
class Case:
    """What became of one seed."""

    seed: int
    outcome: Outcome
    vertical_m_s: float
    horizontal_m_s: float
    tilt_deg: float
    rest_tilt_deg: float
    slope_deg: float
    propellant_kg: float
    met_s: float
    along_m: float  # of the contact from the target, along the ellipse's major axis
    across_m: float

    def within(self, half_axes_m: tuple[float, float] | None) -> bool:
        """Inside the published ellipse, where there is one."""
        if half_axes_m is None:
            return True
        return (self.along_m / half_axes_m[0]) ** 2 + (self.across_m / half_axes_m[1]) ** 2 <= 1.0


@dataclass(frozen=True)
class Odds:
    """Counts, and the share that landed with its 95 % Wilson interval."""

    trials: int
    landed: int
    reasons: Counter

    @property
    def share(self) -> float:
        return self.landed / self.trials if self.trials else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.landed, self.trials)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.landed} of {self.trials}, {100 * self.share:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"


def cases(
    plan: Flightplan,
    seeds: Sequence[int],
    width: int = WIDTH,
    watch: Watch | None = None,
    faults: Sequence[tuple[FaultRow, ...]] | None = None,
    call: Call | None = None,
    kinds: frozenset[int] | None = None,
) -> Iterator[Case]:
    """Fly the seeds; the last batch is filled up with seeds that are then not counted, so that every batch has one width.

    With `faults` each flight has rows of its own, one tuple for each seed; without, all have those of the plan. These are two programs.
    `kinds` names all that rows may be, of several calls that are to be one program in C: by itself each has one for the rows that it flies.
    Ticks are flown in lanes, by a program in C, where that can be had; `call=at_once` leaves them to XLA.
    """
    call = call or in_lanes(shelf_beside_jax())
    for first in range(0, len(seeds), width):
        batch = list(seeds[first : first + width])
        filled = batch + [batch[-1]] * (width - len(batch))
        fleet = fleet_of(plan.mission, plan.spread, jnp.asarray(filled))
        if faults is not None:
            fleet = with_faults(fleet, [*faults[first : first + width], *[()] * (width - len(batch))], kinds)
        yield from cases_of(plan, batch, verdicts(plan, fleet, call, watch))


def verdicts(plan: Flightplan, fleet: sim.Fleet, call: Call, watch: Watch | None = None) -> Verdict:
    """Fly a batch to its end: what became of each."""
    states = None
    for chunk in sim.fly(fleet, plan.phases, call=call):
        states = chunk.states
        if watch is not None:
            watch(float(np.mean(np.asarray(states.verdict.outcome) != Outcome.FLYING)))
    if states is None:
        raise ValueError("the mission has no powered phase")
    return jax.tree.map(np.asarray, states.verdict)


def with_faults(fleet: sim.Fleet, faults: Sequence[tuple[FaultRow, ...]], kinds: frozenset[int] | None = None) -> sim.Fleet:
    """A batch in which each lander has a fault table of its own, with rows of some kinds, if they are given."""
    table = jax.tree.map(lambda *rows: jnp.stack(rows), *(replace(fault_plan(rows), kinds=kinds) for rows in faults))
    nothing = jax.tree.map(lambda _: None, table)
    own = eqx.tree_at(lambda m: m.faults, fleet.own, table, is_leaf=lambda leaf: leaf is None)
    return sim.Fleet(shared=eqx.tree_at(lambda m: m.faults, fleet.shared, nothing), own=own, seeds=fleet.seeds, given=fleet.given)


def cases_of(plan: Flightplan, seeds: Sequence[int], verdict: Verdict) -> list[Case]:
    """A row for each of the first flights of a batch."""
    contact: Any = verdict.contact
    along_m, across_m = _from_target(plan, contact.r_lfme_m)
    rest_tilt_rad = np.asarray(verdict.end_tilt_rad)
    outcomes = [Outcome(int(outcome)) for outcome in np.asarray(verdict.outcome)[: len(seeds)]]
    return [
        Case(
            seed=int(seed),
            outcome=Outcome.LOST if outcome is Outcome.FLYING else outcome,
            vertical_m_s=float(contact.vertical_m_s[i]),
            horizontal_m_s=float(contact.horizontal_m_s[i]),
            tilt_deg=float(np.degrees(contact.tilt_rad[i])),
            rest_tilt_deg=float(np.degrees(rest_tilt_rad[i])),
            slope_deg=float(np.degrees(contact.slope_rad[i])),
            propellant_kg=float(contact.propellant_kg[i]),
            met_s=float(contact.met_s[i]),
            along_m=float(along_m[i]),
            across_m=float(across_m[i]),
        )
        for i, (seed, outcome) in enumerate(zip(seeds, outcomes, strict=True))
    ]


def _from_target(plan: Flightplan, r_lfme_m: Vec3) -> tuple[np.ndarray, np.ndarray]:
    """East and north of the target, turned into the axes of the ellipse; without one, along is north."""
    east_m, north_m = (np.asarray(part) for part in _on_site(plan.mission.world.site, r_lfme_m))
    azimuth = azimuth_rad(plan)
    return east_m * np.sin(azimuth) + north_m * np.cos(azimuth), east_m * np.cos(azimuth) - north_m * np.sin(azimuth)


def azimuth_rad(plan: Flightplan) -> float:
    """Of the major axis of the published ellipse; north without one."""
    ellipse = plan.lander.site.ellipse
    return 0.0 if ellipse is None else float(np.radians(float(ellipse.azimuth_deg)))


@eqx.filter_jit
def _on_site(site: SiteFrame, r_lfme_m: Vec3) -> tuple[Array, Array]:
    def one(r_lfme_m: Vec3) -> tuple[Array, Array]:
        r_site_m = site.r_site_m(r_lfme_m)
        return jnp.asarray(r_site_m.x), jnp.asarray(r_site_m.y)

    return jax.vmap(one)(r_lfme_m)


def half_axes_m(plan: Flightplan) -> tuple[float, float] | None:
    ellipse = plan.lander.site.ellipse
    return None if ellipse is None else (500.0 * float(ellipse.major_km), 500.0 * float(ellipse.minor_km))


def odds(plan: Flightplan, rows: Sequence[Case]) -> Odds:
    """Share of flights that landed within the limits and inside the ellipse, and the reasons of the others."""
    ellipse = half_axes_m(plan)
    reasons = [reason(plan.lander, row) for row in rows]
    fine = [why == "" and row.within(ellipse) for row, why in zip(rows, reasons, strict=True)]
    failures = Counter(why or OUTSIDE for why, good in zip(reasons, fine, strict=True) if not good)
    return Odds(len(rows), sum(fine), failures)


def on_fair_ground(plan: Flightplan, rows: Sequence[Case]) -> list[Case]:
    """Flights whose ground at contact is within the lander's slope limit, or that never touched any."""
    return [row for row in rows if row.met_s == 0.0 or row.slope_deg <= float(plan.lander.limits.slope_deg)]


def reason(file: LanderFile, row: Case) -> str:
    """Why a flight failed, in a few words; empty for a landing."""
    limits = file.limits
    if row.outcome is Outcome.LANDED:
        return ""
    if row.outcome is Outcome.TIPPED_OVER:
        if row.rest_tilt_deg <= float(limits.rest_tilt_deg):  # only a hull that touches makes no landing of that
            return "rests on its hull"
        return "rests beyond the tilt limit" if row.rest_tilt_deg < 45.0 else "tipped over"
    if row.outcome is not Outcome.CRASHED:
        return row.outcome.name.lower()
    over = [
        name
        for name, value, limit in (
            ("too fast down", row.vertical_m_s, limits.vertical_m_s),
            ("too fast sideways", row.horizontal_m_s, limits.horizontal_m_s),
            ("tilted at contact", row.tilt_deg, limits.tilt_deg),
        )
        if value > limit
    ]
    return "crashed: " + " and ".join(over or ["hull struck"])
