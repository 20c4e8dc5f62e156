"""The page of a campaign, from its result and the columns that its figures show."""

from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from matplotlib.ticker import FuncFormatter

from perilune.campaign.answers import SCREENED_MIN, SOBOL_SCREENED_MIN
from perilune.campaign.statistics import wilson_interval
from perilune.campaign.table import Columns
from perilune.report.relief import ReliefMap, shade
from perilune.report.style import BAD, BELIEF, FAINT, GOOD, INK, TRUTH, drawing, svg

WORDS = {
    "landed": "landing or not",
    "propellant_kg": "propellant left [kg]",
    "vertical_m_s": "speed down [m/s]",
    "horizontal_m_s": "speed sideways [m/s]",
    "tilt_deg": "tilt [°]",
    "slope_deg": "slope of the ground [°]",
    "along_m": "miss along the ellipse [m]",
    "across_m": "miss across the ellipse [m]",
    "miss_m": "distance from the target [m]",
}
COLOURS = {"landed": GOOD, "tipped_over": BELIEF, "crashed": BAD}
POINTS_MAX = 4000  # of a scatter: more are a blot, and megabytes
TAIL = (0.0, 0.995)  # share of flights that a histogram shows


def page(result: dict[str, Any], rows: Columns, title: str, ground: tuple[ReliefMap, Any] | None) -> str:
    """One HTML document, with its figures in it; `ground` is the relief as one case sees it and the published ellipse, full axes and azimuth."""
    css = resources.files("perilune.report").joinpath("page.css").read_text(encoding="utf-8")
    body = [
        _section(
            "The odds", _running(rows), "Share of flights that land within the limits and the ellipse, as cases came in; 95 % interval."
        ),
        _section("Why the others did not", _causes(result), "Each with its share of all flights, and one case to replay."),
        _section(
            "What is left over", _margins(result, rows), "At first contact, of flights that touched the ground; the line is the limit."
        ),
        _section("Where they come down", _touchdown(result, rows, ground), _touchdown_note(result)),
        _section("What decides", _sensitivity(result), _sensitivity_note()),
    ]
    low, high = result["interval"]
    colour = GOOD if low >= 0.9 else BELIEF if high >= 0.5 else BAD
    head = (
        f'<header class="verdict" style="--verdict: {colour}"><div><h1>{escape(title)}, {result["cases"]:,} flights</h1>'
        f'<p class="word">{100 * result["probability"]:.1f} %</p><p class="sentence">{escape(sentence(result))}</p></div></header>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}: campaign</title><style>{css}</style></head><body>{head}<main>{''.join(body)}</main></body></html>\n"
    )


def sentence(result: dict[str, Any]) -> str:
    """The odds in one line."""
    low, high = result["interval"]
    fair = result["on_fair_ground"]
    line = f"{result['landed']:,} of {result['cases']:,} land: {100 * result['probability']:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f} %)."
    if fair["cases"] in (0, result["cases"]):
        return line
    low, high = fair["interval"]
    return f"{line} Where the ground is within the slope limit, {fair['landed']:,} of {fair['cases']:,} ({100 * low:.2f} to {100 * high:.2f} %)."


