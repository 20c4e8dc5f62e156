"""`report.html`: one self-contained page on one flight."""

from collections.abc import Iterable
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from perilune.report import figures_ground, impacts
from perilune.report.chapters import CHAPTERS, Chapter, Story
from perilune.report.history import EVENT_HEADINGS, FIGURE_HEADINGS, NOTE, event_rows, figure_rows
from perilune.report.live import clock, distance
from perilune.report.style import svg
from perilune.report.verdict import COLOURS, cause_beside, caveat, sentence, touchdown_rows, without_effect, word
from perilune.scenario.beside_plan import DESCENT_ORBIT
from perilune.scenario.schema import LanderFile, MissionFile
from perilune.scenario.schema_table import Table


def page(story: Story) -> str:
    """The page as one HTML document; figures are inline, nothing is fetched."""
    result, mission = story.result, story.mission
    title = f"{mission.mission.title}: {word(result['outcome'])}"
    body = [_numbers(story), *(_chapter(chapter, story) for chapter in CHAPTERS if _can_be_drawn(chapter, story))]
    body[1:1] = [_impacts(story), _burns(story)]
    body += [_events(story), _history(story), _assumed(mission), _footer(result, mission)]
    if _velocimeter_is_assumed(mission):
        body.insert(1, NO_PUBLIC_VELOCIMETER)
    css = resources.files("perilune.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{css}</style></head><body>{_headline(story)}<main>{''.join(body)}</main></body></html>\n"
    )


def _headline(story: Story) -> str:
    result, mission = story.result, story.mission
    faults = f", with {', '.join(map(str, result['faults']))}" if result.get("faults") else ""
    cause = cause_beside(result)
    why = "".join(f'<p class="cause">{escape(each)}</p>' for each in (cause, caveat(result), without_effect(result)) if each)
    return (
        f'<header class="verdict" style="--verdict: {COLOURS[result["outcome"]]}"><div>'
        f"<h1>{escape(mission.mission.title)}, {escape(str(result['variant']))} flight, seed {result['seed']}{escape(faults)}</h1>"
        f'<p class="word">{word(result["outcome"])}</p><p class="sentence">{escape(sentence(result))}</p>{why}{_when(story)}</div></header>'
    )


def _when(story: Story) -> str:
    """Time and place of the touch, and what became of the real lander."""
    contact, observed = story.result.get("contact"), story.mission.observed
    told = [f"{contact['utc'][:19].replace('T', ' ')} UTC at {_place(contact)}."] if contact else []
    if observed:
        told.append(f"The real one, on its own flight: {word(observed.outcome)}.")
    return f'<p class="cause">{escape(" ".join(told))}</p>' if told else ""


def _place(contact: dict[str, Any]) -> str:
    latitude, longitude = contact["latitude_deg"], contact["longitude_deg"]
    return f"{abs(latitude):.3f}° {'S' if latitude < 0 else 'N'}, {abs(longitude):.3f}° {'W' if longitude < 0 else 'E'}"


def _velocimeter_is_assumed(mission: MissionFile) -> bool:
    """An assumed optical velocimeter stands for one that the operator has not told of."""
    if not isinstance(mission, LanderFile) or mission.sensors.velocimeter is None:
        return False
    unit = mission.sensors.velocimeter
    return unit.kind == "optical" and unit.source == "assumed"


NO_PUBLIC_VELOCIMETER = (
    '<p class="aside">No velocimeter of this lander is public. The nominal mission file carries an optical one, assumed; with range finder '
    "and inertial unit alone about 0.6 m/s an axis would be left at touchdown.</p>"
)


def _numbers(story: Story) -> str:
    result = story.result
    tiles = [
        _tile(f"{value:.2f}{_gap(unit)}{unit}", f"{name} (limit {limit:g}{_gap(unit)}{unit})", value > limit)
        for name, value, limit, unit in touchdown_rows(result)
    ]
    if (contact := result.get("contact")) and isinstance(story.mission, LanderFile):
        tiles.append(_tile(distance(contact["miss_m"]), f"from the target{_in_ellipse(story)}"))
    if orbit := result.get("orbit"):
        tiles.append(_tile(f"{orbit['lowest_altitude_km']:.1f} km", f"lowest in {orbit['watched_days']:.1f} days"))
        tiles.append(_tile(f"{orbit['highest_altitude_km']:.1f} km", "highest"))
        tiles.append(_tile(f"{orbit['inclination_deg']:.2f}°", "inclination"))
    if rest := result.get("rest"):
        tiles.append(_tile(f"{rest['tilt_deg']:.1f}°", "tilt at rest"))
    tiles.append(_tile(f"{result['propellant_left_kg']:.1f} kg", "propellant left"))
    return f'<div class="numbers">{"".join(tiles)}</div>'


def _gap(unit: str) -> str:
    return "" if unit == "°" else " "


def _in_ellipse(story: Story) -> str:
    """Whether the end lies in the published ellipse, if there is one and the track is known."""
    ellipse = story.target.ellipse
    if ellipse is None or not story.record.has("truth/r_site_m"):
        return ""
    east_m, north_m = figures_ground.track_on_ground(story.record["truth/r_site_m"][-1:], story.target.elevation_m)
    within = figures_ground.inside(ellipse, float(east_m[0]), float(north_m[0]))
    return f", {'inside' if within else 'outside'} the published ellipse"


def _tile(value: str, name: str, over: bool = False) -> str:
    return f'<div class="number{" over" if over else ""}"><b>{escape(value)}</b><span>{escape(name)}</span></div>'


