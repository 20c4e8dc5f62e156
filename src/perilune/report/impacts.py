"""Where a burn that led to the ground may have ended, by all that the record allows: in words, as a table, and as a picture."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perilune.report import style
from perilune.report.record import Record
from perilune.scenario.impact_band import MINUTE_S, fallen

HEADINGS = ("", "computed: least, median, greatest", "real flight", "this flight, in its own orbit")
NOTE = (
    "From the published orbit and burn alone. Where on the orbit the burn began is not public, so every point is swept at which the Earth was "
    "in view. How far the crater lies off the track, and how long the fall takes, are predictions; where on the track it ends is a band; what is "
    "made to end at the crater is fitted."
)
MERIDIANS_DEG, PARALLELS_DEG = range(0, 121, 30), (-75.0, -60.0, -45.0, -30.0, -15.0, 0.0)


def impact_rows(result: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """(what, computed, observed, this flight) of the burns that the record allows; none of a flight that has no such table."""
    told = result.get("impacts")
    if not told or told["predicted"]["ignition_to_ground_min"] is None:
        return []
    seen, contact, here = told["observed"], result.get("contact"), told["crater_left_of_this_track_km"]
    rows = [
        ("predicted: the crater off the ground track", _sideways(told["predicted"]["crater_left_of_the_track_km"]), "", _sideways(here)),
        (
            "predicted: from ignition to the ground",
            _three(told["predicted"]["ignition_to_ground_min"], "min", 1),
            f"{seen['ignition_to_ground_min'][0]:.0f} to {seen['ignition_to_ground_min'][1]:.0f} min",
            _fall_of(result),
        ),
        (
            "a band: latitude of the impact",
            _three(told["band"]["latitude_deg"], "°", 1),
            f"{seen['latitude_deg']:.2f}°",
            f"{contact['latitude_deg']:.2f}°" if contact else None,
        ),
    ]
    fitted = told["fitted"]
    if fitted["burns"]:
        rows.append(
            (
                f"fitted: ignition that ends within {fitted['within_km']:.0f} km of the crater",
                _three(fitted["latitude_argument_deg"], "°", 0) + " past the node",
                "not public",
                None,
            )
        )
    return [(what, computed, observed or "–", mine or "–") for what, computed, observed, mine in rows]


def too_early(result: dict[str, Any]) -> str:
    """Whether the ground comes before the real flight fell silent, for every burn; nothing if it does not."""
    falls_min, lost_min = (
        result["impacts"]["predicted"]["ignition_to_ground_min"],
        result["impacts"]["observed"]["ignition_to_ground_min"][0],
    )
    if falls_min[-1] >= lost_min:
        return ""
    return f"Every one of them meets the ground before contact was really lost, by {lost_min - falls_min[-1]:.1f} to {lost_min - falls_min[0]:.1f} min."


def impact_words(result: dict[str, Any]) -> list[str]:
    """The same for the end of `perilune fly`."""
    told, rows = result.get("impacts"), impact_rows(result)
    if not told or not rows:
        return []
    head = (
        f"The published orbit and burn alone, {told['met_the_ground']} of {told['burns']} points of ignition with the Earth in view; "
        "least, median, greatest:"
    )
    return [
        head,
        *filter(None, [too_early(result)]),
        *(f"  {what:<56}{computed}{f'  (real: {observed})' if observed != '–' else ''}" for what, computed, observed, _ in rows),
    ]


def _three(values: list[float], unit: str, decimals: int) -> str:
    gap = "" if unit == "°" else " "
    return ", ".join(f"{value:.{decimals}f}" for value in values) + f"{gap}{unit}"


def _sideways(left_km: list[float]) -> str:
    """Distances to the left of a track in words; to the right of it they are negative."""
    if min(left_km) < 0.0 < max(left_km):
        return f"{', '.join(f'{each:+.1f}' for each in left_km)} km to its left"
    return f"{', '.join(f'{each:.1f}' for each in sorted(map(abs, left_km)))} km to its {'left' if max(left_km) > 0.0 else 'right'}"


def _fall_of(result: dict[str, Any]) -> str | None:
    figures = (result.get("observed") or {}).get("figures", ())
    mine = next((row["flown_here"] for row in figures if row["name"] == "from ignition to the ground"), None)
    return None if mine is None else f"{mine:.1f} min"


def impact_figure(record: Record, result: dict[str, Any], site_deg: tuple[float, float]) -> Figure:
    """The map, the distance off the track, and time with place: what the record leaves open, and what is known."""
    rows = {str(name): np.asarray(array.values) for name, array in record.tree["impacts"].data_vars.items()}
    falls, seen = fallen(rows), result["impacts"]["observed"]
    crater_deg, minutes = (seen["latitude_deg"], seen["longitude_deg"]), rows["after_ignition_s"][falls] / MINUTE_S
    contact = result.get("contact")
    with style.drawing(columns=3, height_in=4.4) as (figure, (chart, across, times)):
        _map(chart, (rows["latitude_deg"][falls], rows["longitude_deg"][falls]), crater_deg)
        chart.plot(*_polar(*site_deg), "o", ms=7, mfc="none", mec=style.INK, mew=1.5, label="the site")
        if contact:
            here = _polar(contact["latitude_deg"], contact["longitude_deg"])
            chart.plot(*here, "X", ms=8, mfc=style.BELIEF, mec="white", label="this flight, in its own orbit")
        chart.legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), markerscale=0.8)
        across.hist(rows["aside_m"][falls] / 1e3, bins=24, color=style.TRUTH)
        across.axvline(0.0, color=style.BAD, lw=2)
        across.set(title="Off the track [predicted]", xlabel="the crater left of the track [km]", ylabel="burns")
        times.plot(
            minutes, rows["latitude_deg"][falls], ".", ms=2, color=style.TRUTH, label="burns with the Earth in view", rasterized=True
        )
        times.plot(seen["ignition_to_ground_min"], (crater_deg[0],) * 2, color=style.BAD, lw=3, label="contact lost, and impact")
        times.plot(seen["ignition_to_ground_min"][-1], crater_deg[0], "*", ms=12, mfc=style.BAD, mec="white")
        times.set(
            title="Time [predicted], place [a band]", xlabel="minutes from ignition to the ground", ylabel="latitude of the impact [°]"
        )
        times.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)  # burns may lie anywhere inside
    return figure


def _map(axes: Axes, impacts_deg: tuple[np.ndarray, np.ndarray], crater_deg: tuple[float, float]) -> None:
    turns = np.linspace(-30.0, 150.0, 91)
    for latitude_deg in PARALLELS_DEG:
        axes.plot(*_polar(latitude_deg, turns), color="#dde3ea", lw=0.6)
        axes.annotate(f"{latitude_deg:.0f}°", _polar(latitude_deg, 95.0), fontsize=7, color=style.FAINT, ha="center")
    for longitude_deg in MERIDIANS_DEG:
        axes.plot(*_polar(np.array([-90.0, 8.0]), longitude_deg), color="#dde3ea", lw=0.6)
        axes.annotate(f"{longitude_deg}° E", _polar(12.0, longitude_deg), fontsize=7, color=style.FAINT, ha="center")
    axes.plot(*_polar(*impacts_deg), ".", ms=2, color=style.TRUTH, label="where published orbit and burn lead", rasterized=True)
    axes.plot(*_polar(*crater_deg), "*", ms=13, mfc=style.BAD, mec="white", label="the crater that was found")
    axes.set(title="About the south pole", xlim=(-12.0, 112.0), ylim=(-62.0, 112.0), aspect="equal")
    axes.axis("off")


def _polar(latitude_deg: np.ndarray | float, longitude_deg: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Degrees from the south pole, the meridian of Greenwich upward, east to the right."""
    away, turn = 90.0 + np.asarray(latitude_deg), np.radians(longitude_deg)
    return away * np.sin(turn), away * np.cos(turn)
