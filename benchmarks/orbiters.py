"""The odds of orbiters from separation on: seed after seed in one process, a line each, and a row of JSON each.

python benchmarks/orbiters.py luna-26 --seeds 500 --keep FOLDER --out luna-26.jsonl

A seed that the file holds already is not flown again.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

# XLA makes one function of a loop of less than so many bytes, instead of calling a function for each of its operations: coasts, searches
# and ticks of a single lander run two to four times as fast. It has to be said before JAX looks for a device.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000")

import perilune
from perilune.campaign.orbiters import Orbiters, odds
from perilune.scenario.errors import ScenarioError
from perilune.scenario.programs import kept_programs
from perilune.scenario.schema import OrbiterFile


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("mission")
    asked.add_argument("--seeds", type=int, default=3, help="how many")
    asked.add_argument("--first", type=int, default=0, help="the first seed")
    asked.add_argument("--keep", type=Path, default=None, help="keep plans and programs there for the next time")
    asked.add_argument("--out", type=Path, default=None, help="rows of JSON, one a seed")
    words = asked.parse_args()
    file = perilune.load(words.mission)
    if not isinstance(file, OrbiterFile):
        raise SystemExit(f"{words.mission} is no orbiter; campaigns fly landers")
    rows = {row["seed"]: row for row in _rows(words.out)}
    with kept_programs(words.keep) as programs:
        orbiters = Orbiters(file, programs)
        for seed in range(words.first, words.first + words.seeds):
            if seed not in rows:
                rows[seed] = flown(orbiters, seed)
                if words.out is not None:
                    with words.out.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(rows[seed]) + "\n")
                print(line(rows[seed]), flush=True)
    fates = [rows[seed]["outcome"] for seed in range(words.first, words.first + words.seeds)]
    print(f"{words.mission}: {odds(fates)}")


def _rows(out: Path | None) -> Iterator[dict]:
    if out is not None and out.exists():
        yield from map(json.loads, out.read_text(encoding="utf-8").splitlines())


def flown(orbiters: Orbiters, seed: int) -> dict:
    began_s = time.process_time()
    try:
        told = orbiters.outcome(seed)
    except ScenarioError as error:  # no burn could be found at all
        told = {"seed": seed, "outcome": "lost", "cause": str(error), "burns": [], "orbit": None, "propellant_left_kg": None}
    kept = {key: told[key] for key in ("seed", "outcome", "cause", "orbit", "propellant_left_kg", "burns")}
    return {**kept, "cpu_s": time.process_time() - began_s}


def line(row: dict) -> str:
    left_kg = "" if row["propellant_left_kg"] is None else f", {row['propellant_left_kg']:.1f} kg left"
    return f"seed {row['seed']}: {row['outcome']}, {row['cause']}{left_kg} ({row['cpu_s']:.1f} s of processor)"


if __name__ == "__main__":
    main()
