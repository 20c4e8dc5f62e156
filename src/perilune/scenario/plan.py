"""`perilune plan`: the desk's order out of a mission file and its `[plan]`, the planned figures of the real flight, and the files."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from perilune.constants import G0_M_S2
from perilune.math.calling import called_by
from perilune.moon.earth_field import earth_field
from perilune.moon.gravity import SphericalHarmonicField, field_of
from perilune.moon.lunar_field import lunar_field
from perilune.scenario.beside_plan import of_plan
from perilune.scenario.build import braking_estimate
from perilune.scenario.build_control import braking_thrust
from perilune.scenario.build_fsw import timer_s
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load
from perilune.scenario.programs import Programs, kept_programs
from perilune.scenario.schema import LanderFile, MissionFile
from perilune.scenario.schema_place import ObservedFigure, epoch_of
from perilune.scenario.schema_plan import EngineUse, LandingPlan, LoweringRow, Plan
from perilune.trajectory.desk import Desk, opened
from perilune.trajectory.flightpath import MissionPlan
from perilune.trajectory.orbit_files import HERMITE_DEGREE, Segment, oem_text
from perilune.trajectory.order import Arrival, Corrections, Descent, Launch, Lowering, MissionOrder, Thruster
from perilune.trajectory.plan import plan_mission
from perilune.trajectory.pre_landing import ellipse_of_altitudes
from perilune.trajectory.refusal import BudgetError, CorrectionError, DeskError, PassError, TransferError, WayDownError

# Of the fields in which the desk plans. The flattening of the Earth is worth 30 m/s of a first correction.
FIELD_DEGREE, EARTH_DEGREE = 8, 2
# From the gate to the ground, as `scenario.build` counts it.
FINAL_DESCENT_S = 120.0
# What the descent takes beyond the orbital speed: gravity while braking and landing (mission files: 1.7 to 2.0 km/s in all).
DESCENT_MARGIN_M_S = 200.0
# NAIF asks for a negative number of one's own choosing for a spacecraft; this one is not taken.
SPK_BODY = -990025
SPK_CENTRES = {"earth": 399, "moon": 301}


class PlannedMission(NamedTuple):
    """A plan, with the mission and the wishes it was made from."""

    file: MissionFile
    wishes: Plan
    plan: MissionPlan


def plan(name_or_path: str | Path, keep_in: Path | None = None) -> PlannedMission:
    """Plan a mission of the catalogue by name, or of your own by path. ScenarioError, in one line, says why it cannot be flown.

    In the folder `keep_in`, your own, the plan and its programs are kept: planned or flown again, the mission is there at once.
    """
    file = load(name_or_path)
    with kept_programs(keep_in) as programs:
        return PlannedMission(file, _wishes(file), kept_plan(file, programs))


# Where in the mission file to look, when the desk refuses.
_KEYS: dict[type[DeskError], str] = {
    TransferError: "plan.injection_utc, plan.parking, plan.arrival, plan.stage",
    PassError: "plan.landing.earliest_utc, plan.landing.latest_utc, plan.arrival.inclination_deg",
    BudgetError: "plan.separation_kg, plan.stage.mass_kg, vehicle.mass_dry_kg",
    CorrectionError: "plan.arrival",
    WayDownError: "plan.landing.trim_utc, plan.landing.earliest_utc, plan.landing.latest_utc, plan.injection_utc",
}


def kept_plan(file: MissionFile, programs: Programs) -> MissionPlan:
    """The desk's plan of a file; it is kept, since it takes longer to make than to fly."""
    words = file.model_dump_json()
    found = programs.shelf.find("plan", words) if programs.shelf is not None else None
    if found is None:
        try:
            with called_by(programs):
                found = plan_mission(order_of(file, _wishes(file)), *_fields())
        except DeskError as error:
            raise ScenarioError(f"{_KEYS.get(type(error), 'plan')}: {error}", file.origin) from None
        if programs.shelf is not None:
            programs.shelf.put("plan", words, found)
    return found


