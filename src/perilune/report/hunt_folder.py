"""A hunt from the command line to a folder: progress, a campaign file for each way to fail, a page, and what a terminal shows."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table

from perilune.campaign.asked import Asked, asked_of
from perilune.campaign.campaign import How, cores, new_folder
from perilune.campaign.hunt import Hunt, hunt
from perilune.campaign.kept import RESULT, written
from perilune.campaign.runner import Case
from perilune.campaign.squadron import Squadron
from perilune.report.style import BAD, INK, drawing, svg
from perilune.report.told import Told
from perilune.scenario.errors import ScenarioError
from perilune.scenario.programs import kept_programs

SHELF = Path("hunts")
FLIGHTS, FLIGHTS_MIN = 10_000, 200
# Flights of the campaign that a way is written as.
CASES_OF_WAY = 100


def hunted(mission: str, out: Path | None, how: How, changes: dict[str, Any], console: Console) -> Told:
    """Hunt, and write what was found into a new folder. `changes` are those of a campaign; its cases are the flights of the count."""
    asked = asked_of_hunt(mission, {"cases": FLIGHTS, **changes})
    with kept_programs(how.keep_in) as programs:
        squadron = Squadron(asked, programs)
        folder = new_folder(out, SHELF, squadron.file.name)
        console.print(f"{squadron.file.name}: {asked.cases:,} flights are counted (programs are made first, if they are new)")
        squadron.prepare()
        with ThreadPoolExecutor(max_workers=how.workers or cores()) as threads:
            found = hunt(flyer(squadron, threads), squadron.inputs, asked.cases, asked.seed, console.print)
    return write(found, squadron, folder)


def asked_of_hunt(mission: str, changes: dict[str, Any]) -> Asked:
    """A campaign that a hunt can draw for; ScenarioError for another."""
    asked = asked_of(mission, changes)
    if asked.cases < FLIGHTS_MIN:
        raise ScenarioError(f"--flights is {asked.cases}; a hunt needs {FLIGHTS_MIN} and more")
    if asked.inputs or asked.correlated or asked.design != "random":
        raise ScenarioError(f"'{mission}' has laws of its own for inputs; a hunt draws them as the mission file has them")
    return asked


def flyer(squadron: Squadron, threads: ThreadPoolExecutor) -> Any:
    """Why flights failed, as a hunt asks for it."""

    def fly(numbers: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return np.array([squadron.why_not(row) for row in flights(squadron, threads, numbers, seeds)], dtype=object)

    return fly


def flights(squadron: Squadron, threads: ThreadPoolExecutor, numbers: np.ndarray, seeds: np.ndarray) -> list[Case]:
    """Any number of them, in batches of the campaign's width over threads."""
    width = squadron.asked.width
    parts = [slice(first, first + width) for first in range(0, len(seeds), width)]
    rows = threads.map(lambda part: squadron.flown(numbers[part], seeds[part]), parts)
    return [row for part in rows for row in part]


def write(found: Hunt, squadron: Squadron, folder: Path) -> Told:
    asked, files = squadron.asked, {}
    about = {"mission": squadron.file.name, "seed": asked.seed, "variant": asked.variant, "faults": list(asked.faults)}
    result = {**about, **found.told()}
    for number in range(len(found.ways)):
        name = folder / f"way-{number + 1}.toml"
        written(name, way_file(found, number, asked))
        files[f"way_{number + 1}"] = str(name)
    written(folder / RESULT, json.dumps(result, indent=2) + "\n")
    written(folder / "report.html", page(result, squadron.file.mission.title))
    return Told(result, shown(result), {"result": str(folder / RESULT), "report": str(folder / "report.html"), **files})


def way_file(found: Hunt, number: int, asked: Asked) -> str:
    """A campaign in which every flight has the inputs of a design point, and chance on the way is its own."""
    way = found.ways[number]
    lines = [
        f"# The likeliest way to: {way.cause}; {way.distance:.2f} sigma from the nominal. Inputs that are not named are at their nominal.",
        f"mission = {json.dumps(asked.mission)}",
        f"cases = {CASES_OF_WAY}",
        *([f"faults = {json.dumps(list(asked.faults))}"] if asked.faults else []),
        *([f"variant = {json.dumps(asked.variant)}"] if asked.variant != "nominal" else []),
    ]
    for place, each in enumerate(found.inputs):
        if each.size == 0.0:
            continue
        value = float(each.values(way.u[place : place + 1])[0])
        lines += ["", f"[inputs.{json.dumps(each.name)}]", f'law = "fixed"  # {way.u[place]:+.2f} sigma', f"value = {value!r}"]
    return "\n".join(lines) + "\n"


