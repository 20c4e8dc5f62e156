"""Monitors of flight software: how often each is raised in clean flights, how often by the fault that it is there for, and what acting saves.

python benchmarks/monitors.py luna-25 --clean 1000 --seeds 100
"""

import argparse

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.statistics import wilson_interval
from perilune.faults.words import rows_of
from perilune.fsw.fdir import Monitor
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load
from perilune.sim import fly as sim
from perilune.sim.outcome import Outcome

# The fault that each monitor is there for, of a size at which it matters.
FAULTS = {
    Monitor.ATTITUDE_DIVERGED: ("thruster.stuck-on.0@phase=braking", "thruster.stuck-on.2@phase=braking"),
    Monitor.PROPELLANT_LOW: ("propellant.leak:0.3@phase=braking",),
    Monitor.WEAK_THRUST: ("engine.thrust-loss.0:0.7@phase=braking",),
    Monitor.SILENT_ACCELEROMETERS: ("accelerometer.dead@phase=braking",),
    Monitor.GROUND_MISSING: ("altimeter.bias:-500@phase=braking", "velocimeter.dead"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("missions", nargs="+")
    parser.add_argument("--clean", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--width", type=int, default=250)
    asked = parser.parse_args()
    for name in asked.missions:
        plan = build(load(name))
        raised, landed = _flown(plan, asked.clean, asked.width)
        print(f"{name}: {asked.clean} clean flights, {landed} landed")
        for monitor in Monitor:
            if monitor is not Monitor.TOUCHDOWN:
                print(f"  {monitor.name.lower():<24}{share(int(raised[monitor]), asked.clean)} raised", flush=True)
        for monitor, faults in FAULTS.items():
            told = [_flown(acting(with_faults(plan, faults), acts), asked.seeds, asked.seeds) for acts in (None, monitor)]
            print(f"  {monitor.name.lower()} under {' and '.join(faults)}: {share(int(told[0][0][monitor]), asked.seeds)} raised; ", end="")
            print(f"landed {told[0][1]} of {asked.seeds}, {told[1][1]} when it acts", flush=True)


def share(count: int, trials: int) -> str:
    low, high = wilson_interval(count, trials)
    return f"{count} of {trials} ({100 * low:.1f} to {100 * high:.1f} %)"


def with_faults(plan: Flightplan, faults: tuple[str, ...]) -> Flightplan:
    return plan._replace(mission=build(plan.file, rows_of(faults)).mission)


def acting(plan: Flightplan, monitor: Monitor | None) -> Flightplan:
    """With that monitor alone, and touchdown, doing something."""
    acts = jnp.asarray([each in (Monitor.TOUCHDOWN, monitor) for each in Monitor])
    mission = eqx.tree_at(lambda m: m.fsw.monitors.acts, plan.mission, acts)
    return plan._replace(mission=mission)


def _flown(plan: Flightplan, seeds: int, width: int) -> tuple[np.ndarray, int]:
    """How many flights raised each monitor, and how many landed."""
    raised, landed = np.zeros(len(Monitor), dtype=int), 0
    for first in range(0, seeds, width):
        fleet, states = fleet_of(plan.mission, plan.spread, jnp.arange(first, first + width)), None
        for chunk in sim.fly(fleet, plan.phases):
            states = chunk.states
        assert states is not None
        states = jax.tree.map(np.asarray, states)
        raised += np.sum(states.fsw.monitors.raised, axis=0)
        landed += int(np.sum(states.verdict.outcome == Outcome.LANDED))
    return raised, landed


if __name__ == "__main__":
    main()
