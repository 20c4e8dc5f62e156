"""The flights of a campaign, made ready once and flown chunk after chunk."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import jax.numpy as jnp
import numpy as np

from perilune.campaign.asked import Asked
from perilune.campaign.design import flight_seeds, vectors
from perilune.campaign.inputs import Input, inputs_of, tracked_tick
from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import OUTSIDE, Case, azimuth_rad, cases_of, half_axes_m, reason, verdicts
from perilune.campaign.table import Columns
from perilune.faults.words import rows_of
from perilune.math.calling import Call
from perilune.math.random import Given
from perilune.scenario.build import Flightplan, build, fault_table
from perilune.scenario.disperse import fleet_of
from perilune.scenario.errors import ScenarioError, nearest
from perilune.scenario.faults import read_faults, refuse_late
from perilune.scenario.flight import met_in_flight
from perilune.scenario.load import load_lander, variant_of
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.scenario.programs import DIRECT, Programs
from perilune.scenario.schema import SEPARATION, LanderFile
from perilune.sim import fly as sim
from perilune.sim.mission import PhaseKind

# Of the row, beside the case, its seed and its inputs.
NUMBERS = ("vertical_m_s", "horizontal_m_s", "tilt_deg", "rest_tilt_deg", "slope_deg", "propellant_kg", "met_s", "along_m", "across_m")


def flown_file(asked: Asked) -> LanderFile:
    """The mission file as the campaign flies it; ScenarioError for what cannot be flown."""
    file = load_lander(asked.mission)
    if asked.settings:
        file = with_settings(file, asked.settings)
    changed = variant_of(file, asked.variant)
    if not isinstance(changed, LanderFile):
        raise ScenarioError(f"{file.name} does not land: it stays in orbit")
    starts = [entry for entry in changed.entries if entry != SEPARATION]
    if asked.from_phase is not None and asked.from_phase not in starts:
        raise ScenarioError(f"--from {asked.from_phase}: campaigns of {file.name} have no such start; {nearest(asked.from_phase, starts)}")
    fault_table((*rows_of([fault.words for fault in read_faults(changed, asked.faults)]), *_met(changed, asked)))
    return changed


def _met(file: LanderFile, asked: Asked) -> tuple:
    return () if asked.variant == "nominal" else met_in_flight(file)


class Squadron:
    """A mission ready to fly any chunk of its campaign. Several threads may have it fly at once."""

    def __init__(self, asked: Asked, programs: Programs = DIRECT):
        self.asked, self.programs = asked, programs
        self.file = flown_file(asked)
        self.plan: Flightplan = build(self.file, (*rows_of(asked.faults), *_met(self.file, asked)), programs, asked.from_phase)
        refuse_late(self.plan, asked.faults)
        self.inputs: tuple[Input, ...] = inputs_of(self.plan)
        self.tick = tracked_tick(self.plan)
        vectors(asked, self.inputs, 0, 1, self.tick)  # complaints come before flights
        self.lanes = in_lanes(programs.shelf or shelf_beside_jax(), beneath=programs)
        self._ready, self._preparing = False, Lock()

    def fly(self, first: int, count: int) -> Columns:
        """Cases from the first on: a row each. Filled up with flights that are not counted to the width of the campaign."""
        self.prepare()
        return self.fly_by(self.lanes, first, count)

    def fly_by(self, call: Call, first: int, count: int) -> Columns:
        """The same, by another caller of programs."""
        fleet, numbers = self.fleet(first, count)
        seeds = flight_seeds(self.asked.seed, first, count)
        rows = cases_of(self.plan, [int(seed) for seed in seeds], verdicts(self.plan, fleet, call))
        return self._columns(first, rows, numbers)

    def flown(self, numbers: np.ndarray, seeds: np.ndarray) -> list[Case]:
        """Flights that are given these numbers [flight, input] and draw all else from these seeds: no more than the width of the campaign.

        They end with their last powered phase; who flies still is lost, and no fall from orbit is waited for: it costs ten times a flight.
        """
        width, ways = self.asked.width, tuple(each.way for each in self.inputs)
        given = Given(jnp.asarray(_filled(numbers, width)), ways)
        fleet = fleet_of(self.plan.mission, self.plan.spread, jnp.asarray(_filled(seeds, width)), self.programs, given)
        return cases_of(self.plan, seeds.tolist(), verdicts(self.plan._replace(phases=self.plan.phases[:-1]), fleet, self.lanes))

    def why_not(self, row: Case) -> str:
        """Why a flight failed; empty for one that landed inside the published ellipse."""
        return reason(self.file, row) or ("" if row.within(half_axes_m(self.plan)) else OUTSIDE)

    def fleet(self, first: int, count: int) -> tuple[sim.Fleet, np.ndarray]:
        """The batch, and what its cases are given or draw, as standard normal numbers [case, input]."""
        numbers, told = vectors(self.asked, self.inputs, first, count, self.tick)
        seeds = _filled(flight_seeds(self.asked.seed, first, count), self.asked.width)
        ways = tuple(each.way for each in self.inputs)
        given = Given(jnp.asarray(_filled(numbers, self.asked.width)), ways) if told else None
        return fleet_of(self.plan.mission, self.plan.spread, jnp.asarray(seeds), self.programs, given), numbers

    def prepare(self) -> None:
        """The first time, programs are made beside each other: that in C while XLA compiles those of the coasts."""
        with self._preparing:
            if self._ready:
                return
            fleet, _ = self.fleet(0, 1)
            phases, tick = self.plan.phases, jnp.asarray(self.plan.phases[0].start_tick)
            with ThreadPoolExecutor(max_workers=1) as beside:
                shape = self.programs.shape(sim.start, fleet, tick)
                making = beside.submit(self.lanes.prepare, fleet, shape)
                blank = sim.blank(shape)
                if any(phase.kind is PhaseKind.COAST for phase in phases):
                    self.programs(sim.sleep, fleet, blank, tick, tick)
                self.programs(sim.wake, fleet, blank, tick, jnp.asarray(True), sim.nothing_new(fleet))
                self.programs(sim.start, fleet, tick)
                making.result()
            self._ready = True

    def _columns(self, first: int, rows: Sequence[Case], numbers: np.ndarray) -> Columns:
        whys = np.array([self.why_not(row) for row in rows])
        azimuth = azimuth_rad(self.plan)
        values = {name: np.array([getattr(row, name) for row in rows]) for name in NUMBERS}
        along_m, across_m = values["along_m"], values["across_m"]
        return {
            "case": first + np.arange(len(rows)),
            "seed": np.array([row.seed for row in rows]),
            "outcome": np.array([row.outcome.name.lower() for row in rows]),
            "landed": whys == "",
            "reason": whys,
            **values,
            "east_m": along_m * np.sin(azimuth) + across_m * np.cos(azimuth),
            "north_m": along_m * np.cos(azimuth) - across_m * np.sin(azimuth),
            **{each.column: each.values(numbers[:, place]) for place, each in enumerate(self.inputs)},
        }


def _filled(rows: np.ndarray, width: int) -> Any:
    """The last row again, up to a width: every batch is of one program."""
    return np.concatenate([rows, np.repeat(rows[-1:], width - len(rows), axis=0)])
