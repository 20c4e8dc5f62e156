"""The real flight beside this one: what was planned, what was flown, what this flight did, and by how much it differs."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from perilune.report.record import Record
from perilune.scenario.schema_place import Observed, ObservedEvent, ObservedFigure
from perilune.wire.telemetry import Mode

NONE = "–"
FIGURE_HEADINGS = ("figure", "planned", "real flight", "this flight", "difference", "source")
EVENT_HEADINGS = ("event", "plan of the desk (UTC)", "real flight (UTC)", "this flight (UTC)", "difference", "source")
NOTE = (
    "Difference: this flight less the real one; where the real one left no figure, less the plan (“to plan”). "
    "The desk is this program's own plan, made before the launch."
)

# Figures of mission files that a recording can answer, by the words of their names.
SPEED_AT_HEIGHT = re.compile(r"^speed at (?P<height>[\d.]+) (?P<unit>km|m)\b")
METRES = {"m": 1.0, "km": 1000.0}

# Decimals of a row by its largest number.
DECIMALS = ((1000.0, 0), (10.0, 1), (1.0, 2))
DECIMALS_SMALL, DECIMALS_MAX = 3, 6

# Words of mission files for events of a flight, and the burn, or the event, that they tell of. The descent-orbit burn has words of its own.
BURN_WORDS = re.compile(r"(?P<end>end of )?(?P<burn>correction \d+|lunar orbit insertion|lowering \d+|trim)\b")
TO_DESCENT_ORBIT = re.compile(r"burn for the pre-landing orbit\b|leaves the .* orbit\b")
LET_GO, FARTHEST = re.compile(r"let go by\b"), re.compile(r"farthest from the earth\b")
EVENT_WORDS = (
    (re.compile(r"ignition\b|(powered )?braking (burn )?starts\b|powered descent starts\b"), "braking"),
    (re.compile(r"touchdown\b"), "contact"),
    (re.compile(r"propellant out, free fall\b"), "free_fall"),
)
# These tell of the same event as this flight's touch only if it was a crash too.
CRASH_WORDS = re.compile(r"impact\b|signal ends\b")
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0


class Row(NamedTuple):
    """Numbers of one figure in its unit; None: there is none."""

    planned: float | None
    desk: float | None
    real: float | None
    here: float | None
    decimals: int

    @property
    def to_plan(self) -> bool:
        """Whether there is no real figure to compare with, but a plan."""
        return self.real is None and (self.planned is not None or self.desk is not None)

    @property
    def against(self) -> float | None:
        """What this flight is compared with."""
        return next((value for value in (self.real, self.planned, self.desk) if value is not None), None)


def figure_rows(observed: Observed, result: dict[str, Any], record: Record) -> list[tuple[str, ...]]:
    """Rows under `FIGURE_HEADINGS`."""
    return [_figure_row(each, result, record) for each in observed.figures]


def _figure_row(figure: ObservedFigure, result: dict[str, Any], record: Record) -> tuple[str, ...]:
    unit, told = figure.unit, _told(figure.name, result)
    desk, here = told.get("planned_here"), answered(figure.name, unit, result, record)
    row = Row(figure.planned, desk, figure.flown, here, _decimals(figure.planned, desk, figure.flown, here))
    return (
        figure.name,
        _planned(row, unit),
        _given(row.real, unit),
        _cell(here, unit, row.decimals),
        _difference(figure, row),
        figure.source or "",
    )


def planned_cells(unit: str, desk: float, planned: float | None, real: float | None) -> tuple[str, str, str]:
    """By the desk, as it was planned, as it was flown."""
    return _cell(desk, unit, _decimals(planned, desk, real, None)), _given(planned, unit), _given(real, unit)


def answered(name: str, unit: str, result: dict[str, Any], record: Record) -> float | None:
    """What this flight did where a mission file's figure tells of the real one, in the figure's unit; None where nothing tells."""
    if (here := _told(name, result).get("flown_here")) is not None:
        return float(here)
    value = _value(name.lower(), result, record)
    return None if value is None else value / METRES.get(unit, 1.0)


def _told(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """The result's own row of a figure, as planned and as flown here."""
    return next((row for row in result.get("observed", {}).get("figures", ()) if row["name"] == name), {})


