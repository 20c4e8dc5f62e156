"""Monitors of flight software: how often each is raised in clean flights, how often by the fault that it is there for, and what acting saves.

A flight counts up to its first touch of the ground, from the earliest orbit of its file. Every lander flies with an engine watch that only reports.

python benchmarks/monitors.py luna-25 --clean 1000 --seeds 100
python benchmarks/monitors.py resilience --clean 0 --of silent_accelerometers
"""

import argparse
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import with_faults
from perilune.campaign.statistics import wilson_interval
from perilune.faults.plan import FaultRow
from perilune.faults.words import rows_of
from perilune.fsw.fdir import NEAR_GROUND_M, Monitor
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load_lander
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.sim import fly as sim
from perilune.sim.mission import MissionState
from perilune.sim.outcome import Outcome
from perilune.wire.telemetry import Mode

# The faults that each monitor is there for, of a size at which they matter.
FAULTS = (
    (Monitor.ATTITUDE_DIVERGED, ("engine.misaligned.0:0.2@phase=braking+60",)),
    (Monitor.PROPELLANT_LOW, ("propellant.leak:0.5@phase=braking",)),
    (Monitor.WEAK_THRUST, ("engine.thrust-loss.all:0.7@phase=braking+60",)),
    (Monitor.SILENT_ACCELEROMETERS, ("accelerometer.dead@phase=braking",)),
    (Monitor.SILENT_ACCELEROMETERS, ("accelerometer.frozen.all@phase=braking+60",)),
    (Monitor.SILENT_ACCELEROMETERS, ("accelerometer.frozen.z@phase=braking+60",)),
    (Monitor.BURN_TOO_LONG, ("accelerometer.dead@phase=burn+0..150",)),
    (Monitor.GROUND_MISSING, ("altimeter.bias:-500@phase=braking", "velocimeter.dead")),
)
# Where main engines give a quarter of the thrust, and a ring of pulsed ones the rest, its ring is what fails.
OF_A_RING = {
    Monitor.ATTITUDE_DIVERGED: ("thruster.stuck-off.0@phase=braking+60",),
    Monitor.WEAK_THRUST: ("thruster.weak.all:0.7@phase=braking+60",),
}
WATCH_ENGINES = {"flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": False}}
# Luna-25's, so that a back-up timer does not end the burn before the monitor sees that it is too long.
LATE_TIMER = {"flight_software.orbit_burn.timer_factor": {"value": 1.512, "source": "design"}}

CALL = in_lanes(shelf_beside_jax())