def _can_be_drawn(chapter: Chapter, story: Story) -> bool:
    if not isinstance(story.mission, chapter.of):
        return False
    if chapter.title == "Over the ground" and (not story.maps or _fell_asleep(story)):
        return False
    if chapter.title == "Touchdown" and (not touchdown_rows(story.result) or _fell_asleep(story)):
        return False
    return story.record.has(*chapter.needs)


def _fell_asleep(story: Story) -> bool:
    """Whether it met the ground in a coast, of which there is no dense record."""
    contact = story.result.get("contact")
    return contact is not None and bool(contact["met_s"] > story.record.met_s[-1] + 1.0)


def _chapter(chapter: Chapter, story: Story) -> str:
    note = f'<p class="note">{escape(f"{chapter.answer(story.result)} {chapter.note}".strip())}</p>'
    return _section(chapter.title, f"{note}{svg(chapter.draw(story))}")


def _impacts(story: Story) -> str:
    """Of a burn that led to the ground: where it may have ended, by published orbit and burn."""
    rows = impacts.impact_rows(story.result)
    if not rows or not story.record.has("impacts/latitude_deg"):
        return ""
    site_deg = float(story.lander.site.latitude_deg), float(story.lander.site.longitude_deg)
    picture = svg(impacts.impact_figure(story.record, story.result, site_deg))
    return _section(
        "Where it may have come down",
        f'<p class="note">{escape(f"{impacts.NOTE} {impacts.too_early(story.result)}".strip())}</p>{_table(impacts.HEADINGS, rows)}{picture}',
    )


def _burns(story: Story) -> str:
    """Every burn of a whole mission: before the launch, from the orbit that tracking found, and as it was made."""
    rows = []
    for burn in story.result.get("burns", ()):
        planned, ordered, made, orbit = burn["planned"], burn["ordered"], burn["flown"], burn["orbit_after"]
        rows.append(
            (
                burn["name"],
                str(planned["utc"])[5:19].replace("T", " "),
                f"{planned['duration_s']:.1f} s{' (1 sigma)' if planned['one_sigma'] else ''}",
                f"{ordered['duration_s']:.1f} s, {ordered['delta_v_m_s']:.2f} m/s" if ordered else "too small to make",
                f"{made['duration_s']:.1f} s" if made else "–",
                f"{orbit['periapsis_altitude_km']:.1f} × {orbit['apoapsis_altitude_km']:.1f} km, {orbit['inclination_deg']:.2f}°"
                if orbit and orbit["apoapsis_altitude_km"]
                else "",
            )
        )
    headings = ("burn", "planned (UTC)", "planned", "ordered in flight", "flown", "orbit after")
    note = PRE_LANDING if any(burn["name"] == DESCENT_ORBIT for burn in story.result.get("burns", ())) else ""
    return _section("Burns", f"{note}{_table(headings, rows)}") if rows else ""


PRE_LANDING = (
    '<p class="note">The orbit after the burn to the descent orbit is the one of that moment. The uneven field of the Moon changes it from turn to '
    "turn, and the burn is sized for the height that is wanted where braking begins, not for the one at the next lowest point.</p>"
)


def _events(story: Story) -> str:
    """What happened when, and where the lander then was."""
    record = story.record
    shown = [(name, unit) for name, unit in STATE_AT_EVENTS if record.has(f"truth/{name}")]
    rows = []
    for each in story.result.get("events", ()):
        recorded = np.min(np.abs(record.met_s - each["met_s"])) < 1.0
        state = [_event_value(record.at(f"truth/{name}", each["met_s"]), unit) if recorded else "" for name, unit in shown]
        rows.append((clock(each["met_s"]), str(each["utc"])[:19].replace("T", " "), word(str(each["name"])), *state))
    headings = ("time", "UTC", "event", *(STATE_WORDS[name] for name, _ in shown))
    return _section("Events", _table(headings, rows)) if rows else ""


STATE_AT_EVENTS = (("altitude_m", "m"), ("vertical_speed_m_s", "m/s"), ("horizontal_speed_m_s", "m/s"), ("propellant_kg", "kg"))
STATE_WORDS = {"altitude_m": "height", "vertical_speed_m_s": "down", "horizontal_speed_m_s": "horizontal", "propellant_kg": "propellant"}


def _event_value(value: float, unit: str) -> str:
    return distance(value) if unit == "m" else f"{round(value, 1) + 0.0:.1f} {unit}"  # no minus before zero


def _history(story: Story) -> str:
    """What the real flight was to do, what it did, and this flight beside it."""
    result, observed = story.result, story.mission.observed
    if observed is None:
        return ""
    told = f'<p class="note">The real flight: {word(observed.outcome)}; {escape(observed.cause)} ({escape(observed.source or "")}).</p>'
    note = f'<p class="note">{escape(NOTE)}</p>'
    figures_table = _table(FIGURE_HEADINGS, figure_rows(observed, result, story.record), "beside") if observed.figures else ""
    events_table = _table(EVENT_HEADINGS, event_rows(observed, result), "beside") if observed.events else ""
    return _section("Beside the real flight", told + note + figures_table + events_table)


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
    files = ", ".join(str(path).replace("\\", "/").rpartition("/")[2] for path in (result.get("files") or {}).values() if path)
    return f"<footer>{escape(mission.mission.summary)} Mission file {mission.sha256[:12]}. Beside this page: {escape(files)}.</footer>"


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]], style: str = "plain") -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{style}"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
