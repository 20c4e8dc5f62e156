"""The command line: thin over `perilune.load`, `perilune.fly` and the report. What is slow to import (jax, matplotlib) waits for the flight."""

import gc
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.padding import Padding
from rich.table import Table

from perilune.cli import campaigns, hunts
from perilune.cli.terminal import (
    AsJson,
    Faults,
    MissionName,
    OutFolder,
    Seed,
    bad_input_told,
    console_of,
    faults_begun,
    keep_compiled_programs,
    plain,
    show,
)
from perilune.report.told import Told
from perilune.scenario.errors import ScenarioError, nearest
from perilune.scenario.load import catalogue, load, load_lander, variant_of
from perilune.scenario.schema import LanderFile, MissionFile, OrbiterFile, json_schema

app = typer.Typer(
    help="Fly a robotic lunar landing, with real flight software in the loop, before anyone flies it for real.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(campaigns.campaign)
app.command()(campaigns.compare)
app.command()(campaigns.replay)
app.command()(hunts.hunt)


@app.command()
def missions() -> None:
    """What is in the catalogue, and how each flight ended."""
    table = Table.grid(padding=(0, 2, 1, 0))
    for mission in catalogue():
        table.add_row(f"[bold]{mission.name}[/]", _story(mission))
    console_of(to_stderr=False).print(table)


def _story(mission: MissionFile) -> str:
    observed = mission.observed
    ended = f"real flight {observed.outcome.replace('_', ' ')}: {observed.cause}" if observed else "not flown"
    return (
        f"{mission.mission.title}, {mission.mission.operator}, {mission.when:%Y-%m-%d}, {_place(mission)}\n"
        f"{mission.mission.summary}\n[dim]{ended}[/]"
    )


def _place(mission: MissionFile) -> str:
    """Where it is to land, or the orbit in which it is to stay."""
    if isinstance(mission, OrbiterFile):
        orbit = mission.mapping
        return f"orbit of {orbit.periapsis_altitude_km:g} by {orbit.apoapsis_altitude_km:g} km, {orbit.inclination_deg:g}°"
    if not isinstance(mission, LanderFile):
        return ""
    latitude, longitude = float(mission.site.latitude_deg), float(mission.site.longitude_deg)
    return f"{abs(latitude):.2f}° {'S' if latitude < 0 else 'N'} {abs(longitude):.2f}° {'W' if longitude < 0 else 'E'}"


@app.command()
def schema() -> None:
    """JSON Schema of a mission file, for editors."""
    print(json.dumps(json_schema(), indent=2))


@app.command()
def faults() -> None:
    """What can be broken with `fly --fault`, and by how much."""
    from perilune.faults.catalogue import FAMILIES
    from perilune.faults.named import ASSUMED

    console = console_of(to_stderr=False)
    for family, rows in FAMILIES.items():
        console.print(f"[dim]{family}[/]")
        for name, fault in rows.items():
            unit = f"[dim].{fault.units}[/]" if fault.units else ""
            size = f":{fault.size:g} [dim]{fault.unit}, {fault.low:g} to {fault.high:g}[/]" if fault.unit else ""
            shown = "" if fault.shown == ASSUMED else f"\n[dim]{fault.shown}[/]"
            console.print(f"  [bold]{name}[/]{unit}{size}")
            console.print(Padding(fault.about + shown, (0, 0, 0, 6)))
    console.print(
        "--fault NAME[.unit|.all][:size][@trigger]; triggers: met=SECONDS, phase=NAME, altitude=METRES; from the start", markup=False
    )
    console.print("without one. Windows: @met=6900..6960, @phase=braking+10..60, @altitude=500+0..5.", markup=False)
    console.print("As in:  perilune fly luna-25 --fault engine.thrust-loss.0:0.1@phase=braking")


@app.command()
def fly(
    mission: MissionName,
    from_phase: Annotated[
        str | None, typer.Option("--from", metavar="PHASE", help="Start here (descent: the pre-landing orbit); else at the earliest phase.")
    ] = None,
    as_flown: Annotated[
        bool | None,
        typer.Option("--as-flown/--mended", help="With what went wrong in the real flight; or with that and what mends it."),
    ] = None,
    fault: Faults = None,
    seed: Seed = 0,
    out: OutFolder = None,
    as_json: AsJson = False,
) -> None:
    """Does it land?"""
    with bad_input_told():
        flown_file = _load(mission, from_phase, _variant(as_flown))
        _check_faults(flown_file, fault or [])
        folder = _new_folder(out, f"{flown_file.name}-seed{seed}")
        try:
            result = _fly(
                flown_file, folder, {"seed": seed, "from_phase": from_phase, "faults": tuple(fault or ()), "variant": _variant(as_flown)}
            )
        except BaseException:
            _remove_if_empty(folder)
            raise
    if as_json:
        print(json.dumps(plain(result), allow_nan=False))
    else:
        _tell(result)


@app.command("crash-test")
def crash_test(
    mission: MissionName,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, max=10_000, help="Flights for each failure (100), or square (20).")] = None,
    fault: Annotated[
        str | None,
        typer.Option("--fault", metavar="NAME[.unit]", help="Sweep one fault instead of history.", autocompletion=faults_begun),
    ] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="A..B", help="Sizes of the fault, eight of them; A..B/5: five.")] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TRIGGER=A..B", help="Times: met=A..B, altitude=A..B, phase=NAME+A..B.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Output folder: new, or of the same test, unfinished.")] = None,
    as_json: AsJson = False,
) -> None:
    """Would it have survived what destroyed the others? Or: at what size, and when, does one fault destroy it?"""
    keep_compiled_programs()
    with bad_input_told():
        if fault is None and (size is not None or at is not None):
            raise ScenarioError("--size and --at say how to sweep a fault; give --fault NAME too")
        file = load_lander(mission)
        from perilune.report.crash_folder import Swept, crash_tested, swept

        console = console_of(to_stderr=True)
        sweep = None if fault is None else Swept(fault, size, at, seeds)
        told = crash_tested(file, seeds, out, console) if sweep is None else swept(file, sweep, out, console)
    show(told, as_json)


