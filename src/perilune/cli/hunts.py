"""`perilune hunt`: failures that are too rare to count."""

from typing import Annotated, Any

import typer

from perilune.cli.terminal import AsJson, Faults, MissionName, OutFolder, Seed, bad_input_told, console_of, keep_compiled_programs, show
from perilune.scenario.errors import ScenarioError, nearest

WIDENED, SUBSET, ANY = "widened", "subset", "any"
BY = f"{WIDENED}|{SUBSET}[:MARGIN]"
BY_HELP = "All causes by wider draws; or one margin (ellipse, down, sideways, tilt, rest, any) by levels towards failure."


def hunt(
    mission: MissionName,
    flights: Annotated[
        int | None, typer.Option("--flights", min=1, help="Flights that are counted (10,000); by subset, those of a level (2,560).")
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar=BY, help=BY_HELP)] = WIDENED,
    seed: Seed = 0,
    faults: Faults = None,
    out: OutFolder = None,
    as_json: AsJson = False,
) -> None:
    """How likely is what hardly ever happens, and what is the likeliest way to it?"""
    kept = keep_compiled_programs()
    with bad_input_told():
        margin = _margin(by)
        from perilune.campaign.campaign import How
        from perilune.report.hunt_folder import hunted
        from perilune.report.subset_folder import subset_hunted

        changes: dict[str, Any] = {"seed": seed, "faults": faults or [], **({} if flights is None else {"cases": flights})}
        how, console = How(keep_in=kept), console_of(to_stderr=True)
        told = hunted(mission, out, how, changes, console) if margin is None else subset_hunted(mission, margin, out, how, changes, console)
    show(told, as_json)


def _margin(by: str) -> str | None:
    """Of subset simulation; none for a hunt by wider draws."""
    method, _, margin = by.partition(":")
    if method == SUBSET:
        return margin or ANY
    if by != WIDENED:
        raise ScenarioError(f"--by {by}: {nearest(method, (WIDENED, SUBSET))}")
    return None