def _decimals(*values: float | None) -> int:
    """As many as the largest number needs, and no fewer than the published ones have; so that a row's numbers can be subtracted by eye."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    needed = next((decimals for least, decimals in DECIMALS if largest >= least), DECIMALS_SMALL)
    planned, _, real, _ = values
    return max([needed, *(_own_decimals(value) for value in (planned, real) if value is not None)])


def _own_decimals(value: float) -> int:
    """Of a published number as it stands in the mission file."""
    return len(f"{value:.{DECIMALS_MAX}f}".rstrip("0").partition(".")[2])


def _given(value: float | None, unit: str) -> str:
    """A published number, no more exact than it was published."""
    return NONE if value is None else f"{value:,.{_own_decimals(value)}f} {unit}"


def _cell(value: float | None, unit: str, decimals: int) -> str:
    return NONE if value is None else f"{round(value, decimals) + 0.0:,.{decimals}f} {unit}"  # no minus before zero


def _planned(row: Row, unit: str) -> str:
    """The real flight's plan, and the desk's."""
    desk = "" if row.desk is None else f"desk {_cell(row.desk, unit, row.decimals)}"
    return ", ".join(told for told in ("" if row.planned is None else _given(row.planned, unit), desk) if told) or NONE


def _difference(figure: ObservedFigure, row: Row) -> str:
    if row.here is None or row.against is None:
        return NONE
    # Of the rounded numbers, so that it is the difference of what the row shows.
    less = round(row.here, row.decimals) - round(row.against, row.decimals)
    if figure.name.startswith("longitude"):
        less = (less + 180.0) % 360.0 - 180.0
    return f"{round(less, row.decimals) + 0.0:+,.{row.decimals}f} {figure.unit}{' (to plan)' if row.to_plan else ''}"


def event_rows(observed: Observed, result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows under `EVENT_HEADINGS`."""
    return [_event_row(each, result, each.source or observed.source or "") for each in observed.events]


def _event_row(event: ObservedEvent, result: dict[str, Any], source: str) -> tuple[str, ...]:
    planned, here = _moments(event.name.lower(), result)
    return (
        event.name,
        _date(planned, tenths=False),
        _date(event.utc, tenths=False),
        _date(here, tenths=True),
        later(event.utc, here),
        source,
    )


def later(real: datetime | date, here: datetime | None) -> str:
    """By how much, in whole days where only the date of the real event is told."""
    if here is None:
        return NONE
    if isinstance(real, datetime):
        return time_difference((here - real).total_seconds())
    return f"{(here.date() - real).days:+d} d"


def burn_told(event: str, burns: Sequence[str]) -> tuple[int, bool] | None:
    """Which of these burns an event tells of, and whether of its end; an insertion may be several."""
    told = BURN_WORDS.match(event)
    name = told["burn"] if told else "descent orbit" if TO_DESCENT_ORBIT.match(event) else None
    found = [place for place, each in enumerate(burns) if name is not None and (each == name or each.startswith(f"{name} "))]
    end = bool(told and told["end"])
    return (found[-1 if end else 0], end) if found else None


