"""A hunt by subset simulation from the command line to a folder: progress, a page with the levels, and what a terminal shows."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table

from perilune.campaign.campaign import How, cores, new_folder
from perilune.campaign.kept import RESULT, written
from perilune.campaign.margins import MARGINS, columns_of, margins
from perilune.campaign.rare import Level, Margin, Rare, subset_simulation
from perilune.campaign.runner import half_axes_m
from perilune.campaign.squadron import Squadron
from perilune.report.hunt_folder import SHELF, asked_of_hunt, document, flights
from perilune.report.style import BAD, INK, TRUTH, drawing, svg
from perilune.report.told import Told
from perilune.scenario.errors import ScenarioError, nearest
from perilune.scenario.programs import kept_programs

# A tenth of a level are chains, which go on together: two batches of them.
SAMPLES, WIDTH = 2560, 128
SHOWN = 6


def subset_hunted(mission: str, margin: str, out: Path | None, how: How, changes: dict[str, Any], console: Console) -> Told:
    """Hunt one margin down to where nothing of it is left. `changes` are those of a campaign; its cases are the flights of a level."""
    if margin not in MARGINS:
        raise ScenarioError(f"--by subset:{margin}: there is no such margin; {nearest(margin, MARGINS)}")
    asked = asked_of_hunt(mission, {"cases": SAMPLES, "width": WIDTH, **changes})
    with kept_programs(how.keep_in) as programs, ThreadPoolExecutor(max_workers=how.workers or cores()) as threads:
        squadron = Squadron(asked, programs)
        left = margin_of(squadron, margin, threads)
        folder = new_folder(out, SHELF, f"{squadron.file.name}-{margin}")
        console.print(f"{squadron.file.name}: {asked.cases:,} flights a level (programs are made first, if they are new)")
        squadron.prepare()
        found = subset_simulation(left, len(squadron.inputs), asked.cases, asked.seed, watch=Levels(console.print))
    return write(found, squadron, margin, folder)


def margin_of(squadron: Squadron, margin: str, threads: ThreadPoolExecutor) -> Margin:
    """One margin, as subset simulation asks for it."""
    half_axes = half_axes_m(squadron.plan)
    if margin == "ellipse" and half_axes is None:
        raise ScenarioError(f"--by subset:ellipse: {squadron.file.name} has no published ellipse")

    def left(numbers: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        rows = flights(squadron, threads, numbers, seeds)
        return margins(squadron.file, half_axes, columns_of(rows, [squadron.why_not(row) for row in rows]))[margin]

    return left


class Levels:
    """A line a level, with the share of all flights that is left."""

    def __init__(self, tell: Callable[[str], None]):
        self._tell, self._share = tell, 1.0

    def __call__(self, level: str, share: float) -> None:
        self._share *= share
        self._tell(f"{level}: {self._share:.2e} of all flights")


def write(found: Rare, squadron: Squadron, margin: str, folder: Path) -> Told:
    result = told(found, squadron, margin)
    title = f"{squadron.file.mission.title}: {margin}, by subset simulation"
    written(folder / RESULT, json.dumps(result, indent=2) + "\n")
    sections = [("The levels", _drawn(result)), ("What the flights that failed had drawn", _inputs(result))]
    written(folder / "report.html", document(title, found.probability, sentence(result), sections))
    return Told(result, shown(result), {"result": str(folder / RESULT), "report": str(folder / "report.html")})


def told(found: Rare, squadron: Squadron, margin: str) -> dict[str, Any]:
    """As `result.json` has it."""
    p, error = found.probability, found.error
    return {
        "schema": 1,
        "mission": squadron.file.name,
        "seed": squadron.asked.seed,
        "variant": squadron.asked.variant,
        "faults": list(squadron.asked.faults),
        "by": "subset",
        "margin": margin,
        "flights": found.flights,
        "plain_flights_for_the_same": (1.0 - p) / (p * error**2) if p > 0.0 and error > 0.0 else None,
        "failure": {"probability": p, "interval": list(found.interval), "relative_error": error, "failed": len(found.failed.seeds)},
        "levels": [_level(level) for level in found.levels],
        "inputs": decisive(found, squadron),
    }


def _level(level: Level) -> dict[str, Any]:
    return {"threshold": level.threshold, "share": level.share, "relative_error": level.error, "flights": level.flights}


def decisive(found: Rare, squadron: Squadron) -> list[dict[str, Any]]:
    """Inputs of the flights that failed that lie farthest from where chance has them, by their mean square: mean and root mean square in sigma."""
    if not len(found.failed.seeds):
        return []
    mean, square = np.mean(found.failed.u, axis=0), np.mean(found.failed.u**2, axis=0)
    order = np.argsort(-square, kind="stable")[:SHOWN]
    return [{"input": squadron.inputs[k].name, "mean_sigma": float(mean[k]), "rms_sigma": float(np.sqrt(square[k]))} for k in order]


def sentence(result: dict[str, Any]) -> str:
    rare, plain = result["failure"], result["plain_flights_for_the_same"]
    low, high = rare["interval"]
    if rare["probability"] == 0.0:
        return f"after {len(result['levels'])} levels and {result['flights']:,} flights nothing had failed"
    line = f"nothing is left of margin '{result['margin']}' with probability {rare['probability']:.2e} ({low:.1e} to {high:.1e})"
    line += f"; {result['flights']:,} flights were flown"
    return f"{line}, as many as {plain:,.0f} plain ones tell" if plain is not None else line


def shown(result: dict[str, Any]) -> list[RenderableType]:
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("margin below", "of all flights", "relative error", "flights"):
        rows.add_column(heading)
    for threshold, probability, error, flown in _descent(result):
        rows.add_row(f"{threshold:.3f}", f"{probability:.2e}", f"{error:.2f}", f"{flown:,}")
    inputs = ", ".join(f"{each['input']} {each['mean_sigma']:+.1f} (rms {each['rms_sigma']:.1f})" for each in result["inputs"])
    return [sentence(result), rows, *([f"failed flights had drawn, in sigma: {inputs}"] if inputs else [])]


def _descent(result: dict[str, Any]) -> list[tuple[float, float, float, int]]:
    """Threshold, probability to be below it, its relative error, and flights of each level."""
    rows, probability, variance = [], 1.0, 0.0
    for level in result["levels"]:
        probability, variance = probability * level["share"], variance + level["relative_error"] ** 2
        rows.append((level["threshold"], probability, float(np.sqrt(variance)), level["flights"]))
    return rows


def _drawn(result: dict[str, Any]) -> str:
    rows = _descent(result)
    thresholds, probabilities = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    factors = np.exp(1.96 * np.sqrt(np.log1p(np.array([row[2] for row in rows]) ** 2)))
    with drawing(height_in=2.8) as (figure, (axes,)):
        axes.fill_between(thresholds, probabilities / factors, probabilities * factors, color=TRUTH, alpha=0.18, lw=0)
        axes.plot(thresholds, probabilities, "o-", color=TRUTH)
        axes.set_yscale("log")
        axes.axvline(0.0, color=BAD, lw=1.4)
        axes.set(xlabel=f"margin '{result['margin']}', share of the limit that is left", ylabel="of all flights have less")
        return svg(figure)


def _inputs(result: dict[str, Any]) -> str:
    inputs = result["inputs"]
    if not inputs:
        return "<p>None failed.</p>"
    with drawing(height_in=0.9 + 0.3 * len(inputs)) as (figure, (axes,)):
        for place, each in enumerate(reversed(inputs)):
            axes.barh(place, each["rms_sigma"], color=BAD, alpha=0.75, height=0.55)
            axes.plot(each["mean_sigma"], place, "o", color=INK)
        axes.set_yticks(range(len(inputs)), [each["input"] for each in reversed(inputs)])
        axes.axvline(1.0, color=INK, lw=0.8)
        axes.set_xlabel("root mean square of the draws (plain ones: 1), and their mean, in sigma")
        drawn = svg(figure)
    return f"{drawn}<p>{escape('The flights of a chain resemble each other: inputs near the line may be chance.')}</p>"