def shown(result: dict[str, Any]) -> Sequence[RenderableType]:
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("failure", "probability", "95 %", "seen"):
        rows.add_column(heading)
    for name, rare in (("any", result["failure"]), *((each["cause"], each) for each in result["causes"])):
        low, high = rare["interval"]
        rows.add_row(name, f"{rare['probability']:.2e}", f"{low:.1e} to {high:.1e}", str(rare["failed"]))
    lines = [sentence(result), rows]
    for number, way in enumerate(result["ways"]):
        told = ", ".join(f"{each['input']} {each['value']:+.3g} {each['unit']} ({each['sigma']:+.1f} sigma)" for each in way["inputs"])
        lines.append(f"way {number + 1}, {way['cause']}, {way['distance_sigma']:.2f} sigma: {told}")
    return lines


def sentence(result: dict[str, Any]) -> str:
    rare, plain = result["failure"], result["plain_flights_for_the_same"]
    low, high = rare["interval"]
    line = f"a flight fails with probability {rare['probability']:.2e} ({low:.1e} to {high:.1e}); {result['flights']:,} flights were flown"
    return f"{line}, as many as {plain:,.0f} plain ones tell" if plain is not None and np.isfinite(plain) else line


def page(result: dict[str, Any], title: str) -> str:
    ways = "".join(_way(number, way) for number, way in enumerate(result["ways"])) or "<p>No input decides: it is chance on the way.</p>"
    sections = [("How likely", _odds(result)), ("The likeliest ways", ways)]
    return document(f"{title}: the hunt", result["failure"]["probability"], sentence(result), sections)


def document(title: str, probability: float, line: str, sections: Sequence[tuple[str, str]]) -> str:
    """One HTML document, with its figures in it."""
    css = resources.files("perilune.report").joinpath("page.css").read_text(encoding="utf-8")
    head = (
        f'<header class="verdict" style="--verdict: {BAD}"><div><h1>{escape(title)}</h1>'
        f'<p class="word">{probability:.1e}</p><p class="sentence">{escape(line)}</p></div></header>'
    )
    body = "".join(f"<section><h2>{escape(heading)}</h2>{inside}</section>" for heading, inside in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{css}</style></head><body>{head}<main>{body}</main></body></html>\n"
    )


def _odds(result: dict[str, Any]) -> str:
    rows = [("any failure", result["failure"]), *((each["cause"], each) for each in result["causes"])]
    rows = [row for row in rows if row[1]["probability"] > 0.0]
    if not rows:
        return f"<p>Nothing failed: the probability is below {result['failure']['interval'][1]:.1e}.</p>"
    with drawing(height_in=0.9 + 0.32 * len(rows)) as (figure, (axes,)):
        for place, (_, rare) in enumerate(reversed(rows)):
            axes.plot(rare["interval"], [place, place], color=INK, lw=1.4)
            axes.plot(rare["probability"], place, "o", color=BAD)
        axes.set_xscale("log")
        axes.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("probability, with its 95 % interval")
        return svg(figure)


def _way(number: int, way: dict[str, Any]) -> str:
    inputs = way["inputs"]
    with drawing(height_in=0.9 + 0.3 * len(inputs)) as (figure, (axes,)):
        for place, each in enumerate(reversed(inputs)):
            axes.barh(place, each["sigma"], color=BAD, alpha=0.75, height=0.55)
        axes.set_yticks(range(len(inputs)), [f"{each['input']} = {each['value']:.3g} {each['unit']}" for each in reversed(inputs)])
        axes.axvline(0.0, color=INK, lw=0.8)
        axes.set_xlabel("standard deviations from the nominal")
        drawn = svg(figure)
    return (
        f"<h3>Way {number + 1}: {escape(way['cause'])}, {way['distance_sigma']:.2f} sigma</h3>{drawn}"
        f"<p>{way['share']:.0%} of flights fail there. Fly it: <code>perilune campaign way-{number + 1}.toml</code></p>"
    )