def _wishes(file: MissionFile) -> Plan:
    if file.plan is None:
        raise ScenarioError(f"mission '{file.name}' has no [plan]; give one with injection, parking, stage, arrival", file.origin)
    return file.plan


def desk_of(file: MissionFile) -> Desk:
    """What a plan begins with: the order and the forces. ScenarioError or DeskError for what no flight can mend."""
    return opened(order_of(file, _wishes(file)), *_fields())


def _fields() -> tuple[SphericalHarmonicField, SphericalHarmonicField]:
    """Of the Moon and the Earth, as the desk has them."""
    return field_of(lunar_field()).truncated(FIELD_DEGREE), field_of(earth_field()).truncated(EARTH_DEGREE)


def _thruster(file: MissionFile, use: EngineUse) -> Thruster:
    """An engine or thruster group of the mission file, all of it together."""
    for group in (*file.engines, *file.thrusters):
        if group.name == use.name:
            return Thruster(group.name, group.count * float(group.thrust_n), float(group.isp_s))
    names = ", ".join(group.name for group in (*file.engines, *file.thrusters))
    raise ScenarioError(f"plan: there is no engine '{use.name}'; there are {names}", file.origin)


def order_of(file: MissionFile, wishes: Plan) -> MissionOrder:
    """What the desk is asked for, in SI and radians."""
    if wishes.separation_kg <= file.vehicle.mass_dry_kg:
        raise ScenarioError(
            f"plan.separation_kg is {wishes.separation_kg:g}; it must be more than vehicle.mass_dry_kg, {file.vehicle.mass_dry_kg:g}",
            file.origin,
        )
    stage, parking = wishes.stage, wishes.parking
    launch = Launch(
        epoch_of(wishes.injection_utc),
        1e3 * float(parking.altitude_km),
        math.radians(parking.inclination_deg),
        Thruster(stage.name, float(stage.thrust_n), float(stage.isp_s)),
        float(stage.mass_kg),
    )
    return MissionOrder(
        name=file.name,
        mass_kg=float(wishes.separation_kg),
        dry_mass_kg=float(file.vehicle.mass_dry_kg),
        launch=launch,
        arrival=_arrival(file, wishes),
        small_engine=_thruster(file, wishes.small_engine),
        corrections=_corrections(wishes),
        descent=_descent(file, wishes.landing) if isinstance(file, LanderFile) and wishes.landing is not None else None,
        lowering=tuple(_lowering(file, row) for row in wishes.lowering),
    )


def _arrival(file: MissionFile, wishes: Plan) -> Arrival:
    arrival = wishes.arrival
    missing = [use.name for use in arrival.engines[1:] if use.burn_s is None]
    if missing:
        raise ScenarioError(
            f"plan.arrival.engines: {', '.join(missing)} has no burn_s; only the first engine burns as long as it takes", file.origin
        )
    return Arrival(
        1e3 * float(arrival.periapsis_altitude_km),
        1e3 * float(arrival.apoapsis_altitude_km),
        math.radians(arrival.inclination_deg),
        tuple(_thruster(file, use) for use in arrival.engines),
        tuple(float(use.burn_s or 0.0) for use in arrival.engines[1:]),
        None if arrival.ignition_utc is None else epoch_of(arrival.ignition_utc),
    )


def _corrections(wishes: Plan) -> Corrections | None:
    errors = wishes.errors
    if errors is None or not wishes.corrections:
        return None
    epochs = tuple(epoch_of(row.utc) for row in wishes.corrections)
    return Corrections(epochs, float(errors.position_m), float(errors.velocity_m_s), 0.01 * float(errors.execution_percent))


def _lowering(file: MissionFile, row: LoweringRow) -> Lowering:
    at_periapsis = row.apoapsis_altitude_km is not None
    altitude_km = float((row.apoapsis_altitude_km if at_periapsis else row.periapsis_altitude_km) or 0.0)
    return Lowering(epoch_of(row.utc), at_periapsis, 1e3 * altitude_km, _thruster(file, EngineUse(name=row.engine)))


