"""`perilune hunt`: failures that are too rare to count."""

import json
from pathlib import Path
from typing import Annotated

import typer

from perilune.cli.terminal import bad_input_told, console_of, faults_begun, keep_compiled_programs, missions_begun, plain

MISSION = typer.Argument(metavar="NAME|FILE", help="A mission by name or path.", autocompletion=missions_begun)
FAULT = typer.Option(
    "--fault", metavar="NAME[.unit][:size][@trigger]", help="In every flight; may be repeated.", autocompletion=faults_begun
)


def hunt(
    mission: Annotated[str, MISSION],
    flights: Annotated[
        int, typer.Option("--flights", min=1, help="Flights that are counted; as many may be flown to find the ways.")
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Of the hunt.")] = 0,
    faults: Annotated[list[str] | None, FAULT] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Output folder; it must not exist yet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else.")] = False,
) -> None:
    """How likely is what hardly ever happens, and what is the likeliest way to it?"""
    kept = keep_compiled_programs()
    with bad_input_told():
        from perilune.campaign.campaign import How
        from perilune.report.hunt_folder import hunted

        changes = {"cases": flights, "seed": seed, "faults": faults or []}
        told = hunted(mission, out, How(keep_in=kept), changes, console_of(to_stderr=True))
    if as_json:
        print(json.dumps(plain({**told.result, "files": told.files}), allow_nan=False))
        return
    console = console_of(to_stderr=False)
    for part in told.shown:
        console.print(part)
    console.print(f"[dim]{Path(told.files['result']).parent}[/]", soft_wrap=True)
