"""The verdict in words: what a stranger should know of a flight at a glance."""

from typing import Any

from rich.markup import escape

from perilune.report.impacts import impact_words
from perilune.report.live import clock, distance

# Colour of the word on the page and on the terminal.
COLOURS = {
    "landed": "#1a7f4b",
    "in_orbit": "#1a7f4b",
    "tipped_over": "#b35900",
    "crashed": "#b3261e",
    "lost": "#b3261e",
    "numerical": "#5f6368",
}
FATES = {
    "landed": "It stands on the Moon.",
    "tipped_over": "It is down and at rest, but not as it means to rest.",
    "crashed": "It hit the ground harder than it can stand.",
    "lost": "It is neither down nor where it was meant to be.",
    "in_orbit": "It is in the orbit that was wanted.",
    "numerical": "The computation broke down; this is no verdict on the lander.",
}


def word(outcome: str) -> str:
    return outcome.replace("_", " ")


def sentence(result: dict[str, Any]) -> str:
    """One sentence on where and how it touched the ground."""
    contact = result.get("contact")
    if not contact:
        return f"{FATES[result['outcome']]} {_closed(result.get('cause', ''))}".strip()
    speeds = f"{contact['vertical_speed_m_s']:.2f} m/s down and {contact['horizontal_speed_m_s']:.2f} m/s sideways"
    fate = FATES[result["outcome"]]
    where = "" if contact["miss_m"] is None else f", {distance(contact['miss_m'])} from the target"
    return f"{fate} It touched the ground at {speeds}{where}."


def cause_beside(result: dict[str, Any]) -> str:
    """The cause, where it says more than the sentence and the limits do."""
    cause = result.get("cause", "")
    untold = result["outcome"] != "landed" and result.get("contact") and not cause.startswith("touched the ground")
    return _closed(cause) if untold else ""


def caveat(result: dict[str, Any]) -> str:
    """What of a flight as it was flown is no prediction."""
    return str(result["as_flown"]["caveat"]) if result.get("variant") == "as-flown" else ""


def without_effect(result: dict[str, Any]) -> str:
    """Which faults were asked for and never came."""
    return " ".join(f"{words} never began: its moment did not come in this flight." for words in result.get("never_began", ()))


def _closed(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!')) else '.'}" if text else ""


def touchdown_rows(result: dict[str, Any]) -> list[tuple[str, float, float, str]]:
    """(what, value, limit, unit) of the touchdown, in the order in which they matter."""
    contact, limits = result.get("contact"), result.get("limits") or {}
    if not contact:
        return []
    rows = [
        ("vertical speed", contact["vertical_speed_m_s"], limits.get("vertical_m_s"), "m/s"),
        ("horizontal speed", contact["horizontal_speed_m_s"], limits.get("horizontal_m_s"), "m/s"),
        ("tilt", contact["tilt_deg"], limits.get("tilt_deg"), "°"),
        ("slope of the ground", contact["ground_slope_deg"], limits.get("slope_deg"), "°"),
    ]
    return [(name, float(value), float(limit), unit) for name, value, limit, unit in rows if limit is not None]


def summary(result: dict[str, Any]) -> str:
    """The end of `perilune fly`, with rich's markup."""
    colour = COLOURS[result["outcome"]]
    fate, gap, touch = sentence(result).partition(". ")
    lines = ["", f"[bold {colour}]{word(result['outcome']).upper()}[/]  {fate}{'.' if gap else ''}", *([touch] if touch else [])]
    if told := cause_beside(result):
        lines.append(told)
    lines += [f"[dim]{escape(told)}[/]" for told in (caveat(result), without_effect(result)) if told]
    lines.append("")
    for name, value, limit, unit in touchdown_rows(result):
        mark = "" if value <= limit else f"  [bold {COLOURS['crashed']}]over[/]"
        lines.append(f"  {name:<21}{value:8.2f} {unit:<4} limit {limit:g} {unit}{mark}")
    if result.get("contact"):
        lines.append(f"  {'touched the ground at':<21} {result['contact']['utc']}  {clock(result['contact']['met_s'])}")
    if orbit := result.get("orbit"):
        lines.append(
            f"  {'height':<21}{orbit['lowest_altitude_km']:8.1f} to {orbit['highest_altitude_km']:.1f} km in {orbit['watched_days']:.1f} days"
        )
        lines.append(f"  {'inclination':<21}{orbit['inclination_deg']:8.2f} deg")
    lines.append(f"  {'propellant left':<21}{result['propellant_left_kg']:8.1f} kg")
    if words := impact_words(result):
        lines += ["", *words]
    lines += ["", *(f"  {name:<10} {path}" for name, path in result["files"].items() if path)]
    return "\n".join(lines)


def energy(result: dict[str, Any]) -> str:
    """Whether a whole mission gained more energy than it spent, and what that left in the battery."""
    bus = result.get("bus")
    if not bus:
        return ""
    sign, lowest = "positive" if bus["energy_balance_positive"] else "negative", bus["lowest_charge"]
    return (
        f"The energy balance of this flight is {sign}: panels and generator could give {bus['generated_mean_w']:.0f} W in the mean, "
        f"{bus['used_mean_w']:.0f} W were used. The battery was lowest at {100.0 * lowest['share']:.0f} %, on {str(lowest['utc'])[:16].replace('T', ' ')} UTC."
    )
