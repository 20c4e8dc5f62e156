"""What `perilune plan` leaves: the burn table, the figures, and the trajectory for other tools."""

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilune.report.history import FARTHEST, LET_GO, burn_told, later, planned_cells
from perilune.report.plan_figures import earth_moon, launch_windows, lunar_orbits
from perilune.scenario.plan import PlannedMission, beside, cut_short, write_orbit_files
from perilune.trajectory.flightpath import MissionPlan, Orbit, PlannedBurn, Reserve, moment
from perilune.trajectory.orbit_files import segments


def plan_result(planned: PlannedMission) -> dict[str, Any]:
    """The plan as `--json` prints it, files apart."""
    plan = planned.plan
    return {
        "schema": 1,
        "mission": planned.file.name,
        "burns": [_burn(burn) for burn in plan.burns],
        "reserves": [_reserve(reserve) for reserve in plan.reserves],
        "perilune": {"utc": plan.utc(plan.perilune_s), "altitude_km": plan.perilune_altitude_m / 1e3, "excess_m_s": plan.excess_m_s},
        "way_down": plan.way_down,
        "ignition_utc": None if plan.ignition_s is None else plan.utc(plan.ignition_s),
        "delta_v_m_s": plan.total_m_s,
        "landed_mass_kg": plan.landing_kg,
        "observed": {"figures": _figures(planned), "events": _events(planned)},
        "warnings": cut_short(planned),
    }


def _figures(planned: PlannedMission) -> list[dict[str, Any]]:
    """Figures of the real flight that the desk answers, as the result of a flight has them."""
    return [{**figure.model_dump(mode="json"), "planned_here": value} for figure, value in beside(planned)]


def _events(planned: PlannedMission) -> list[dict[str, Any]]:
    """Events of the real flight that the desk answers, or that were before its last moment, and when the desk has them."""
    observed, plan = planned.file.observed, planned.plan
    if observed is None or not observed.events:
        return []
    end, rows = _utc(plan, plan.span_s()[1]), []
    for event in observed.events:
        here = _planned(event.name.lower(), plan)
        if here is not None or event.begins <= end:
            told = None if here is None else f"{here:%Y-%m-%dT%H:%M:%SZ}"
            rows.append({**event.model_dump(mode="json"), "planned_here": told, "difference": later(event.utc, here)})
    return rows


def _planned(event: str, plan: MissionPlan) -> datetime | None:
    """When the desk has what an event of a mission file tells of."""
    burns = (*plan.burns, *plan.reserves)
    if (told := burn_told(event, [burn.name for burn in burns])) is not None:
        burn = burns[told[0]]
        return _utc(plan, burn.ignition.seconds_since(plan.epoch) + (burn.duration_s if told[1] else 0.0))
    if LET_GO.match(event):
        return _utc(plan, plan.separation_s)
    if FARTHEST.match(event):
        return _utc(plan, plan.farthest()[0])
    return None


def _utc(plan: MissionPlan, t_s: float) -> datetime:
    return datetime.fromisoformat(plan.epoch.after(t_s).utc())


def _burn(burn: PlannedBurn) -> dict[str, Any]:
    return {
        **_reserve(burn),
        "steering": burn.steering,
        "direction_icrf": burn.direction.tolist(),
        "direction_radial_along_cross": burn.direction_rac.tolist(),
        "mass_after_kg": burn.mass_after_kg,
        "orbit_after": _orbit(burn.orbit_after),
    }


def _orbit(orbit: Orbit) -> dict[str, Any]:
    return {
        "centre": orbit.centre,
        "periapsis_altitude_km": orbit.periapsis_altitude_m / 1e3,
        "apoapsis_altitude_km": orbit.apoapsis_altitude_m / 1e3 if math.isfinite(orbit.apoapsis_altitude_m) else None,
        "inclination_deg": math.degrees(orbit.inclination_rad),
        "node_deg": math.degrees(orbit.node_rad),
    }


