"""Sobol's first and total indices of the inputs that decide most in a campaign, and of all else, by flights made for them.

python benchmarks/total_indices.py luna-25 --samples 512
"""

import argparse
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from perilune.campaign.asked import asked
from perilune.campaign.campaign import cores
from perilune.campaign.indices import total_indices
from perilune.campaign.squadron import Squadron
from perilune.cli.terminal import keep_compiled_programs
from perilune.report.hunt_folder import flights
from perilune.scenario.programs import kept_programs

CHOSEN = ("thrust.0", "thrust.2", "isp.0", "propellant", "dry_mass", "tracking.cross", "tracking.cross_speed")
RESPONSES = ("propellant_kg", "vertical_m_s", "along_m", "across_m")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("mission")
    words.add_argument("--samples", type=int, default=512, help="a power of two; so many flights times the inputs and three more")
    words.add_argument("--inputs", nargs="*", default=CHOSEN)
    given = words.parse_args()
    with kept_programs(keep_compiled_programs()) as programs, ThreadPoolExecutor(max_workers=cores()) as threads:
        squadron = Squadron(asked({"mission": given.mission}), programs)
        squadron.prepare()

        def fly(u: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
            rows = flights(squadron, threads, u, seeds)
            landed = np.array([squadron.why_not(row) == "" for row in rows], dtype=float)
            return {"landed": landed, **{name: np.array([getattr(row, name) for row in rows]) for name in RESPONSES}}

        told = total_indices(fly, [each.name for each in squadron.inputs], given.inputs, given.samples)
    for response, indices in told.items():
        print(f"{response}: first sum {sum(each.first for each in indices):.2f}")
        for each in indices:
            print(f"  {each.input}: alone {each.first:.2f} +- {each.first_within:.2f}, in all {each.total:.2f} +- {each.total_within:.2f}")


if __name__ == "__main__":
    main()
