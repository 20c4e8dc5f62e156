"""Dispersed flights of a mission at the sizes of its file: the odds of landing, with a Wilson interval and every failure by cause.

python benchmarks/dispersed_flights.py luna-25 --seeds 1000 --width 128
"""

import argparse
import time

import numpy as np

from perilune.campaign.runner import WIDTH, cases, odds, on_fair_ground
from perilune.scenario.build import build
from perilune.scenario.load import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mission")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--width", type=int, default=WIDTH)
    asked = parser.parse_args()
    started = time.perf_counter()
    plan = build(load(asked.mission))
    rows = []
    for row in cases(plan, range(asked.first, asked.first + asked.seeds), asked.width):
        rows.append(row)
        if len(rows) % asked.width == 0:
            print(f"{len(rows)} flown, {time.perf_counter() - started:.0f} s", flush=True)
    tell(plan, rows)


def tell(plan, rows) -> None:
    fair = odds(plan, on_fair_ground(plan, rows))
    every = odds(plan, rows)
    print(f"{plan.file.name}: on ground within the slope limit {fair}")
    print(f"  failures: {dict(fair.reasons)}")
    print(f"{plan.file.name}: all flights {every}")
    print(f"  failures: {dict(every.reasons)}")
    limit_deg = float(plan.file.limits.tilt_deg)
    steep = sum(row.outcome.name == "LANDED" and row.rest_tilt_deg > limit_deg for row in on_fair_ground(plan, rows))
    print(f"  of those landed on ground within the slope limit, {steep} stand at more than {limit_deg:g} deg")
    for name in ("vertical_m_s", "horizontal_m_s", "tilt_deg", "rest_tilt_deg", "slope_deg", "propellant_kg", "along_m", "across_m"):
        values = np.array([getattr(row, name) for row in rows])
        low, middle, high = np.quantile(values, [0.01, 0.5, 0.99])
        print(
            f"  {name:<16} 1 % {low:10.2f}   median {middle:10.2f}   99 % {high:10.2f}   worst {values.min():10.2f} .. {values.max():10.2f}"
        )
    for row in rows:
        if row.outcome.name != "LANDED":
            print(f"  {row}")


if __name__ == "__main__":
    main()
