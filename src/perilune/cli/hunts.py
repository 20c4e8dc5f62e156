"""`perilune hunt`: failures that are too rare to count."""

from typing import Annotated

import typer

from perilune.cli.terminal import AsJson, Faults, MissionName, OutFolder, Seed, bad_input_told, console_of, keep_compiled_programs, show


def hunt(
    mission: MissionName,
    flights: Annotated[
        int, typer.Option("--flights", min=1, help="Flights that are counted; as many may be flown to find the ways.")
    ] = 10_000,
    seed: Seed = 0,
    faults: Faults = None,
    out: OutFolder = None,
    as_json: AsJson = False,
) -> None:
    """How likely is what hardly ever happens, and what is the likeliest way to it?"""
    kept = keep_compiled_programs()
    with bad_input_told():
        from perilune.campaign.campaign import How
        from perilune.report.hunt_folder import hunted

        changes = {"cases": flights, "seed": seed, "faults": faults or []}
        told = hunted(mission, out, How(keep_in=kept), changes, console_of(to_stderr=True))
    show(told, as_json)
