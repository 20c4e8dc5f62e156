"""`perilune campaign`, `compare`, `replay`: the odds, whether a change helped, and one case again."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from perilune.cli.terminal import (
    AS_JSON,
    FAULT_FORM,
    OUT,
    AsJson,
    bad_input_told,
    console_of,
    faults_begun,
    keep_compiled_programs,
    missions_begun,
    show,
)
from perilune.scenario.errors import ScenarioError

# What `--resume` may change: the table stays the same as far as it goes.
MAY_GROW = ("cases", "until_width", "histories")

MISSION = typer.Argument(
    metavar="NAME|FILE", help="A mission by name or path, or a campaign file; with --resume none.", autocompletion=missions_begun
)
CAMPAIGN: dict[str, tuple[Any, Any]] = {
    "mission": (str | None, MISSION),
    "cases": (int | None, typer.Option("-n", "--cases", min=1, help="How many flights, at the most.")),
    "seed": (int | None, typer.Option("--seed", min=0, max=2**31 - 1, help="Of the campaign; case i depends on it and on i alone.")),
    "design": (str | None, typer.Option("--design", metavar="random|latin|sobol", help="How the inputs of cases are chosen.")),
    "until_width": (float | None, typer.Option("--until-width", help="Stop when the 95 % interval is no wider: 0.01 is one point.")),
    "width": (int | None, typer.Option("--width", min=1, help="Flights in a batch, on disk as one file.")),
    "faults": (
        list[str] | None,
        typer.Option("--fault", metavar=FAULT_FORM, help="In every flight; may be repeated.", autocompletion=faults_begun),
    ),
    "as_flown": (bool | None, typer.Option("--as-flown/--mended", help="With what went wrong; or with that and what mends it.")),
    "from_phase": (str | None, typer.Option("--from", metavar="PHASE", help="Start here; else at the last entry, the descent.")),
    "histories": (
        str | None,
        typer.Option("--histories", metavar="3,17,...|failed[:N]", help="Record these cases, or the first that failed, as one Zarr store."),
    ),
    "out": (Path | None, OUT),
    "resume": (Path | None, typer.Option("--resume", metavar="DIR", help="Go on with a campaign: only what is missing is flown.")),
    "workers": (int | None, typer.Option("--workers", min=1, help="Threads, or processes of a local cluster; one for each core.")),
    "scheduler": (str | None, typer.Option("--scheduler", metavar="ADDRESS|local", help="Fly on a cluster of dask.distributed.")),
    "as_json": (bool, AS_JSON),
}


def campaign(**options: Any) -> None:
    """What are the odds, with an interval, and what decides them?"""
    kept = keep_compiled_programs()
    as_json, out, resume, mission = (options.pop(key) for key in ("as_json", "out", "resume", "mission"))
    workers, scheduler, as_flown = (options.pop(key) for key in ("workers", "scheduler", "as_flown"))
    changes = {key: value for key, value in options.items() if value not in (None, [])}
    if as_flown is not None:
        changes["variant"] = "as-flown" if as_flown else "mended"
    with bad_input_told():
        _refuse_mixed(mission, resume, out, changes)
        from perilune.campaign.campaign import How
        from perilune.report.campaign_folder import flown

        told = flown(mission or "", out, resume, How(workers, scheduler, kept), changes, console_of(to_stderr=True))
    show(told, as_json)


def _refuse_mixed(mission: str | None, resume: Path | None, out: Path | None, changes: dict[str, Any]) -> None:
    if resume is None and mission is None:
        raise ScenarioError("give a mission, by name or path, or --resume DIR")
    if resume is not None and (mission is not None or out is not None):
        raise ScenarioError(f"--resume {resume} knows its mission and its folder; give neither beside it")
    wrong = [key for key in changes if key not in MAY_GROW]
    if resume is not None and wrong:
        raise ScenarioError(
            f"--resume {resume} keeps {', '.join(wrong)} as it was; only --cases, --until-width and --histories may be changed"
        )


def _signed(function: Any, options: dict[str, tuple[Any, Any]]) -> Any:
    """The command with its options, as typer reads them: they are many, and all go to one place."""
    kinds = {name: Annotated[kind, option] for name, (kind, option) in options.items()}
    defaults = {name: False if kind is bool else None for name, (kind, _) in options.items()}
    each = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, each, default=defaults[name], annotation=kinds[name]) for name in options]
    function.__signature__, function.__annotations__ = inspect.Signature(parameters), kinds
    return function


campaign = _signed(campaign, CAMPAIGN)

FOLDER = typer.Argument(metavar="DIR", help="The folder of a campaign.")


def compare(first: Annotated[Path, FOLDER], second: Annotated[Path, FOLDER], as_json: AsJson = False) -> None:
    """Did a change help? Two campaigns on the same seeds, flight by flight."""
    with bad_input_told():
        from perilune.campaign.compared import compared
        from perilune.report.campaign_folder import comparison

        told = comparison(compared(first, second))
    show(told, as_json)


def replay(
    folder: Annotated[Path, FOLDER],
    case: Annotated[int, typer.Option("--case", min=0, help="Its number in the table.")],
    as_json: AsJson = False,
) -> None:
    """Fly one case of a campaign again with everything recorded, and show that it is the same case."""
    kept = keep_compiled_programs()
    with bad_input_told():
        from perilune.report.campaign_folder import replayed

        told = replayed(folder, case, kept, console_of(to_stderr=True))
    show(told, as_json)
