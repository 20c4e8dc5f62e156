"""`report.html`: one self-contained page on one flight."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

from matplotlib.figure import Figure

from perilune.report import figures, figures_ground, figures_navigation
from perilune.report.live import clock, distance
from perilune.report.record import Record
from perilune.report.relief import ReliefMap
from perilune.report.style import svg
from perilune.report.verdict import COLOURS, sentence, touchdown_rows, word
from perilune.scenario.schema import MissionFile
from perilune.scenario.schema_table import Table


@dataclass(frozen=True)
class Story:
    """All that the page tells of: the result as `--json` prints it, the mission file, the record, and maps of the ground if there are any."""

    result: dict[str, Any]
    mission: MissionFile
    record: Record
    maps: tuple[ReliefMap, ...] = ()

    @property
    def target(self) -> figures_ground.Target:
        ellipse = self.mission.site.ellipse
        axes = (float(ellipse.major_km), float(ellipse.minor_km), float(ellipse.azimuth_deg)) if ellipse else None
        return figures_ground.Target(float(self.mission.site.elevation_m), axes)

    @property
    def gate_sigmas(self) -> dict[str, float]:
        gates = self.mission.flight_software.gates
        return {name: float(getattr(gates, name).sigmas) for name in ("altimeter", "velocimeter", "star_tracker")}


@dataclass(frozen=True)
class Chapter:
    """A figure of the page, its words, and the channels that it cannot do without."""

    title: str
    note: str
    draw: Callable[[Story], Figure]
    needs: tuple[str, ...]


def _needs(group: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{group}/{name}" for name in names)


TRUE_SPEEDS = _needs("truth", "vertical_speed_m_s", "horizontal_speed_m_s")
NAVIGATED = _needs("truth", "r_lci_m", "v_lci_m_s", "q_lci_body") + _needs(
    "downlink", "nav_r_lci_m", "nav_v_lci_m_s", "nav_q_lci_body", "nav_sigma"
)
GATES = tuple(
    f"downlink/{unit}_{what}" for unit, *_ in figures_navigation.CHANNELS for what in ("innovation", "innovation_sigma", "used", "fresh")
)
CHAPTERS = (
    Chapter(
        "Touchdown",
        "What the lander stands, and what it met. Speeds are those just before the first touch.",
        lambda story: figures_ground.touchdown(story.record, touchdown_rows(story.result)),
        (*TRUE_SPEEDS, "truth/tilt_deg"),
    ),
    Chapter(
        "Over the ground",
        "The way of the centre of mass over the relief that this flight met, lit from the north-west. Dashed: the published ellipse.",
        lambda story: figures_ground.ground_track(story.record, story.maps, story.target),
        ("truth/r_site_m",),
    ),
    Chapter(
        "Height",
        "Over the ground below: jumps are relief. What the flight software believed is beside what was true.",
        lambda story: figures.altitude(story.record),
        ("truth/altitude_m", "downlink/altitude_m"),
    ),
    Chapter(
        "Speed",
        "Relative to the rotating ground; down is positive.",
        lambda story: figures.speeds(story.record),
        TRUE_SPEEDS + _needs("downlink", "vertical_speed_m_s", "horizontal_speed_m_s"),
    ),
    Chapter(
        "Attitude and throttle",
        "",
        lambda story: figures.attitude(story.record),
        ("truth/tilt_deg", "truth/omega_body_lci_rad_s", "truth/throttle"),
    ),
    Chapter(
        "Thrust",
        "",
        lambda story: figures.thrust(story.record),
        ("truth/thrust_n", "truth/mass_kg", "downlink/accel_cmd_m_s2"),
    ),
    Chapter("Propellant", "", lambda story: figures.propellant(story.record), ("truth/propellant_kg", "truth/mass_kg", "downlink/mass_kg")),
    Chapter(
        "What the filter did not know, and what it thought it did not know",
        "Truth less estimate, along the axes of the inertial frame. Blue: three sigma of the filter. An honest filter stays inside.",
        lambda story: figures_navigation.errors(story.record),
        NAVIGATED,
    ),
    Chapter(
        "The ground below, as the filter saw it",
        "Relief is part of the estimate: a filter that takes a crater rim for a faulty sensor flies into the ground.",
        lambda story: figures_navigation.ground(story.record, story.target.elevation_m),
        ("truth/ground_elevation_m", "downlink/nav_terrain_m", "downlink/nav_sigma"),
    ),
    Chapter(
        "Readings at the gates",
        "Innovation over its predicted sigma. Dashed: the gate. Crosses were refused.",
        lambda story: figures_navigation.innovations(story.record, story.gate_sigmas),
        GATES,
    ),
)


def page(story: Story) -> str:
    """The page as one HTML document; figures are inline, nothing is fetched."""
    result, mission = story.result, story.mission
    title = f"{mission.mission.title}: {word(result['outcome'])}"
    body = [_numbers(story), *(_chapter(chapter, story) for chapter in CHAPTERS if _can_be_drawn(chapter, story))]
    body += [_events(result), _history(mission), _assumed(mission), _footer(result, mission)]
    css = resources.files("perilune.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{css}</style></head><body>{_headline(story)}<main>{''.join(body)}</main></body></html>\n"
    )


def _headline(story: Story) -> str:
    result, mission = story.result, story.mission
    faults = f", with {', '.join(map(str, result['faults']))}" if result.get("faults") else ""
    cause = result.get("cause") if result["outcome"] != "landed" and result.get("contact") else ""
    why = f'<p class="cause">{escape(cause[:1].upper() + cause[1:])}</p>' if cause else ""
    return (
        f'<header class="verdict" style="--verdict: {COLOURS[result["outcome"]]}"><div>'
        f"<h1>{escape(mission.mission.title)}, {escape(str(result['variant']))} flight, seed {result['seed']}{escape(faults)}</h1>"
        f'<p class="word">{word(result["outcome"])}</p><p class="sentence">{escape(sentence(result))}</p>{why}</div></header>'
    )


def _numbers(story: Story) -> str:
    result = story.result
    tiles = [
        _tile(f"{value:.2f} {unit}", f"{name} (limit {limit:g})", value > limit) for name, value, limit, unit in touchdown_rows(result)
    ]
    if contact := result.get("contact"):
        tiles.append(_tile(distance(contact["miss_m"]), "from the target"))
    if rest := result.get("rest"):
        tiles.append(_tile(f"{rest['tilt_deg']:.1f}°", "tilt at rest"))
    tiles.append(_tile(f"{result['propellant_left_kg']:.1f} kg", "propellant left"))
    return f'<div class="numbers">{"".join(tiles)}</div>'


def _tile(value: str, name: str, over: bool = False) -> str:
    return f'<div class="number{" over" if over else ""}"><b>{escape(value)}</b><span>{escape(name)}</span></div>'


def _can_be_drawn(chapter: Chapter, story: Story) -> bool:
    if chapter.title == "Over the ground" and not story.maps:
        return False
    if chapter.title == "Touchdown" and not touchdown_rows(story.result):
        return False
    return story.record.has(*chapter.needs)


def _chapter(chapter: Chapter, story: Story) -> str:
    note = f'<p class="note">{escape(chapter.note)}</p>' if chapter.note else ""
    return f"<section><h2>{escape(chapter.title)}</h2>{note}{svg(chapter.draw(story))}</section>"


def _events(result: dict[str, Any]) -> str:
    rows = [
        (clock(each["met_s"]), str(each["utc"]), word(str(each["name"])), _detail(each.get("detail"))) for each in result.get("events", ())
    ]
    return _section("Events", _table(("time", "UTC", "event", ""), rows)) if rows else ""


def _detail(detail: Any) -> str:
    return ", ".join(f"{key} {_short(value)}" for key, value in detail.items()) if isinstance(detail, dict) else str(detail or "")


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _history(mission: MissionFile) -> str:
    """What the real flight was to do and what it did."""
    if mission.observed is None:
        return ""
    observed = mission.observed
    events = [(f"{each.utc:%Y-%m-%d %H:%M:%S}", each.name, each.source or observed.source or "") for each in observed.events]
    rows = [(each.name, _or_dash(each.planned, each.unit), _or_dash(each.flown, each.unit), each.source or "") for each in observed.figures]
    told = f'<p class="note">The real flight: {word(observed.outcome)}; {escape(observed.cause)} ({escape(observed.source or "")}).</p>'
    figures_table = _table(("figure", "planned", "flown", "source"), rows) if rows else ""
    return _section("What history saw", told + figures_table + _table(("UTC", "event", "source"), events))


def _or_dash(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:g} {unit}"


def _assumed(mission: MissionFile) -> str:
    """Every number of the mission file that history does not give, with its bounds."""
    rows = list(_assumed_rows(mission, ""))
    listed = _table(("key", "value", "from", "to", "note"), rows)
    return f"<details><summary>{len(rows)} numbers of this mission file are assumed: history does not give them</summary>{listed}</details>"


def _assumed_rows(table: Table, path: str) -> Iterable[tuple[str, ...]]:
    for key, number in table.numbers():
        bounds = number.provenance
        if bounds.assumed:
            yield f"{path}{key}", *(_components(each) for each in (number.components, bounds.low, bounds.high)), bounds.note
    for key in type(table).model_fields:
        value = getattr(table, key)
        for index, each in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(each, Table):
                yield from _assumed_rows(each, f"{path}{key}[{index}]." if isinstance(value, tuple) else f"{path}{key}.")


def _components(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _footer(result: dict[str, Any], mission: MissionFile) -> str:
    files = ", ".join(str(path) for path in (result.get("files") or {}).values() if path)
    return f"<footer>{escape(mission.mission.summary)} Mission file {mission.sha256[:12]}. {escape(files)}</footer>"


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