def _running(rows: Columns) -> str:
    landed, cases = np.cumsum(rows["landed"].astype(int)), np.arange(1, len(rows["landed"]) + 1)
    shown = np.unique(np.geomspace(1, len(cases), 300).astype(int)) - 1
    bounds = 100.0 * np.array([wilson_interval(int(landed[place]), int(cases[place])) for place in shown])
    with drawing(height_in=2.8) as (figure, (axes,)):
        axes.fill_between(cases[shown], bounds[:, 0], bounds[:, 1], color=TRUTH, alpha=0.18, lw=0)
        axes.plot(cases[shown], 100.0 * (landed / cases)[shown], color=TRUTH)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlim(1, max(len(cases), 2))
        axes.set_ylim(max(0.0, float(bounds[len(shown) // 3 :, 0].min()) - 5.0), 101.0)
        axes.set(xlabel="cases", ylabel="land [%]")
        return svg(figure)


def _causes(result: dict[str, Any]) -> str:
    causes = result["causes"][:12]
    if not causes:
        return "<p>Every flight landed.</p>"
    with drawing(height_in=0.9 + 0.3 * len(causes)) as (figure, (axes,)):
        for place, cause in enumerate(reversed(causes)):
            low, high = (100.0 * end for end in cause["interval"])
            axes.barh(place, 100.0 * cause["share"], color=BAD, alpha=0.75, height=0.55)
            axes.plot([low, high], [place, place], color=INK, lw=1.2)
            words = f"{cause['cases']:,} (case {cause['first_case']})"
            axes.annotate(words, (high, place), (6, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(range(len(causes)), [cause["reason"] for cause in reversed(causes)])
        axes.set_xlim(0.0, 1.25 * max(100.0 * cause["interval"][1] for cause in causes))
        axes.set_xlabel("of all flights [%]")
        axes.grid(axis="y", visible=False)
        drawn = svg(figure)
    told = [f"<li>{escape(cause['reason'])}: {escape(words)}</li>" for cause in causes if (words := marked(cause))]
    return drawn + (
        f"<p>What marks them (inputs by the median of their distance from the middle):</p><ul>{''.join(told)}</ul>" if told else ""
    )


def marked(cause: dict[str, Any]) -> str:
    """The slope that flights of a cause met, and the inputs that were drawn far out in them."""
    slope = [] if cause["slope_deg"] is None else [f"on slopes of {cause['slope_deg']:.0f}°"]
    far = [each for each in cause["marked_by"] if each["median_sigma"] >= 1.0]
    return ", ".join(slope + [f"{each['input']} {each['median_sigma']:.1f} sigma" for each in far[:3]])


def _margins(result: dict[str, Any], rows: Columns) -> str:
    told = {
        name: each for name, each in result["margins"].items() if name in ("propellant_kg", "vertical_m_s", "horizontal_m_s", "tilt_deg")
    }
    if not told:
        return "<p>No flight touched the ground.</p>"
    with drawing(columns=len(told), height_in=2.6) as (figure, panels):
        for axes, (name, each) in zip(panels, told.items(), strict=True):
            _histogram(axes, name, each["limit"], rows[name][rows["met_s"] > 0.0])
        figure_ = svg(figure)
    headings = ("", "limit", *(f"{100 * one['share']:g} %" for one in next(iter(told.values()))["quantiles"]))
    lines = [
        (WORDS[name], f"{each['limit']:g}", *(_quantile(one) for one in each["quantiles"])) for name, each in result["margins"].items()
    ]
    return figure_ + _table(headings, lines)


def _histogram(axes: Axes, name: str, limit: float, values: np.ndarray) -> None:
    low, high = np.quantile(values[np.isfinite(values)], TAIL)
    high = max(high, 1.05 * limit)
    axes.hist(values, bins=60, range=(float(low), float(high) if high > low else float(low) + 1.0), color=TRUTH, alpha=0.8)
    if name != "propellant_kg" or low < 0.1 * high:
        axes.axvline(limit, color=BAD, lw=1.4)
    axes.set(xlabel=WORDS[name], yticks=[])
    axes.grid(axis="y", visible=False)


def _quantile(one: dict[str, Any]) -> str:
    ends = ["-" if end is None else f"{end:.3g}" for end in (one["low"], one["high"])]
    return f"{one['value']:.3g} ({ends[0]} to {ends[1]})"


def _touchdown(result: dict[str, Any], rows: Columns, ground: tuple[ReliefMap, Any] | None) -> str:
    told = result["touchdown"]
    if not told:
        return "<p>Too few flights came to rest.</p>"
    close_m = 1.6 * max(told["half_axes_95_m"][0], 1.0)
    with drawing(columns=2, height_in=5.6) as (figure, (wide, close)):
        for axes, half_m in ((wide, _wide_m(told, ground)), (close, close_m)):
            scale = 1e-3 if half_m > 3000.0 else 1.0
            if axes is wide and ground is not None:
                _ground(axes, ground, scale)
            _places(axes, told, rows, scale)
            centre = (0.0, 0.0) if axes is wide else (told["east_m"] * scale, told["north_m"] * scale)
            axes.set_xlim(centre[0] - half_m * scale, centre[0] + half_m * scale)
            axes.set_ylim(centre[1] - half_m * scale, centre[1] + half_m * scale)
            axes.set_aspect("equal")
            unit = "km" if scale < 1.0 else "m"
            axes.set(xlabel=f"east of the target [{unit}]", ylabel=f"north of the target [{unit}]")
        wide.set_title("Over relief, as one case sees it")
        close.set_title("The 95 % ellipse")
        close.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none", markerscale=1.8)
        return svg(figure)


def _wide_m(told: dict[str, Any], ground: tuple[ReliefMap, Any] | None) -> float:
    return 2.2 * told["half_axes_95_m"][0] if ground is None else ground[0].half_width_m


def _ground(axes: Axes, ground: tuple[ReliefMap, Any], scale: float) -> None:
    relief, published = ground
    extent = tuple(scale * edge for edge in relief.extent_m)
    axes.imshow(shade(relief), cmap="gray", origin="lower", extent=extent, vmin=0.0, vmax=1.0, interpolation="bilinear")  # type: ignore[arg-type]
    axes.grid(False)
    if published is not None:
        major, minor, azimuth = published
        axes.add_patch(Ellipse((0, 0), 1e3 * scale * minor, 1e3 * scale * major, angle=-azimuth, fill=False, ec="#7fe7ff", lw=1.1, ls="--"))


def _places(axes: Axes, told: dict[str, Any], rows: Columns, scale: float) -> None:
    step = -(-len(rows["case"]) // POINTS_MAX)
    for outcome, colour in COLOURS.items():
        chosen = np.flatnonzero(rows["outcome"] == outcome)[:: step if outcome == "landed" else 1][:POINTS_MAX]
        east, north = scale * rows["east_m"][chosen], scale * rows["north_m"][chosen]
        axes.plot(
            east, north, ls="none", marker="o", ms=2.2, mew=0, alpha=0.55, color=colour, label=outcome.replace("_", " "), rasterized=True
        )
    axes.plot(0, 0, marker="+", ms=8, mew=1.4, color=INK, ls="none", label="target")
    major_m, minor_m = told["half_axes_95_m"]
    centre = (scale * told["east_m"], scale * told["north_m"])
    shape = Ellipse(centre, 2 * scale * minor_m, 2 * scale * major_m, angle=-told["azimuth_deg"], fill=False, ec=BELIEF, lw=1.4)
    axes.add_patch(shape).set_label("95 % of a normal law")


def _touchdown_note(result: dict[str, Any]) -> str:
    told = result["touchdown"]
    if not told:
        return ""
    major_m, minor_m = told["half_axes_95_m"]
    miss = told["miss_m"]
    return (
        f"Of {told['flights']:,} flights that came to rest: 95 % ellipse {2 * major_m:,.0f} by {2 * minor_m:,.0f} m, azimuth {told['azimuth_deg']:.0f}°, "
        f"centre {told['east_m']:,.0f} m east and {told['north_m']:,.0f} m north of the target; {100 * told['inside_95']:.1f} % lie in it. "
        f"Half come down within {miss[0]['value']:,.0f} m of the target, 95 % within {miss[1]['value']:,.0f} m."
    )


def _sensitivity(result: dict[str, Any]) -> str:
    told = result["sensitivity"]
    if not told:
        return f"<p>Too few flights to tell: {SCREENED_MIN} are needed, of a Sobol sequence {SOBOL_SCREENED_MIN:,}, since fewer tie inputs to each other.</p>"
    columns, rows = 2, -(-len(told) // 2)
    with drawing(columns=columns, rows=rows, height_in=2.1 * rows) as (figure, panels):
        for axes, (name, each) in zip(panels, told.items(), strict=False):
            _screen(axes, name, each)
        for axes in panels[len(told) :]:
            axes.set_visible(False)
        return svg(figure)


def _screen(axes: Axes, name: str, told: dict[str, Any]) -> None:
    inputs = list(reversed(told["inputs"]))
    places = np.arange(len(inputs))
    axes.barh(places + 0.18, [abs(each["rank"]) for each in inputs], height=0.34, color=TRUTH, label="rank correlation")
    index = [max(each["index"] or 0.0, 0.0) for each in inputs]
    within = [each["within"] or 0.0 for each in inputs]
    axes.barh(places - 0.18, index, height=0.34, color=BELIEF, xerr=within, error_kw={"lw": 0.8}, label="Sobol index")
    axes.axvspan(0.0, told["noise"], color=FAINT, alpha=0.3, lw=0)
    axes.set_yticks(places, [f"{each['input']} {'+' if each['rank'] > 0 else '−'}" for each in inputs], fontsize=8)
    axes.set_title(WORDS[name], fontsize=9, pad=4)
    axes.set_xlim(left=0.0)
    axes.grid(axis="y", visible=False)
    if name == "landed":
        axes.legend(loc="lower right")


def _sensitivity_note() -> str:
    return (
        "For each response the six inputs of the largest rank correlation (its sign behind the name; in the grey band it may be chance), with their "
        "first-order Sobol indices on the ranks of the response and their 95 % intervals (no line where too few flights differ to tell). What the indices leave is noise in flight, the ground, and inputs together."
    )


def _section(title: str, inside: str, note: str) -> str:
    return f'<section><h2>{escape(title)}</h2><p class="note">{escape(note)}</p>{inside}</section>'


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
