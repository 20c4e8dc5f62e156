"""What `perilune plan` leaves: the burn table, the figures, and the trajectory for other tools."""

import json
import math
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from perilune.report.plan_figures import earth_moon, launch_windows, lunar_orbits
from perilune.scenario.plan import PlannedMission, beside, cut_short, write_plan
from perilune.trajectory.flightpath import Orbit, PlannedBurn, Reserve, moment

FIGURES = {"earth-moon": earth_moon, "lunar-orbits": lunar_orbits, "launch-windows": launch_windows}


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
        "beside": [row._asdict() for row in beside(planned)],
        "warnings": cut_short(planned),
    }


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
    burns = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("UTC", "burn", "s", "m/s", "kg", "orbit after, km"):
        burns.add_column(heading, justify="right" if heading in ("s", "m/s", "kg") else "left", no_wrap=heading == "UTC")
    rows = sorted((*result["burns"], *result["reserves"]), key=lambda row: row["utc"])
    for row in rows:
        numbers = (f"{row['duration_s']:.1f}", f"{row['delta_v_m_s']:.1f}", f"{row['propellant_kg']:.1f}")
        after = _told(row["orbit_after"]) if "orbit_after" in row else "expected, 1 sigma"
        name = row["name"] if row["engine"] in row["name"] else f"{row['name']} ({row['engine']})"
        burns.add_row(row["utc"][5:19].replace("T", " "), name, *numbers, after)
    flown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("", "planned", "flown"):
        flown.add_column(heading, justify="right" if heading else "left")
    for row in result["beside"]:
        flown.add_row(row["name"], f"{row['planned']:.1f} {row['unit']}", f"{row['flown']:g} {row['unit']}")
    ignition = result["ignition_utc"]
    ends = [f"The spacecraft's own burns: {result['delta_v_m_s']:.0f} m/s."]
    ends += [f"Descent begins {ignition[:19].replace('T', ' ')} UTC; {result['landed_mass_kg']:.0f} kg land."] if ignition else []
    more = [Text(f"Over the site: {result['way_down']}.")] if result["way_down"] else []
    more += [Text(warning) for warning in result["warnings"]]
    return Group(burns, Text(), *([flown, Text()] if result["beside"] else []), Text(" ".join(ends)), *more)


def _told(orbit: dict[str, Any]) -> str:
    apsides = f"{orbit['periapsis_altitude_km']:,.1f} x "
    apsides += "open" if orbit["apoapsis_altitude_km"] is None else f"{orbit['apoapsis_altitude_km']:,.1f}"
    return f"{orbit['centre'].title()}, {apsides}, {orbit['inclination_deg']:.2f}°, node {orbit['node_deg']:.2f}°"


def write_plan_folder(planned: PlannedMission, result: dict[str, Any], folder: Path) -> dict[str, str]:
    """Figures, orbit message, kernel and the plan itself; their paths by kind."""
    paths = write_plan(planned, folder)
    for name, draw in FIGURES.items():
        paths[name] = str(folder / f"{name}.png")
        draw(planned.plan).savefig(paths[name], dpi=150)
    paths["plan"] = str(folder / "plan.json")
    Path(paths["plan"]).write_text(json.dumps({**result, "files": paths}, indent=2), encoding="utf-8")
    return paths