def _descent(file: LanderFile, landing: LandingPlan) -> Descent:
    orbit, site = file.orbit, file.site
    low_km, high_km = orbit.at_ignition_km
    ellipse = ellipse_of_altitudes(1e3 * low_km, 1e3 * high_km)
    braking_s, range_m = braking_estimate(file, ellipse)
    mean_radius_m = ellipse.periapsis_m - 0.5 * (1e3 * low_km - float(site.elevation_m))
    return Descent(
        latitude_rad=math.radians(site.latitude_deg),
        longitude_rad=math.radians(site.longitude_deg),
        elevation_m=float(site.elevation_m),
        periapsis_altitude_m=1e3 * low_km,
        apoapsis_altitude_m=1e3 * high_km,
        arc_rad=(range_m + float(file.flight_software.braking.gate_downrange_m)) / mean_radius_m,
        braking_s=braking_s + FINAL_DESCENT_S,
        delta_v_m_s=ellipse.speed_m_s(ellipse.periapsis_m) + DESCENT_MARGIN_M_S,
        isp_s=braking_thrust(file)[1] / G0_M_S2,
        trim=epoch_of(landing.trim_utc),
        descent_burn=None if landing.descent_orbit_utc is None else epoch_of(landing.descent_orbit_utc),
        earliest=epoch_of(landing.earliest_utc),
        latest=epoch_of(landing.latest_utc),
        southbound=orbit.direction == "southbound",
    )


def beside(planned: PlannedMission) -> list[tuple[ObservedFigure, float]]:
    """Figures of the real flight that the plan answers, and its answers."""
    observed = planned.file.observed
    told = [(figure, of_plan(figure, planned.plan)) for figure in ([] if observed is None else observed.figures)]
    return [(figure, value) for figure, value in told if value is not None]


def cut_short(planned: PlannedMission) -> list[str]:
    """What to say of burns that their back-up timer would end before they are over: a flight makes them so, if it is wanted."""
    timers = [(burn, timer_s(planned.file, burn.duration_s, to_descent=burn.name == "descent orbit")) for burn in planned.plan.burns[1:]]
    return [
        f"The back-up timer ends the burn '{burn.name}' after {timer:.1f} s; it takes {burn.duration_s:.1f} s. "
        "Give it longer: flight_software.orbit_burn.timer_factor, or descent_timer_s for the descent orbit."
        for burn, timer in timers
        if timer < burn.duration_s
    ]


def write_orbit_files(name: str, rows: list[Segment], folder: Path) -> dict[str, str]:
    """Write the orbit ephemeris message and, with spiceypy installed, the SPK kernel; returns the paths by kind."""
    oem, spk = folder / "trajectory.oem", folder / "trajectory.bsp"
    oem.write_text(oem_text(name, rows, datetime.now(UTC)), encoding="ascii")
    paths = {"oem": str(oem)}
    if write_spk(rows, name, spk):
        paths["spk"] = str(spk)
    return paths


def write_spk(rows: list[Segment], name: str, path: Path) -> bool:
    """An SPK kernel of type 13 (Hermite, unequal steps), a segment an arc; False without spiceypy."""
    try:
        import spiceypy
    except ImportError:
        return False
    handle = spiceypy.spkopn(str(path), name.upper(), 0)
    for segment in rows:
        states_km = [[*(1e-3 * r), *(1e-3 * v)] for r, v in zip(segment.r_m, segment.v_m_s, strict=True)]
        epochs = [float(tdb_s) for tdb_s in segment.tdb_s]
        names = (SPK_BODY, SPK_CENTRES[segment.centre], "J2000", epochs[0], epochs[-1], segment.name[:40])
        spiceypy.spkw13(handle, *names, HERMITE_DEGREE, len(epochs), states_km, epochs)
    spiceypy.spkcls(handle)
    return True
