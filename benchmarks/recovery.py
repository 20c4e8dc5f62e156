"""What recovery saves: an engine or an inertial unit that fails, a computer that restarts, a thrust too weak to land with, an altimeter that is
refused, a touchdown switch that lies, each with and without.

python benchmarks/recovery.py engine-out chandrayaan-3 --seeds 200
"""

import argparse
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import with_faults
from perilune.campaign.statistics import wilson_interval
from perilune.constants import GM_MOON_M3_S2, RADIUS_MOON_M
from perilune.faults.plan import FaultRow
from perilune.faults.words import rows_of
from perilune.scenario.build import Flightplan, build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load
from perilune.scenario.native import in_lanes, shelf_beside_jax
from perilune.sim import fly as sim
from perilune.sim.outcome import Outcome
from perilune.wire.telemetry import Mode

VOTING = {"flight_software.voting": {"source": "design", "disagree_sigmas": 6, "confirm_s": 0.5}}
VOTES = {
    "one unit": {},
    "two units with a vote": {"sensors.imu.units": 2, **VOTING},
    "three units with a vote": {"sensors.imu.units": 3, **VOTING},
}
# Settings, each with its word, and the faults that they are held against; some come together.
CASES: dict[str, tuple[dict[str, dict[str, Any]], tuple[str, ...]]] = {
    "engine-out": (
        {
            "without": {"flight_software.engine_out": {"source": "design", "confirm_s": 0.4, "act": False}},
            "with": {"flight_software.engine_out": {"source": "design", "confirm_s": 0.4, "act": True}},
        },
        (
            *(f"engine.out.0@phase=braking+{after_s}" for after_s in (60, 300, 600)),
            *(f"engine.out.0@phase=approach+{after_s}" for after_s in (60, 120)),
            *(f"engine.out.{engine}@altitude={height_m}" for engine in (0, 2) for height_m in (500, 100)),
        ),
    ),
    "engine-out-abort": (
        {
            "without": {"flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": True}},
            "with": {
                "flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": True},
                "flight_software.abort": {"source": "design", "altitude_km": 20, "margin_m_s": 50, "monitors": ["engine_lost"]},
            },
        },
        tuple(f"engine.out.0@phase=braking+{after_s}" for after_s in (60, 120, 200, 300)),
    ),
    "restart": (
        {"without": {}, "with": {"flight_software.restart": {"source": "design", "longest_s": 60}}},
        tuple(f"computer.reset:{lasts_s}@phase=braking+120" for lasts_s in (2, 5, 10, 20)),
    ),
    "abort": (
        {
            "without": {},
            "with": {
                "flight_software.abort": {
                    "source": "design",
                    "altitude_km": 14,
                    "margin_m_s": 50,
                    "monitors": ["weak_thrust", "attitude_diverged", "propellant_low"],
                }
            },
        },
        (
            "engine.thrust-loss.all:0.6@phase=braking+60",
            "engine.thrust-loss.all:0.6@phase=braking+120",
            "propellant.leak:0.5@phase=braking",
        ),
    ),
    "voting": (
        VOTES,
        (
            "accelerometer.dead@phase=braking",
            "accelerometer.frozen.all@phase=braking+60",
            "accelerometer.bias.all:0.01@phase=braking",
            "accelerometer.bias.all:0.1@phase=braking",
            "accelerometer.bias.all:1@phase=braking",
            "gyro.drift.all:0.0001@phase=braking",
            "gyro.drift.all:0.01@phase=braking",
            "gyro.dead.all@phase=braking",
            "gyro.saturated.y@phase=braking+60",
        ),
    ),
    "gate": (
        {"refused for good": {"flight_software.gates.altimeter.policy": "reject_for_good"}, "heard again": {}},
        (
            "accelerometer.bias.all:0.01@phase=braking",
            "ground.higher:1000@phase=braking",
            "altimeter.bias:1000@altitude=5000+0..10",
            "velocimeter.no-ranges",
            "accelerometer.bias.all:0.01@phase=braking and velocimeter.no-ranges",
            "ground.higher:1000@phase=braking and velocimeter.no-ranges",
            "altimeter.bias:1000@altitude=5000+0..10 and velocimeter.no-ranges",
        ),
    ),
    "touchdown": (
        {"one switch": {}, "two switches": {"flight_software.monitors.pads_needed": 2}},
        ("touchdown.stuck-on.0@altitude=40", "touchdown.stuck-off.0", "touchdown.stuck-off.0 and touchdown.stuck-off.1"),
    ),
    "unit-out": (VOTES, ("accelerometer.dead@altitude=13700", "accelerometer.dead@altitude=13700 and gyro.dead.all@altitude=13700")),
}
CALL = in_lanes(shelf_beside_jax())
# What counts as an orbit again: its lowest point, over the sphere.
ORBIT_M = 5e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("mission")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--clean", type=int, default=200)
    asked = parser.parse_args()
    variants, faults = CASES[asked.case]
    kinds = frozenset(row.kind for fault in faults for row in rows_of(fault.split(" and ")))
    for word, settings in variants.items():
        plan = build(with_settings(load(asked.mission), settings))
        for fault in (None, *faults):
            rows, seeds = ((), asked.clean) if fault is None else (rows_of(fault.split(" and ")), asked.seeds)
            print(f"{asked.mission}, {asked.case}: {word}, {fault or 'no fault'}: {told(flown(plan, rows, seeds, kinds))}", flush=True)