class Told(NamedTuple):
    """Of each flight, until it touched the ground: which monitors rose, which engines counted as lost; whether it landed, what was left in its
    tanks, and how much higher it was than it held itself for when it first held itself for down (NaN if it never did)."""

    raised: np.ndarray
    lost: np.ndarray
    landed: np.ndarray
    left_kg: np.ndarray
    higher_m: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("missions", nargs="+")
    parser.add_argument("--clean", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--width", type=int, default=250)
    parser.add_argument(
        "--of", nargs="+", choices=sorted({monitor.name.lower() for monitor, _ in FAULTS}), help="these monitors' faults alone"
    )
    asked = parser.parse_args()
    for name in asked.missions:
        plan = watched(name, {})
        if asked.clean:
            clean(plan, asked.clean, asked.width)
        for monitor, faults in faults_of(plan):
            late, told = monitor is Monitor.BURN_TOO_LONG, not asked.of or monitor.name.lower() in asked.of
            if told and (not late or plan.file.flight_software.orbit_burn is not None):
                caught(watched(name, LATE_TIMER) if late else plan, monitor, faults, asked.seeds)


def watched(name: str, settings: dict) -> Flightplan:
    file = with_settings(load_lander(name), WATCH_ENGINES | settings)
    return build(file, entry=file.phases[0].entry)


def faults_of(plan: Flightplan) -> list[tuple[Monitor, tuple[str, ...]]]:
    ring = any(group.layout == "axial_ring" and "braking" in group.thrust_in for group in plan.file.thrusters)
    return [(monitor, OF_A_RING.get(monitor, faults) if ring else faults) for monitor, faults in FAULTS]


def clean(plan: Flightplan, seeds: int, width: int) -> None:
    """An alarm is false in a flight that lands, and of propellant in one that lands with the least that its file asks for."""
    told = flown(acting(plan, None), (), seeds, width)
    print(f"{plan.file.name}: {seeds} clean flights, {int(told.landed.sum())} landed")
    for monitor in Monitor:
        if monitor is not Monitor.TOUCHDOWN:
            rose, landed = told.raised[:, monitor], told.landed
            false = rose & landed
            if monitor is Monitor.PROPELLANT_LOW:
                false = false & (told.left_kg >= float(plan.file.flight_software.monitors.propellant_min_kg))
            where = f": seeds {np.flatnonzero(rose)[:40].tolist()}" if rose.any() else ""
            print(
                f"  {monitor.name.lower():<24}{share(rose)}, landed {int((rose & landed).sum())}, false {int(false.sum())}{where}",
                flush=True,
            )
    print(f"  {'an engine lost':<24}{share(told.lost.max(axis=1))}", flush=True)


def caught(plan: Flightplan, monitor: Monitor, faults: tuple[str, ...], seeds: int) -> None:
    """It matters where the lander is lost when nobody acts; missing ground, where by the margin of the monitor there is none."""
    left, helped = (flown(acting(plan, acts), rows_of(faults), seeds, seeds) for acts in (None, monitor))
    rose, matters = left.raised[:, monitor], ~left.landed
    if monitor is Monitor.GROUND_MISSING:
        matters = matters & (left.higher_m > NEAR_GROUND_M + float(plan.mission.fsw.monitors.ground_margin_m))
    print(f"  {monitor.name.lower()} under {' and '.join(faults)}: {share(rose)}; where it matters {share(rose[matters])}; ", end="")
    missed = f"; missed: seeds {np.flatnonzero(matters & ~rose).tolist()}" if (matters & ~rose).any() else ""
    print(f"landed {int(left.landed.sum())} of {seeds}, {int(helped.landed.sum())} when it acts{missed}", flush=True)


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
    kinds = frozenset(row.kind for _, faults in faults_of(plan) for row in rows_of(faults))
    batches = []
    for first in range(0, seeds, width):
        fleet = with_faults(fleet_of(plan.mission, plan.spread, jnp.arange(first, first + width)), [rows] * width, kinds)
        batches.append(_batch(plan, fleet))
    return Told(*(np.concatenate(parts)[:seeds] for parts in zip(*batches, strict=True)))


def _batch(plan: Flightplan, fleet: sim.Fleet) -> Told:
    raised, lost = np.zeros((fleet.width, len(Monitor)), dtype=bool), np.zeros((fleet.width, 1), dtype=bool)
    higher_m, states = np.full(fleet.width, np.nan), None
    for chunk in sim.fly(fleet, plan.phases, call=CALL):
        states = chunk.states
        flying = ~np.asarray(states.verdict.touched)
        raised |= np.asarray(states.fsw.monitors.raised) & flying[:, None]
        if states.fsw.engines is not None:
            lost = lost | (np.asarray(states.fsw.engines.lost) & flying[:, None])
        believed_m, mode = _believed_m(plan, states), np.asarray(states.fsw.modes.mode)
        down = flying & (mode > Mode.BRAKING) & (mode < Mode.TOUCHDOWN) & (believed_m <= 0.0) & np.isnan(higher_m)
        higher_m = np.where(down, np.asarray(states.world.altitude_m) - believed_m, higher_m)
    assert states is not None
    landed = np.asarray(states.verdict.outcome) == Outcome.LANDED
    return Told(raised, lost, landed, np.asarray(states.world.propellant_kg), higher_m)


def _believed_m(plan: Flightplan, states: MissionState) -> np.ndarray:
    """Height over the ground, as flight software holds it."""
    nav = states.fsw.filter.nav
    return np.asarray(nav.r_lci_m.norm() - nav.terrain_m) - float(plan.mission.fsw.ground.reference_radius_m)


if __name__ == "__main__":
    main()
