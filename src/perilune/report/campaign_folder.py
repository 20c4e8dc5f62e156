"""Campaigns, comparisons and replays from the command line to a folder: progress, page, and what a terminal shows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from perilune.campaign.answers import TOLD
from perilune.campaign.campaign import Campaign, How, campaign, of_folder, refuse_other_mission, resumed
from perilune.campaign.histories import HISTORIES
from perilune.campaign.kept import RESULT, written
from perilune.campaign.replay import replay
from perilune.campaign.run import Standing
from perilune.campaign.squadron import Squadron
from perilune.campaign.table import CASES, CaseTable
from perilune.report.campaign_page import WORDS, marked, page, sentence
from perilune.report.folder import write_flight
from perilune.report.live import Watch
from perilune.report.relief import ReliefMap, relief_about
from perilune.report.told import Told
from perilune.scenario.disperse import lander_of
from perilune.scenario.errors import ScenarioError
from perilune.scenario.programs import kept_programs

AROUND = 2.2  # half axes of what flights fill, or of the published ellipse, that the map shows


class Ticker:
    """One line on a terminal; elsewhere a line now and then."""

    def __init__(self, console: Console):
        self._console, self._task, self._told = console, None, 0.1
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def ready(self, squadron: Squadron) -> None:
        asked = squadron.asked
        self._console.print(
            f"{squadron.file.name}: {asked.cases:,} flights, {asked.width} at a time (programs are made first, if they are new)"
        )

    def __call__(self, standing: Standing) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=standing.wanted)
        self._progress.update(self._task, completed=standing.cases, description=told(standing))
        share = standing.cases / standing.wanted
        if not self._console.is_terminal and standing.flown and share >= self._told:
            self._told = share + 0.1
            self._console.print(told(standing))

    def stop(self) -> None:
        self._progress.stop()


def told(standing: Standing) -> str:
    """Where a campaign stands, in a line."""
    if standing.cases == 0:
        return f"0 of {standing.wanted:,}"
    low, high = (100.0 * end for end in standing.interval)
    odds = f"{100.0 * standing.landed / standing.cases:.1f} % land ({low:.1f} to {high:.1f})"
    pace = f", {standing.rate:.0f} a second, {standing.left_s:.0f} s left" if standing.flown and standing.cases < standing.wanted else ""
    return f"{standing.cases:,} of {standing.wanted:,}: {odds}{pace}"


def flown(mission: str, out: Path | None, resume: Path | None, how: How, changes: dict[str, Any], console: Console) -> Told:
    """A new campaign, or what is missing of one."""
    ticker = Ticker(console)
    how = replace(how, watch=ticker, ready=ticker.ready, tell=console.print)
    try:
        done = resumed(resume, how, **changes) if resume is not None else campaign(mission, out, how, **changes)
    finally:
        ticker.stop()
    return write(done)


def write(done: Campaign) -> Told:
    """The page beside the table."""
    rows = done.table(*TOLD)
    text = page(done.result, rows, done.squadron.file.mission.title, ground_of(done.squadron, done.result))
    written(done.folder / "report.html", text)
    files = {"cases": str(done.folder / CASES), **{name: str(done.folder / f"{name}.json") for name in ("result", "manifest")}}
    if done.result["histories"]:
        files["histories"] = str(done.folder / HISTORIES)
    return Told(done.result, shown(done.result), {**files, "report": str(done.folder / "report.html")})


def ground_of(squadron: Squadron, result: dict[str, Any]) -> tuple[ReliefMap, Any] | None:
    """Relief about the site as the first case sees it, and the published ellipse."""
    if not result["touchdown"]:
        return None
    ellipse = squadron.file.site.ellipse
    published = None if ellipse is None else (float(ellipse.major_km), float(ellipse.minor_km), float(ellipse.azimuth_deg))
    half_m = max(result["touchdown"]["half_axes_95_m"][0], 0.0 if published is None else 300.0 * published[0])
    site_deg = float(squadron.file.site.latitude_deg), float(squadron.file.site.longitude_deg)
    fleet = squadron.fleet(0, 1)[0]
    ground = lander_of(eqx.tree_at(lambda f: f.given, fleet, None, is_leaf=lambda leaf: leaf is None)).world.terrain
    return relief_about(ground, site_deg, (0.0, 0.0), AROUND * max(half_m, 100.0)), published


def shown(result: dict[str, Any]) -> list[RenderableType]:
    """For a terminal: odds, causes, margins, and what decides."""
    parts: list[RenderableType] = [sentence(result)]
    if result["causes"]:
        causes = _grid("why not", "flights", "of all", "case", "marked by")
        for cause in result["causes"][:8]:
            causes.add_row(cause["reason"], f"{cause['cases']:,}", f"{100 * cause['share']:.2f} %", str(cause["first_case"]), marked(cause))
        parts.append(causes)
    if result["margins"]:
        parts.append(_margins(result["margins"]))
    decides = _grid("what decides", "inputs, with their rank correlations")
    for name, each in result["sensitivity"].items():
        clear = [one for one in each["inputs"] if abs(one["rank"]) > each["noise"]]
        if clear:
            decides.add_row(WORDS[name], ", ".join(f"{one['input']} {one['rank']:+.2f}" for one in clear[:4]))
    return [*parts, decides] if decides.row_count else parts


def _margins(margins: dict[str, Any]) -> Table:
    first = next(iter(margins.values()))
    rows = _grid("at contact", "limit", *(f"{100 * one['share']:g} %" for one in first["quantiles"]))
    for name, each in margins.items():
        rows.add_row(WORDS[name].replace("[", "\\["), f"{each['limit']:g}", *(f"{one['value']:.3g}" for one in each["quantiles"]))
    return rows


def _grid(*headings: str) -> Table:
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        rows.add_column(heading)
    return rows


def comparison(result: dict[str, Any]) -> Told:
    """Two campaigns for a terminal."""
    change, low, high = (100.0 * result[key] for key in ("change", "low", "high"))
    cells = _grid("", "second lands", "second does not")
    cells.add_row("first lands", f"{result['both']:,}", f"{result['only_first']:,}")
    cells.add_row("first does not", f"{result['only_second']:,}", f"{result['neither']:,}")
    verdict = f"{change:+.2f} points ({low:+.2f} to {high:+.2f}), McNemar p = {result['p_value']:.3g}: "
    verdict += "no more than chance would do" if result["p_value"] > 0.05 else "better" if change > 0.0 else "worse"
    lines: list[RenderableType] = [f"{result['pairs']:,} flights of the same seeds", cells, verdict]
    for key, words in (("lost", "landed before, now"), ("won", "landed now, before")):
        lines += [f"  {words} {each['reason'] or 'landed'}: {each['cases']}" for each in result[key][:5]]
    if result["inputs_apart"]:
        lines.append(f"[yellow]what they drew differs: {', '.join(result['inputs_apart'][:6])}[/]")
    return Told(result, lines, {})


def replayed(folder: Path, case: int, keep_in: Path | None, console: Console) -> Told:
    """A case flown again into `replays/` of the campaign."""
    asked, manifest = of_folder(folder)
    target = folder / "replays" / f"case-{case:06d}"
    if target.exists():
        raise ScenarioError(f"'{target}' exists already; take it away to fly case {case} again")
    with kept_programs(keep_in) as programs:
        squadron = Squadron(asked, programs)
        refuse_other_mission(squadron, manifest, folder)
        with Watch(console) as watch:
            done = replay(squadron, CaseTable(folder), case, watch)
    target.mkdir(parents=True)
    files = write_flight(done.flight, squadron.file, target)
    written(target / RESULT, json.dumps(done.result, indent=2, default=str) + "\n")
    return Told(
        done.result, replay_shown(done.result), {key: str(path) for key, path in files.items() if path} | {"result": str(target / RESULT)}
    )


def replay_shown(result: dict[str, Any]) -> list[RenderableType]:
    """What was compared, for a terminal."""
    record, row = result["record"], result["row"]
    same = (
        f"[green]the same case: all {result['columns_compared']} values of its row come out bit for bit[/]"
        if result["same"]
        else f"[red]not the same case: {', '.join(result['columns_apart'][:8])}[/]"
    )
    words = f"recorded by XLA from the campaign's own states, every {record['ticks_between_states']} ticks; until the next the two part by "
    words += f"{record['apart_median_m']:.1g} m in the median, {record['apart_m']:.1g} m at most"
    why = "" if row["reason"] in ("", row["outcome"]) else f": {row['reason']}"
    return [f"case {result['case']}, seed {row['seed']}: {row['outcome']}{why}", same, words]
