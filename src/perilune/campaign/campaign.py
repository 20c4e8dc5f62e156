"""A campaign from a mission to a folder: `perilune.campaign`."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from perilune.campaign.answers import TOLD, answers
from perilune.campaign.asked import Asked, asked, asked_of, refuse_unlike
from perilune.campaign.histories import kept_histories, refuse_without_zarr
from perilune.campaign.kept import RESULT, written
from perilune.campaign.run import Crew, Standing, Watch, run
from perilune.campaign.squadron import Squadron
from perilune.campaign.table import CaseTable, Columns, Rows
from perilune.scenario.brought import hashes
from perilune.scenario.errors import ScenarioError
from perilune.scenario.native import NotBuilt, compiler, lanes
from perilune.scenario.programs import kept_programs
from perilune.scenario.shelf import surroundings
from perilune.sim.recording import manifest

SHELF, MANIFEST = Path("campaigns"), "manifest.json"


@dataclass(frozen=True)
class Campaign:
    """A campaign that was flown: its folder, and what it says."""

    folder: Path
    asked: Asked
    result: dict[str, Any]
    standing: Standing
    squadron: Squadron = field(repr=False)

    def table(self, *columns: str) -> Columns:
        """Columns by name, a value a case; without names all of them."""
        return CaseTable(self.folder).read(columns)


@dataclass(frozen=True)
class How:
    """Who flies, and where programs are kept: the table does not depend on it."""

    workers: int | None = None  # threads; one for each core
    scheduler: str | None = None  # of dask.distributed: an address, or `local`
    keep_in: Path | None = None
    watch: Watch = field(default=lambda standing: None)
    ready: Callable[[Squadron], None] = field(default=lambda squadron: None)  # called before the first flight
    tell: Callable[[str], None] = field(default=lambda line: None)  # of each history that is recorded


def campaign(mission: str | Path, out: str | Path | None = None, how: How | None = None, **changes: Any) -> Campaign:
    """Fly a mission, or a campaign file, many times into a new folder: rows on disk, odds, causes, margins, and which inputs decide.

    `changes` are the keys of a campaign file: `cases`, `seed`, `design`, `width`, `until_width`, `variant`, `from_phase`, `faults`, `settings`,
    `inputs`, `correlated`, `histories`. ScenarioError for what cannot be flown.
    """
    wanted, how = asked_of(mission, changes), how or How()
    refuse_without_zarr(wanted)
    with kept_programs(how.keep_in) as programs:
        squadron = Squadron(wanted, programs)
        folder = new_folder(out, SHELF, f"{squadron.file.name}-{wanted.cases}")
        _told(folder, squadron)
        return _flown(squadron, folder, how)


def resumed(folder: str | Path, how: How | None = None, **changes: Any) -> Campaign:
    """Fly what is missing of a campaign; with another count of cases, or another width of the interval, it goes on from what is there.

    Histories that are there stay, whatever others are asked for.
    """
    folder, how = Path(folder), how or How()
    wanted, told = of_folder(folder, **changes)
    refuse_without_zarr(wanted)
    with kept_programs(how.keep_in) as programs:
        squadron = Squadron(wanted, programs)
        refuse_other_mission(squadron, told, folder)
        _told(folder, squadron)
        return _flown(squadron, folder, how)


def of_folder(folder: Path, **changes: Any) -> tuple[Asked, dict[str, Any]]:
    """What was asked there, with changes that leave its table as it is, and the manifest; ScenarioError for another kind of folder."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        before = asked(told["campaign"], str(folder / MANIFEST))
    except (OSError, ValueError, KeyError) as error:
        raise ScenarioError(f"'{folder}' is no campaign: {MANIFEST} cannot be read ({error})") from None
    wanted = asked({**told["campaign"], **changes}, "campaign")
    refuse_unlike(wanted, before)
    return wanted, told


def refuse_other_mission(squadron: Squadron, told: dict[str, Any], folder: Path) -> None:
    now = {"mission_sha256": squadron.file.sha256, "files_brought": hashes(squadron.file)}
    if any(now[key] != told.get(key) for key in now):
        raise ScenarioError(f"{folder}: the mission '{squadron.asked.mission}' is not what was flown there; its file has changed")
    if told.get("surroundings") != surroundings():
        print(f"perilune: {folder} was flown by another version, or on another kind of processor: last bits will differ", file=sys.stderr)


def _told(folder: Path, squadron: Squadron) -> None:
    """What is needed to fly it again."""
    chosen = {
        "campaign": squadron.asked.model_dump(),
        "inputs": [asdict(each) | {"column": each.column} for each in squadron.inputs],
        "files_brought": hashes(squadron.file),
        "ticks_by": _ticks_by(),
        "surroundings": surroundings(),
    }
    written(folder / MANIFEST, json.dumps(manifest(squadron.file.text, chosen), indent=2, default=str) + "\n")


def _ticks_by() -> str:
    try:
        return f"C in lanes of {lanes()}, {compiler()[1]}"
    except NotBuilt:
        return "XLA"


def _flown(squadron: Squadron, folder: Path, how: How) -> Campaign:
    how.ready(squadron)
    table = CaseTable(folder)
    with crew_of(squadron, table, how) as crew:
        standing = run(squadron.asked, table, crew, how.watch)
    histories = kept_histories(squadron, folder, how.tell)
    rows = Rows(table, TOLD, [each.column for each in squadron.inputs])
    told = answers(squadron.file, squadron.inputs, rows, squadron.asked.design)
    about = {"schema": 1, "mission": squadron.file.name, **squadron.asked.model_dump(exclude={"mission", "cases", "histories"})}
    result = {
        **about,
        **told,
        "histories": histories,
        "cases_flown": standing.flown,
        "seconds": standing.seconds,
        "cases_a_second": standing.rate,
    }
    written(folder / RESULT, json.dumps(result, indent=2) + "\n")
    return Campaign(folder, squadron.asked, result, standing, squadron)


@contextmanager
def crew_of(squadron: Squadron, table: CaseTable, how: How) -> Iterator[Crew]:
    """Threads of this process: the program in C leaves them free of each other. Or the workers of a dask cluster."""
    if how.scheduler is not None:
        from perilune.campaign.cluster import LOCAL, cluster

        if how.scheduler == LOCAL and how.keep_in is not None and table.count() < squadron.asked.chunks:
            squadron.prepare()  # what is kept is made once, not by each of its processes
        with cluster(squadron, how.scheduler, how.workers, how.keep_in) as crew:
            yield crew
        return
    if table.count() < squadron.asked.chunks:
        squadron.prepare()  # before the clock of the flights runs
    count = how.workers or cores()
    with ThreadPoolExecutor(max_workers=count) as threads:
        yield Crew(threads, squadron.fly, count)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def new_folder(wanted: str | Path | None, shelf: Path, stem: str) -> Path:
    """A folder made just now: the one wanted, or the next free number on the shelf."""
    places: Iterable[Path] = (shelf / f"{stem}-{number:03d}" for number in range(1, 100_000)) if wanted is None else (Path(wanted),)
    for folder in places:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise ScenarioError(f"cannot make the folder '{folder}': {error.strerror}") from None
        return folder
    raise ScenarioError(f"--out {wanted} exists already; name a folder that does not, or go on with --resume {wanted}")
