"""What recovery saves: an engine that fails, a computer that restarts, a thrust too weak to land with, each with and without.

python benchmarks/recovery.py engine-out chandrayaan-3 --seeds 200
"""

import argparse
from typing import Any

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

# Settings without and with, and the faults that each is held against.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "engine-out": (
        {"flight_software.engine_out": {"source": "design", "confirm_s": 0.4, "act": False}},
        {"flight_software.engine_out": {"source": "design", "confirm_s": 0.4, "act": True}},
        (
            *(f"engine.out.0@phase=braking+{after_s}" for after_s in (60, 300, 600)),
            *(f"engine.out.0@phase=approach+{after_s}" for after_s in (60, 120)),
            *(f"engine.out.{engine}@altitude={height_m}" for engine in (0, 2) for height_m in (500, 100)),
        ),
    ),
    "engine-out-abort": (
        {"flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": True}},
        {
            "flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": True},
            "flight_software.abort": {"source": "design", "altitude_km": 20, "margin_m_s": 50, "monitors": ["engine_lost"]},
        },
        tuple(f"engine.out.0@phase=braking+{after_s}" for after_s in (60, 120, 200, 300)),
    ),
    "restart": (
        {},
        {"flight_software.restart": {"source": "design", "longest_s": 60}},
        tuple(f"computer.reset:{lasts_s}@phase=braking+120" for lasts_s in (2, 5, 10, 20)),
    ),
    "abort": (
        {},
        {
            "flight_software.abort": {
                "source": "design",
                "altitude_km": 14,
                "margin_m_s": 50,
                "monitors": ["weak_thrust", "attitude_diverged", "propellant_low"],
            }
        },
        (
            "engine.thrust-loss.all:0.6@phase=braking+60",
            "engine.thrust-loss.all:0.6@phase=braking+120",
            "propellant.leak:0.5@phase=braking",
        ),
    ),
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
    without, within, faults = CASES[asked.case]
    for settings, word in ((without, "without"), (within, "with")):
        plan = build(with_settings(load(asked.mission), settings))
        kinds = frozenset(row.kind for row in rows_of(faults))
        for fault in (None, *faults):
            rows, seeds = ((), asked.clean) if fault is None else (rows_of([fault]), asked.seeds)
            landed, orbiting = flown(plan, rows, seeds, kinds)
            print(
                f"{asked.mission}, {word} {asked.case}, {fault or 'no fault'}: landed {share(landed)}, in orbit again {share(orbiting)}",
                flush=True,
            )


def share(found: np.ndarray) -> str:
    low, high = wilson_interval(int(found.sum()), len(found))
    return f"{int(found.sum())} of {len(found)} ({100 * low:.1f} to {100 * high:.1f} %)"


def flown(
    plan: Flightplan, rows: tuple[FaultRow, ...], seeds: int, kinds: frozenset[int], width: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Which flights landed, and which are back in an orbit."""
    landed, orbiting = [], []
    for first in range(0, seeds, width):
        fleet, states = with_faults(fleet_of(plan.mission, plan.spread, jnp.arange(first, first + width)), [rows] * width, kinds), None
        for chunk in sim.fly(fleet, plan.phases, call=CALL):
            states = chunk.states
        assert states is not None
        outcome, body = np.asarray(states.verdict.outcome), states.world.body
        up = (np.asarray(states.fsw.modes.mode) == Mode.ABORT) & (outcome != Outcome.CRASHED)
        landed.append(outcome == Outcome.LANDED)
        orbiting.append(up & (_lowest_m(np.asarray(body.r_lci_m.array()), np.asarray(body.v_lci_m_s.array())) > RADIUS_MOON_M + ORBIT_M))
    return np.concatenate(landed)[:seeds], np.concatenate(orbiting)[:seeds]


def _lowest_m(r_m: np.ndarray, v_m_s: np.ndarray) -> np.ndarray:
    """Radius of the lowest point of each orbit, of a point mass."""
    radius_m = np.linalg.norm(r_m, axis=1)
    energy = 0.5 * np.sum(v_m_s**2, axis=1) - GM_MOON_M3_S2 / radius_m
    momentum = np.linalg.norm(np.cross(r_m, v_m_s), axis=1)
    return momentum**2 / GM_MOON_M3_S2 / (1.0 + np.sqrt(np.maximum(1.0 + 2.0 * energy * (momentum / GM_MOON_M3_S2) ** 2, 0.0)))


if __name__ == "__main__":
    main()
