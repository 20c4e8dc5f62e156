"""Monitors of flight software: how often each is raised in clean flights, how often by the fault that it is there for, and what acting saves.

A flight counts up to its first touch of the ground, from the earliest orbit of its file. Every lander flies with an engine watch that only reports.

python benchmarks/monitors.py luna-25 --clean 1000 --seeds 100
"""

import argparse
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import with_faults
from perilune.campaign.statistics import wilson_interval
from perilune.faults.plan import FaultRow
from perilune.faults.words import rows_of
from perilune.fsw.fdir import Monitor
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.sim import fly as sim
from perilune.sim.outcome import Outcome

# The fault that each monitor is there for, of a size at which it matters.
FAULTS = {
    Monitor.ATTITUDE_DIVERGED: ("engine.misaligned.0:0.2@phase=braking+60",),
    Monitor.PROPELLANT_LOW: ("propellant.leak:0.5@phase=braking",),
    Monitor.WEAK_THRUST: ("engine.thrust-loss.all:0.7@phase=braking+60",),
    Monitor.SILENT_ACCELEROMETERS: ("accelerometer.dead@phase=braking",),
    Monitor.BURN_TOO_LONG: ("accelerometer.dead@phase=burn",),
    Monitor.GROUND_MISSING: ("altimeter.bias:-500@phase=braking", "velocimeter.dead"),
}
WATCH_ENGINES = {"flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": False}}

CALL = in_lanes(shelf_beside_jax())


class Told(NamedTuple):
    """Of each flight: which monitors rose before it touched the ground, which engines counted as lost, and whether it landed."""

    raised: np.ndarray
    lost: np.ndarray
    landed: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("missions", nargs="+")
    parser.add_argument("--clean", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--width", type=int, default=250)
    asked = parser.parse_args()
    for name in asked.missions:
        file = with_settings(load(name), WATCH_ENGINES)
        plan = build(file, entry=file.phases[0].entry)
        clean(plan, asked.clean, asked.width)
        for monitor, faults in FAULTS.items():
            caught(plan, monitor, faults, asked.seeds)


def clean(plan: Flightplan, seeds: int, width: int) -> None:
    told = flown(acting(plan, None), (), seeds, width)
    print(f"{plan.file.name}: {seeds} clean flights, {int(told.landed.sum())} landed")
    for monitor in Monitor:
        if monitor is not Monitor.TOUCHDOWN:
            rose = told.raised[:, monitor]
            where = f": seeds {np.flatnonzero(rose)[:10].tolist()}" if rose.any() else ""
            print(f"  {monitor.name.lower():<24}{share(rose)}, of those that landed {int(rose[told.landed].sum())}{where}", flush=True)
    print(f"  {'an engine lost':<24}{share(told.lost.any(axis=1))}", flush=True)


def caught(plan: Flightplan, monitor: Monitor, faults: tuple[str, ...], seeds: int) -> None:
    """It matters where the lander is lost when nobody acts."""
    left, helped = (flown(acting(plan, acts), rows_of(faults), seeds, seeds) for acts in (None, monitor))
    rose, matters = left.raised[:, monitor], ~left.landed
    print(f"  {monitor.name.lower()} under {' and '.join(faults)}: {share(rose)}; where it matters {share(rose[matters])}; ", end="")
    print(f"landed {int(left.landed.sum())} of {seeds}, {int(helped.landed.sum())} when it acts", flush=True)


def share(rose: np.ndarray) -> str:
    low, high = wilson_interval(int(rose.sum()), max(len(rose), 1))
    return f"{int(rose.sum())} of {len(rose)} ({100 * low:.1f} to {100 * high:.1f} %)"


def acting(plan: Flightplan, monitor: Monitor | None) -> Flightplan:
    """With that monitor alone, and touchdown, doing something."""
    acts = jnp.asarray([each in (Monitor.TOUCHDOWN, monitor) for each in Monitor])
    mission = eqx.tree_at(lambda m: m.fsw.monitors.acts, plan.mission, acts)
    return plan._replace(mission=mission)


def flown(plan: Flightplan, rows: tuple[FaultRow, ...], seeds: int, width: int) -> Told:
    """All by one program, made for the kinds of fault of all monitors."""
    kinds = frozenset(row.kind for faults in FAULTS.values() for row in rows_of(faults))
    batches = []
    for first in range(0, seeds, width):
        fleet = with_faults(fleet_of(plan.mission, plan.spread, jnp.arange(first, first + width)), [rows] * width, kinds)
        batches.append(_batch(plan, fleet))
    return Told(*(np.concatenate(parts)[:seeds] for parts in zip(*batches, strict=True)))


def _batch(plan: Flightplan, fleet: sim.Fleet) -> Told:
    raised = lost = outcome = None
    for chunk in sim.fly(fleet, plan.phases, call=CALL):
        states = jax.tree.map(np.asarray, (chunk.states.fsw.monitors.raised, chunk.states.fsw.engines.lost, chunk.states.verdict))
        flying, outcome = ~states[2].touched[:, None], states[2].outcome
        raised = states[0] & flying if raised is None else raised | (states[0] & flying)
        lost = states[1] & flying if lost is None else lost | (states[1] & flying)
    assert raised is not None and lost is not None and outcome is not None
    return Told(raised, lost, outcome == Outcome.LANDED)


if __name__ == "__main__":
    main()
