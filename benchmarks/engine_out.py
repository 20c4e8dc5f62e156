"""An engine that fails in braking: how often the lander lands when flight software acts on it, and when it only reports.

python benchmarks/engine_out.py chandrayaan-3 --seeds 200
"""

import argparse

from perilune.campaign.overlay import with_settings
from perilune.campaign.runner import cases, odds
from perilune.faults.words import rows_of
from perilune.scenario.build import build
from perilune.scenario.load import load
from perilune.scenario.native import in_lanes, shelf_beside_jax

AFTER_IGNITION_S = (60, 300, 500, 650)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mission")
    parser.add_argument("--engine", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--width", type=int, default=100)
    asked = parser.parse_args()
    call = in_lanes(shelf_beside_jax())
    for act in (False, True):
        settings = {"flight_software.engine_out": {"source": "design", "confirm_s": 2, "act": act}}
        plan = build(with_settings(load(asked.mission), settings))
        for after_s in (None, *AFTER_IGNITION_S):
            rows = rows_of([f"engine.out.{asked.engine}@phase=braking+{after_s}"] if after_s is not None else [])
            kinds = frozenset(row.kind for row in rows_of(["engine.out.0"]))
            told = odds(plan, list(cases(plan, range(asked.seeds), asked.width, None, [rows] * asked.seeds, call, kinds)))
            when = "no engine out" if after_s is None else f"out {after_s} s after ignition"
            print(f"{asked.mission}, {'acts' if act else 'reports'}, {when}: {told}; {dict(told.reasons)}", flush=True)


if __name__ == "__main__":
    main()