def _reserve(reserve: PlannedBurn | Reserve) -> dict[str, Any]:
    """What a burn and the reserve for one have in common."""
    return {
        "name": reserve.name,
        "engine": reserve.engine.name,
        "utc": moment(reserve.ignition),
        "duration_s": reserve.duration_s,
        "delta_v_m_s": reserve.delta_v_m_s,
        "propellant_kg": reserve.propellant_kg,
    }


def plan_table(result: dict[str, Any]) -> Group:
    """The burn table, and what was flown beside what is planned."""
    burns = _plain("UTC", "burn", "s", "m/s", "kg", "orbit after, km", right=("s", "m/s", "kg"))
    rows = sorted((*result["burns"], *result["reserves"]), key=lambda row: row["utc"])
    for row in rows:
        numbers = (f"{row['duration_s']:.1f}", f"{row['delta_v_m_s']:.1f}", f"{row['propellant_kg']:.1f}")
        after = _told(row["orbit_after"]) if "orbit_after" in row else "expected, 1 sigma"
        name = row["name"] if row["engine"] in row["name"] else f"{row['name']} ({row['engine']})"
        burns.add_row(row["utc"][5:19].replace("T", " "), name, *numbers, after)
    beside = [each for each in (_figure_table(result["observed"]["figures"]), _event_table(result["observed"]["events"])) if each.rows]
    ignition = result["ignition_utc"]
    ends = [f"The spacecraft's own burns: {result['delta_v_m_s']:.0f} m/s."]
    ends += [f"Descent begins {ignition[:19].replace('T', ' ')} UTC; {result['landed_mass_kg']:.0f} kg land."] if ignition else []
    more = [Text(f"Over the site: {result['way_down']}.")] if result["way_down"] else []
    more += [Text(warning) for warning in result["warnings"]]
    return Group(burns, Text(), *(part for each in beside for part in (each, Text())), Text(" ".join(ends)), *more)


def _plain(*headings: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=heading == "UTC")
    return table


def _figure_table(rows: list[dict[str, Any]]) -> Table:
    numbers = ("desk", "planned", "flown")
    table = _plain("figure of the real flight", *numbers, right=numbers)
    for row in rows:
        table.add_row(row["name"], *planned_cells(row["unit"], row["planned_here"], row["planned"], row["flown"]))
    return table


def _event_table(rows: list[dict[str, Any]]) -> Table:
    table = _plain("event of the real flight", "desk, UTC", "flown, UTC", "desk less flown", right=("desk less flown",))
    for row in rows:
        moments = ((row[key] or "–").replace("T", " ").removesuffix("Z") for key in ("planned_here", "utc"))
        table.add_row(row["name"], *moments, row["difference"])
    return table


def _told(orbit: dict[str, Any]) -> str:
    apsides = f"{orbit['periapsis_altitude_km']:,.1f} x "
    apsides += "open" if orbit["apoapsis_altitude_km"] is None else f"{orbit['apoapsis_altitude_km']:,.1f}"
    return f"{orbit['centre'].title()}, {apsides}, {orbit['inclination_deg']:.2f}°, node {orbit['node_deg']:.2f}°"


def write_plan_folder(planned: PlannedMission, result: dict[str, Any], folder: Path) -> dict[str, str]:
    """Figures, orbit message, kernel and the plan itself; their paths by kind."""
    plan, rows = planned.plan, segments(planned.plan)
    paths = write_orbit_files(plan.order.name, rows, folder)
    figures = {"earth-moon": earth_moon(plan), "lunar-orbits": lunar_orbits(plan, rows), "launch-windows": launch_windows(plan)}
    for name, figure in figures.items():
        paths[name] = str(folder / f"{name}.png")
        figure.savefig(paths[name], dpi=150)
    paths["plan"] = str(folder / "plan.json")
    Path(paths["plan"]).write_text(json.dumps({**result, "files": paths}, indent=2), encoding="utf-8")
    return paths
