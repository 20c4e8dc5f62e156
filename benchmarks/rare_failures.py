"""Rare failures of real flights: what plain flights count, beside the hunt and subset simulation, each again and again with other seeds.

perilune campaign luna-25 -n 50000 --out PLAIN
python benchmarks/rare_failures.py PLAIN --hunts 5 --flights 10000 --subsets 5 --samples 2560 --keep FOLDER
"""

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from perilune.campaign.asked import Asked
from perilune.campaign.campaign import cores, of_folder
from perilune.campaign.hunt import hunt
from perilune.campaign.margins import COLUMNS, ELLIPSE, MARGINS, margins
from perilune.campaign.rare import subset_simulation
from perilune.campaign.runner import half_axes_m
from perilune.campaign.squadron import Squadron
from perilune.campaign.statistics import wilson_interval
from perilune.campaign.table import CaseTable
from perilune.cli.terminal import keep_compiled_programs
from perilune.report.hunt_folder import flyer
from perilune.report.subset_folder import SAMPLES, WIDTH, Levels, margin_of
from perilune.scenario.programs import kept_programs

ANY = "any failure"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("plain", type=Path, help="folder of a campaign of plain flights")
    words.add_argument("--hunts", type=int, default=5)
    words.add_argument("--flights", type=int, default=10_000)
    words.add_argument("--subsets", type=int, default=5)
    words.add_argument("--samples", type=int, default=SAMPLES, help="a level")
    words.add_argument("--margins", nargs="*", default=[ELLIPSE], choices=MARGINS, help="of subset simulation")
    words.add_argument("--first", type=int, default=0, help="the first seed")
    words.add_argument("--keep", type=Path, required=True, help="runs lie there, and are not flown again")
    asked = words.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    wanted, _ = of_folder(asked.plain)
    with kept_programs(keep_compiled_programs()) as programs, ThreadPoolExecutor(max_workers=cores()) as threads:
        squadron = Squadron(Asked.model_validate({**wanted.model_dump(), "seed": 0, "width": WIDTH, "histories": ""}), programs)
        ends_s = squadron.plan.phases[-1].start_tick * float(squadron.file.flight_software.cycle_s)
        truth = counted(asked.plain, ends_s)
        tell_plain(truth)
        hunts = []
        for seed in range(asked.first, asked.first + asked.hunts):
            path = asked.keep / f"hunt-{asked.flights}-{seed}.json"
            hunts.append(once(path, partial(hunted, squadron, threads, asked.flights, seed)))
        tell("hunt", hunts, truth)
        within = counted_margins(squadron, asked.plain, ends_s)
        tell_plain(within)
        for margin in asked.margins:
            runs = []
            for seed in range(asked.first, asked.first + asked.subsets):
                path = asked.keep / f"subset-{margin}-{asked.samples}-{seed}.json"
                runs.append(once(path, partial(subset, squadron, threads, margin, asked.samples, seed)))
            tell("subset simulation", runs, within)


def once(path: Path, run: Callable[[], dict]) -> dict:
    if not path.exists():
        path.write_text(json.dumps(run()))
    return json.loads(path.read_text())


def counted(folder: Path, ends_s: float) -> dict[str, tuple[int, int]]:
    """Failures by cause, and flights, of plain ones. Who fell from orbit after the descent is lost here, as in a hunt."""
    rows = CaseTable(folder).read(("case", "reason", "met_s"))
    whys = np.where(rows["met_s"] > ends_s, "lost", rows["reason"].astype(str))
    names, counts = np.unique(whys[whys != ""], return_counts=True)
    order = np.argsort(-counts)
    return {ANY: (int(np.sum(whys != "")), len(whys)), **{str(names[k]): (int(counts[k]), len(whys)) for k in order}}


def counted_margins(squadron: Squadron, folder: Path, ends_s: float) -> dict[str, tuple[int, int]]:
    """Flights of which nothing is left of a margin, and flights, of plain ones."""
    rows = CaseTable(folder).read((*COLUMNS, "reason"))
    rows["met_s"] = np.where(rows["met_s"] > ends_s, 0.0, rows["met_s"])
    left = margins(squadron.file, half_axes_m(squadron.plan), rows)
    return {name: (int(np.sum(values <= 0.0)), len(values)) for name, values in left.items()}


def hunted(squadron: Squadron, threads: ThreadPoolExecutor, flights: int, seed: int) -> dict:
    found = hunt(flyer(squadron, threads), squadron.inputs, flights, seed, lambda line: print(f"  {line}", flush=True))
    told = found.told()
    causes = {ANY: told["failure"], **{each["cause"]: each for each in told["causes"]}}
    return {"flights": found.flights, "causes": causes, "ways": told["ways"]}


def subset(squadron: Squadron, threads: ThreadPoolExecutor, margin: str, samples: int, seed: int) -> dict:
    left = margin_of(squadron, margin, threads)
    found = subset_simulation(left, len(squadron.inputs), samples, seed, watch=Levels(lambda line: print(f"  {line}", flush=True)))
    rare = {
        "probability": found.probability,
        "interval": list(found.interval),
        "relative_error": found.error,
        "failed": len(found.failed.seeds),
    }
    return {"flights": found.flights, "causes": {margin: rare}, "levels": [vars(level) for level in found.levels]}


def tell_plain(truth: dict[str, tuple[int, int]]) -> None:
    for cause, (count, flights) in truth.items():
        low, high = wilson_interval(count, flights)
        print(f"plain flights: {cause}: {count} of {flights}, {count / flights:.2e} ({low:.2e} to {high:.2e})")


def tell(method: str, runs: list[dict], truth: dict[str, tuple[int, int]]) -> None:
    """For each cause: mean of the runs over what was counted, and how many of their intervals meet that of the count."""
    for cause, (count, flights) in truth.items():
        told = [run["causes"].get(cause) for run in runs]
        if not any(told):
            continue
        low, high = wilson_interval(count, flights)
        share = count / flights
        inside = sum(each is not None and each["interval"][0] <= share <= each["interval"][1] for each in told)
        apart = sum(each is None or each["interval"][0] > high or each["interval"][1] < low for each in told)
        each_one = ", ".join(
            "none" if each is None else f"{each['probability']:.2e} ({each['interval'][0]:.1e} to {each['interval'][1]:.1e})"
            for each in told
        )
        cost = np.mean([run["flights"] for run in runs])
        mean = np.mean([0.0 if each is None else each["probability"] for each in told]) / share
        print(
            f"{method}: {cause}: mean {mean:.2f} of the count, {inside} of {len(told)} hold it, {apart} apart; {cost:,.0f} flights: {each_one}"
        )


if __name__ == "__main__":
    main()