def _moments(name: str, result: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """(by the desk, in this flight) when what a mission file's event tells of was; None where it was not, or cannot be told."""
    burns = result.get("burns", ())
    if (told := burn_told(name, [burn["name"] for burn in burns])) is not None:
        return _of_burn(burns[told[0]], told[1])
    if TO_DESCENT_ORBIT.match(name) and not burns:  # a flight from its last orbit has one burn, without a name
        return None, _of_event("burn", result)
    if FARTHEST.match(name):
        top = next((each for each in result.get("events", ()) if each["name"] == "farthest_from_earth"), None)
        return (None, None) if top is None else (_read(top["detail"]["planned_utc"]), _read(top["utc"]))
    if LET_GO.match(name):
        return None, _of_event("start", result) if burns else None
    event = event_of(name)
    unlike = CRASH_WORDS.match(name) and result["outcome"] != "crashed"
    return None, None if event is None or unlike else _of_event(event, result)


def event_of(name: str) -> str | None:
    """The event of a flight that the words of a mission file tell of."""
    return next((event for words, event in (*EVENT_WORDS, (CRASH_WORDS, "contact")) if words.match(name)), None)


def _of_burn(burn: dict[str, Any], end: bool) -> tuple[datetime | None, datetime | None]:
    """When a burn began, or ended: as planned, and as flown."""
    return _edge(burn["planned"], end), _edge(burn["flown"], end)


def _edge(burn: dict[str, Any] | None, end: bool) -> datetime | None:
    if burn is None:
        return None
    return _read(burn["utc"]) + timedelta(seconds=burn["duration_s"] if end else 0.0)


def _of_event(name: str, result: dict[str, Any]) -> datetime | None:
    return next((_read(str(each["utc"])) for each in result.get("events", ()) if each["name"] == name), None)


def _read(utc: str) -> datetime:
    return datetime.fromisoformat(utc)


def _date(moment: datetime | date | None, tenths: bool) -> str:
    """To a second, or to a tenth of one; a date alone where no hour is told."""
    if not isinstance(moment, datetime):
        return NONE if moment is None else f"{moment}"
    rounded = moment + timedelta(milliseconds=50 if tenths else 500)
    return f"{rounded:%Y-%m-%d %H:%M:%S}" + (f".{rounded.microsecond // 100_000}" if tenths else "")


def time_difference(seconds: float) -> str:
    """Signed, in the two largest units that it has; under a minute to a tenth of a second."""
    sign, size_s = "-" if seconds < 0.0 else "+", abs(seconds)
    if round(size_s, 1) < MINUTE_S:
        return f"{sign}{size_s:.1f} s"
    for unit_s, word, part_s, part in ((DAY_S, "d", HOUR_S, "h"), (HOUR_S, "h", MINUTE_S, "min"), (MINUTE_S, "min", 1.0, "s")):
        parts = round(size_s / part_s)
        if parts * part_s >= unit_s:
            whole, rest = divmod(parts, round(unit_s / part_s))
            return f"{sign}{whole} {word} {rest} {part}"
    return f"{sign}{size_s:.0f} s"


def _value(name: str, result: dict[str, Any], record: Record) -> float | None:
    contact = result.get("contact")
    heard = record.all_of("downlink/altimeter_fresh") > 0 if record.has("downlink/altimeter_fresh") else np.zeros(0)
    if (found := SPEED_AT_HEIGHT.match(name)) and record.has("truth/altitude_m"):
        return _speed_at(record, record.all_of("truth/altitude_m") <= float(found["height"]) * METRES[found["unit"]])
    if name == "height at ignition":
        return _at(record, "truth/altitude_m", record.mode == Mode.BRAKING)
    if name == "height of the first valid range":
        return _at(record, "truth/altitude_m", heard)
    if name == "speed at that height":
        return _speed_at(record, heard)
    if contact and name.startswith("vertical speed at touchdown"):
        return float(contact["vertical_speed_m_s"])
    if contact and name.startswith("distance of the impact"):
        return float(contact["miss_m"])
    return None


def _speed_at(record: Record, when: np.ndarray) -> float | None:
    down, level = (_at(record, f"truth/{which}_speed_m_s", when) for which in ("vertical", "horizontal"))
    return None if down is None or level is None else float(np.hypot(down, level))


def _at(record: Record, name: str, when: np.ndarray) -> float | None:
    """A channel where something is first so."""
    first = np.flatnonzero(when)
    return float(record.all_of(name)[first[0]]) if first.size and record.has(name) else None
