"""What becomes of an orbiter from separation on, seed after seed: of each flight only what its odds want is kept.

**Model.** The journey of `perilune fly`, burn by burn, its powered phases in lanes of C. A chunk in which flight software changes its mode is
flown again by the program that records, and its states are those that count: burns begin and end to the tick. Of the coasts only the time
in which the orbit is watched is made into rows.
**Error.** Against the flight that records everything: rounding, which grows in closed loop as in `sim.in_lanes`.
**Neglects** faults; what the report tells of power, temperature, radio and the way to the Moon.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.statistics import wilson_interval
from perilune.scenario.build_voyage import build_voyage
from perilune.scenario.disperse import fleet_of, lander_of
from perilune.scenario.errors import ScenarioError
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.scenario.outcome import Story, outcome_of
from perilune.scenario.programs import Programs, settled
from perilune.scenario.schema import SEPARATION, OrbiterFile
from perilune.scenario.ticks import recorded
from perilune.scenario.trails import joined, trail_of
from perilune.scenario.voyage import Journey
from perilune.sim import fly as sim
from perilune.sim.mission import MissionState, PhaseKind

MAPPING = "mapping"
MODE, PROPELLANT = "downlink/mode", "truth/propellant_kg"


class Orbiters:
    """Flights of one orbiter, one after another, by programs that stay loaded."""

    def __init__(self, file: OrbiterFile, programs: Programs):
        self.file, self.programs = file, programs
        self._lanes = in_lanes(programs.shelf or shelf_beside_jax(), beneath=programs)
        self._recorded = recorded(programs)

    def outcome(self, seed: int) -> dict[str, Any]:
        """As `perilune.fly` tells it of this seed, but for what a record would be needed for. ScenarioError if no burn could be found at all."""
        voyage = build_voyage(self.file, self.programs, seed)
        fleet = fleet_of(voyage.plan.mission, voyage.plan.spread, jnp.asarray([seed]), self.programs)
        journey, own = Journey(voyage, fleet, self.programs, self._ticks), lander_of(fleet)
        chunks, rows = [], []
        for chunk in journey.fly():
            chunks.append(chunk)
            if chunk.phase.name == MAPPING:
                rows += trail_of(own, chunk, voyage.forces, self.programs)
        powered = [chunk for chunk in chunks if chunk.phase.kind is PhaseKind.POWERED]
        if not powered:
            raise ScenarioError(f"{self.file.name}: the ground found no first burn: {journey.stuck}")
        ticks = np.concatenate([chunk.first_tick + np.arange(sim.CHUNK_TICKS) for chunk in powered])
        channels = {name: np.concatenate([np.asarray(chunk.record[name])[:, 0] for chunk in powered]) for name in (MODE, PROPELLANT)}
        phases = tuple(dict.fromkeys(chunk.phase for chunk in chunks))
        time_s = ticks * float(voyage.plan.mission.tick_s)
        story = Story(time_s, channels, joined(rows), phases, tuple(journey.burns), journey.stuck, voyage.desk)
        verdict = jax.tree.map(lambda leaf: np.asarray(leaf)[0], chunks[-1].states.verdict)
        asked = {"variant": "nominal", "seed": seed, "from": SEPARATION, "faults": []}
        return outcome_of(voyage.plan, verdict, story, asked)

    def _ticks(self, fleet: sim.Fleet, states: MissionState, tick: int) -> tuple[MissionState, dict[str, Any]]:
        after, _ = self._lanes(sim.fly_chunk, fleet, states, jnp.asarray(tick), sim.no_record)
        if _mode(after) != _mode(states):
            return self._recorded(fleet, settled(states), tick)
        return after, {name: np.repeat(np.asarray(each)[None], sim.CHUNK_TICKS, axis=0) for name, each in _told(after).items()}


def _mode(states: MissionState) -> list[float]:
    """What changes whenever flight software changes its mode, though it be for a tick."""
    modes = states.fsw.modes
    return [float(np.asarray(each)[0]) for each in (states.mode, modes.mode, modes.since_s, modes.burns_over)]


def _told(states: MissionState) -> dict[str, Any]:
    return {MODE: states.mode, PROPELLANT: states.world.propellant_kg}


def odds(fates: list[str], good: str = "in_orbit") -> str:
    """How many of them, with the interval, in words."""
    count = sum(fate == good for fate in fates)
    low, high = wilson_interval(count, len(fates))
    return f"{count} of {len(fates)} in the orbit that was wanted ({100.0 * low:.1f} to {100.0 * high:.1f} %)"