class Flown(NamedTuple):
    """Of each flight: whether it landed, is back in an orbit, had an inertial unit set aside, or was ever in doubt which."""

    landed: np.ndarray
    orbiting: np.ndarray
    set_aside: np.ndarray
    undecided: np.ndarray


def told(flights: Flown) -> str:
    told = [f"{name.replace('_', ' ')} {share(found)}" for name, found in flights._asdict().items()]
    alarms = [int((found & flights.landed).sum()) for found in (flights.set_aside, flights.undecided)]
    return f"{', '.join(told)}; of those that landed {alarms[0]} set aside, {alarms[1]} undecided"


def share(found: np.ndarray) -> str:
    low, high = wilson_interval(int(found.sum()), len(found))
    return f"{int(found.sum())} of {len(found)} ({100 * low:.1f} to {100 * high:.1f} %)"


def flown(plan: Flightplan, rows: tuple[FaultRow, ...], seeds: int, kinds: frozenset[int], width: int = 200) -> Flown:
    batches = []
    for first in range(0, seeds, width):
        fleet = with_faults(fleet_of(plan.mission, plan.spread, jnp.arange(first, first + width)), [rows] * width, kinds)
        batches.append(_batch(plan, fleet, width))
    return Flown(*(np.concatenate(parts)[:seeds] for parts in zip(*batches, strict=True)))


def _batch(plan: Flightplan, fleet: sim.Fleet, width: int) -> Flown:
    states, undecided = None, np.zeros(width, dtype=bool)
    set_aside, voting = undecided, plan.mission.fsw.voting
    for chunk in sim.fly(fleet, plan.phases, call=CALL):
        states = chunk.states
        if voting is not None:
            report = jax.vmap(voting.report)(states.fsw.vote)
            undecided = undecided | np.any(report.undecided, axis=1)
            set_aside = np.any(report.set_aside, axis=(1, 2))
    assert states is not None
    outcome, body = np.asarray(states.verdict.outcome), states.world.body
    up = (np.asarray(states.fsw.modes.mode) == Mode.ABORT) & (outcome != Outcome.CRASHED)
    high = _lowest_m(np.asarray(body.r_lci_m.array()), np.asarray(body.v_lci_m_s.array())) > RADIUS_MOON_M + ORBIT_M
    return Flown(outcome == Outcome.LANDED, up & high, set_aside, undecided)


def _lowest_m(r_m: np.ndarray, v_m_s: np.ndarray) -> np.ndarray:
    """Radius of the lowest point of each orbit, of a point mass."""
    radius_m = np.linalg.norm(r_m, axis=1)
    energy = 0.5 * np.sum(v_m_s**2, axis=1) - GM_MOON_M3_S2 / radius_m
    momentum = np.linalg.norm(np.cross(r_m, v_m_s), axis=1)
    return momentum**2 / GM_MOON_M3_S2 / (1.0 + np.sqrt(np.maximum(1.0 + 2.0 * energy * (momentum / GM_MOON_M3_S2) ** 2, 0.0)))


if __name__ == "__main__":
    main()
