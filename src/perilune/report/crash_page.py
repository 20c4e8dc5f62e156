"""The page and the table of a crash test, from its result."""

from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import Any

from rich.table import Table

from perilune.campaign.crash_test import Fate, verdict_of
from perilune.report.style import BAD, BELIEF, FAINT, GOOD, INK, drawing, svg

COLOURS = {Fate.SURVIVES: GOOD, Fate.DIES: BAD, Fate.OPEN: BELIEF, Fate.NOT_FOR_THIS: FAINT}
SHORT = {Fate.SURVIVES: "survives", Fate.DIES: "dies", Fate.OPEN: "in doubt", Fate.NOT_FOR_THIS: "-"}


def table(result: dict[str, Any]) -> Table:
    """For a terminal."""
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("what destroyed", "", "lands", "95 %", "why", "left"):
        rows.add_column(heading, overflow="fold")
    for trial in result["trials"]:
        fate = Fate(trial["fate"])
        rows.add_row(f"[bold]{trial['title']}[/]", f"[{_word_colour(fate)}]{SHORT[fate]}[/]", *_odds(trial), trial["why"], _left(trial))
    return rows


def overall(result: dict[str, Any]) -> str:
    """The rating in one line."""
    rating = result["rating"]
    return (
        f"{result['mission']}: rating {rating['grade']}, {rating['score']:.2f}; "
        f"survives {rating['survived']} of the {rating['tested']} failures that apply"
    )


def page(result: dict[str, Any], title: str) -> str:
    """One HTML document, with its figure in it."""
    css = resources.files("perilune.report").joinpath("page.css").read_text(encoding="utf-8")
    grade = result["rating"]["grade"]
    colour = GOOD if grade in "AB" else BELIEF if grade == "C" else BAD
    head = (
        f'<header class="verdict" style="--verdict: {colour}"><div><h1>{escape(title)}, crash test, {result["seeds"]} flights a failure</h1>'
        f'<p class="word">{grade}</p><p class="sentence">{escape(overall(result))}.</p></div></header>'
    )
    healthy = result["trials"][0]
    body = [
        _section("How often it lands", _figure(result["trials"]), "Share of flights that land within the limits, with its 95 % interval."),
        _section("Verdicts", _verdicts(result["trials"]), verdict_of(healthy) + "."),
        _section("How each failure was translated", _translations(result["trials"]), "The words may be given to perilune fly --fault."),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}: crash test</title><style>{css}</style></head><body>{head}<main>{''.join(body)}{_footer()}</main></body></html>\n"
    )


def _footer() -> str:
    return (
        "<footer>Survives: the lower end of the interval is 75 % or more. Dies: the upper end is 25 % or less. Rating: the mean, over the "
        "failures that apply, of the share that lands beside the share of healthy flights that do; A from 0.9, B from 0.75, C from 0.5, D from "
        "0.25, else E.</footer>"
    )


def _odds(trial: dict[str, Any]) -> tuple[str, str]:
    if trial["interval"] is None:
        return "", ""
    low, high = trial["interval"]
    return f"{trial['landed']} of {trial['flights']}", f"{100 * low:.0f} to {100 * high:.0f} %"


def _left(trial: dict[str, Any]) -> str:
    margins = trial["margins"]
    if not margins:
        return ""
    return f"{margins['propellant_kg']:.0f} kg, {100 * margins['speed_share']:.0f} % of the speed limits"


def _word_colour(fate: Fate) -> str:
    return {Fate.SURVIVES: "green", Fate.DIES: "red", Fate.OPEN: "yellow", Fate.NOT_FOR_THIS: "dim"}[fate]


def _figure(trials: Sequence[dict[str, Any]]) -> str:
    flown = [trial for trial in trials if trial["interval"] is not None]
    with drawing(height_in=0.6 + 0.34 * len(flown)) as (figure, (axes,)):
        for place, trial in enumerate(reversed(flown)):
            low, high = (100.0 * end for end in trial["interval"])
            colour = INK if place == len(flown) - 1 else COLOURS[Fate(trial["fate"])]
            axes.plot([low, high], [place, place], color=colour, lw=7, alpha=0.35, solid_capstyle="butt")
            axes.plot([100.0 * trial["probability"]], [place], "o", color=colour, ms=6)
        axes.set_yticks(range(len(flown)), [trial["title"] for trial in reversed(flown)])
        axes.set_xlim(-2, 102)
        axes.set_ylim(-0.7, len(flown) - 0.3)
        axes.set_xlabel("flights that land [%]")
        for edge in (25, 75):
            axes.axvline(edge, color=FAINT, lw=0.8, ls="--")
        return svg(figure)


def _verdicts(trials: Sequence[dict[str, Any]]) -> str:
    rows = []
    for trial in trials[1:]:
        fate = Fate(trial["fate"])
        word = f'<b style="color: {COLOURS[fate]}">{escape(str(fate))}</b>'
        rows.append((escape(trial["title"]), word, *map(escape, (*_odds(trial), trial["why"], _left(trial), trial["cause"]))))
    return _table(
        ("failure", "this lander", "lands", "95 %", "what killed it, or what it has against it", "left over, median", "the cause then"),
        rows,
    )


def _translations(trials: Sequence[dict[str, Any]]) -> str:
    rows = []
    for trial in trials[1:]:
        said = "<br>".join(f"<code>{escape(words)}</code>" for words in trial["faults"])
        said += "".join(f"<br><code>{escape(key)} = {escape(str(value))}</code>" for key, value in trial["settings"].items())
        rows.append((escape(trial["title"]), escape(trial["rule"]), said or escape(trial["why"]), escape(trial["source"])))
    return _table(("failure", "rule", "for this lander", "source"), rows)


def _section(title: str, inside: str, note: str) -> str:
    return f'<section><h2>{escape(title)}</h2><p class="note">{escape(note)}</p>{inside}</section>'


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Cells are HTML already."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