@app.command()
def plan(
    mission: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A mission with a plan: one of the catalogue, or your own file.")],
    out: OutFolder = None,
    as_json: AsJson = False,
) -> None:
    """Which burns take it from the parking orbit to the descent, and what do they cost?"""
    kept = keep_compiled_programs()
    with bad_input_told(), console_of(to_stderr=True).status("planning"):
        from perilune.report.plan_folder import plan_result, plan_table, write_plan_folder
        from perilune.scenario.plan import plan as planned_for

        folder = _new_folder(out, load(mission).name, "plans")
        try:
            planned = planned_for(mission, kept)
        except BaseException:
            _remove_if_empty(folder)
            raise
        result = plan_result(planned)
        files = write_plan_folder(planned, result, folder)
    show(Told(result, (plan_table(result),), files), as_json)


def _variant(as_flown: bool | None) -> str:
    return "nominal" if as_flown is None else "as-flown" if as_flown else "mended"


def _load(name_or_path: str, from_phase: str | None, variant: str) -> MissionFile:
    mission = load(name_or_path)
    variant_of(mission, variant)
    if from_phase is not None and from_phase not in mission.entries:
        raise ScenarioError(f"--from {from_phase}: {mission.name} has no such start; {nearest(from_phase, mission.entries)}")
    return mission


def _check_faults(mission: MissionFile, faults: list[str]) -> None:
    """Complaints come before the flight is prepared."""
    if faults:
        from perilune.faults.words import rows_of
        from perilune.scenario.build import fault_table
        from perilune.scenario.faults import read_faults

        fault_table(rows_of([fault.words for fault in read_faults(mission, faults)]))


def _fly(mission: MissionFile, folder: Path, choices: dict[str, Any]) -> dict[str, Any]:
    """Fly, write the folder, and return what `--json` prints. Progress goes to standard error."""
    gc.disable()  # programs and recordings are millions of objects, all in use: looking for waste among them costs a second
    kept = keep_compiled_programs()
    import perilune
    from perilune.report.live import Watch
    from perilune.scenario.ahead import Ahead

    kind = "\n".join((mission.text, str(choices["from_phase"]), choices["variant"]))
    with (
        Ahead(kept, kind) if kept else nullcontext() as coming,
        ThreadPoolExecutor(max_workers=1) as beside,
        Watch(console_of(to_stderr=True)) as watch,
    ):
        report = beside.submit(_report)  # matplotlib takes as long as loading the programs
        flight = perilune.fly(mission, progress=watch, keep_in=coming, **choices)  # type: ignore[attr-defined]
    files = report.result().write_flight(flight, mission, folder)
    return {**flight.outcome, "files": files}


def _report() -> ModuleType:
    """The room of reports, and what xarray looks for when it first makes a dataset: dask, which takes a second."""
    with suppress(ImportError):  # it is there where campaigns fly on a cluster
        import_module("dask.array")
        import_module("dask.distributed")
    return import_module("perilune.report.folder")


def _tell(result: dict[str, Any]) -> None:
    from perilune.report.verdict import summary

    console = console_of(to_stderr=False)
    console.print(summary(result), soft_wrap=True)


def _new_folder(wanted: Path | None, stem: str, shelf: str = "flights") -> Path:
    """A folder made just now: the one wanted, or the next free number on its shelf."""
    if wanted is None:
        return next(made for made in (_made(Path(shelf) / f"{stem}-{n:03d}") for n in range(1, 100_000)) if made)
    if (made := _made(wanted)) is None:
        raise ScenarioError(f"--out {wanted} exists already; name a folder that does not (nothing is ever overwritten)")
    return made


def _made(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return None
    except OSError as error:
        raise ScenarioError(f"cannot make the folder '{folder}': {error.strerror}") from None
    return folder


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
