"""Where an orbit met the ground after a burn that ended on its timer, for every burn that the public record allows.

**Model.** Given: the published orbit and when it was so, carried to ignition by the mission's gravity; mass, time of ignition, the length of
the burn that was planned and where it was to lead, the length of the burn that was made. Thrust, against the motion, is what makes the planned
burn lead where it was to. Not given, and so swept: the time of ignition within what was told, the argument of latitude at ignition, and the
argument of periapsis. Left out: burns during which, or between which and the loss of contact, the Earth is below
the limb (that a station sees the Moon then is not looked at: those of Luna-25 do, 22 degrees up).
**Neglects** the tail-off of thrust, errors of attitude, the difference between osculating and mean elements, and relief: the ground is a sphere
through the crater that was found (a kilometre of height is worth about 25 s and 42 km).
**Reference.** The table `[as_flown.impact]` of the mission file.
"""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from perilune.constants import G0_M_S2, RADIUS_MOON_M
from perilune.math.vector import Vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import Selenographic
from perilune.scenario.build import build_world
from perilune.scenario.burn_fate import WATCHED_S, Given, carried_planes, fates, scalar
from perilune.scenario.programs import DIRECT, Programs
from perilune.scenario.schema import MissionFile
from perilune.scenario.schema_impact import ImpactBand
from perilune.scenario.schema_place import epoch_of
from perilune.sim.recording import Channel
from perilune.types import Scalar
from perilune.world.plant import World

SPACING_DEG = (6.0, 15.0)  # of the arguments of latitude and of periapsis
FITTED_M = 20e3
WIDTH = 1024
MINUTE_S = 60.0

BAND_CHANNELS = {
    "delay_s": Channel("s", "ignition after the time that was told"),
    "latitude_argument_deg": Channel("degree", "argument of latitude at ignition"),
    "periapsis_argument_deg": Channel("degree", "argument of periapsis before the burn"),
    "thrust_n": Channel("N", "thrust that makes the planned burn lead where it was to"),
    "delta_v_m_s": Channel("m s-1", "velocity taken out by the burn that was made"),
    "apoapsis_altitude_km": Channel("km", "of the orbit that was planned"),
    "seen": Channel("1", "1 where the Earth is over the limb from ignition to the loss of contact or the ground"),
    "struck": Channel("1", "1 where the orbit meets the ground"),
    "after_ignition_s": Channel("s", "from ignition to the ground"),
    "latitude_deg": Channel("degrees_north", "latitude of the impact, mean Earth / rotation axis"),
    "longitude_deg": Channel("degrees_east", "longitude of the impact, mean Earth / rotation axis"),
    "ahead_m": Channel("m", "the crater ahead of the impact, along the track"),
    "aside_m": Channel("m", "the crater left of the ground track"),
}


class Swept(NamedTuple):
    """One row a burn, by the names of `BAND_CHANNELS`; what the rows say in few numbers; and the plane at ignition."""

    rows: dict[str, Float[np.ndarray, " burns"]]
    told: dict[str, Any]


def impact_band(file: MissionFile, programs: Programs = DIRECT, spacing_deg: tuple[float, float] = SPACING_DEG) -> Swept:
    """The sweep of a mission file that has the table `[as_flown.impact]`; ValueError if it has none."""
    if file.as_flown is None or file.as_flown.impact is None or file.observed is None:
        raise ValueError(f"{file.name} has no table [as_flown.impact]")
    record, observed = file.as_flown.impact, file.observed
    crater_deg = float(observed.latitude_deg or 0.0), float(observed.longitude_deg or 0.0)
    start = epoch_of(record.orbit_utc)
    ignition_s = epoch_of(record.ignition_utc).seconds_since(start)
    world = build_world(file, load_ephemeris(start, ignition_s + 2.0 * WATCHED_S))
    given, open_rad = _given(record, crater_deg, (world, ignition_s), programs)
    rows = _rows(float(record.ignition_within_s), spacing_deg)
    pieces = []
    for first in range(0, len(rows), WIDTH):
        some = rows[first : first + WIDTH]
        filled = np.concatenate([some, np.repeat(some[-1:], WIDTH - len(some), axis=0)])
        pieces.append({name: np.asarray(each) for name, each in programs(fates, world, given, jnp.asarray(filled)).items()})
    columns = {name: np.concatenate([piece[name] for piece in pieces])[: len(rows)].astype(float) for name in pieces[0]}
    table = {**dict(zip(("delay_s", "latitude_argument_deg", "periapsis_argument_deg"), rows.T, strict=True)), **columns}
    inclination_rad, node_rad = (float(each) for each in given.plane_rad)
    plane_deg = {
        "inclination_deg": math.degrees(inclination_rad),
        "node_deg": math.degrees(node_rad) % 360.0,
        "node_open_deg": math.degrees(open_rad),
    }
    minutes = [(each - record.ignition_utc).total_seconds() / MINUTE_S for each in (record.contact_lost_utc, record.impact_utc)]
    seen = {"ignition_to_ground_min": minutes, "latitude_deg": crater_deg[0], "longitude_deg": crater_deg[1]}
    return Swept(table, {**in_few_numbers(table), "observed": seen, "plane_at_ignition": plane_deg})


def fallen(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Which burns are counted: those with the Earth in view that led to the ground."""
    return (rows["seen"] > 0.0) & (rows["struck"] > 0.0)


def in_few_numbers(rows: dict[str, np.ndarray]) -> dict[str, Any]:
    """(least, median, greatest) over the burns that are counted, and over those of them that lead to the crater."""
    falls = fallen(rows)
    near = falls & (np.abs(rows["ahead_m"]) < FITTED_M)

    def spread(name: str, unit: float, of: np.ndarray) -> list[float] | None:
        values = rows[name][of] / unit
        return [float(values.min()), float(np.median(values)), float(values.max())] if values.size else None

    return {
        "burns": len(falls),
        "earth_in_view": int(np.sum(rows["seen"] > 0.0)),
        "met_the_ground": int(falls.sum()),
        "predicted": {
            "crater_left_of_the_track_km": spread("aside_m", 1e3, falls),
            "ignition_to_ground_min": spread("after_ignition_s", MINUTE_S, falls),
        },
        "band": {
            "latitude_deg": spread("latitude_deg", 1.0, falls),
            "longitude_deg": spread("longitude_deg", 1.0, falls),
            "crater_ahead_km": spread("ahead_m", 1e3, falls),
        },
        "fitted": {
            "within_km": FITTED_M / 1e3,
            "burns": int(near.sum()),
            "latitude_argument_deg": spread("latitude_argument_deg", 1.0, near),
            "ignition_to_ground_min": spread("after_ignition_s", MINUTE_S, near),
        },
    }


def left_of_track_km(coasts: dict[str, np.ndarray], place_deg: tuple[float, float]) -> float:
    """How far left of the last stretch of a flown track a place lies, the track going on as a great circle."""
    before, last = (_place(*(float(coasts[name][row]) for name in ("latitude_deg", "longitude_deg"))) for row in (-2, -1))
    return float(jnp.arcsin(before.cross(last).unit().dot(_place(*place_deg)))) * RADIUS_MOON_M / 1e3


def _rows(within_s: float, spacing_deg: tuple[float, float]) -> Float[np.ndarray, "burns 3"]:
    delays = sorted({-within_s, 0.0, within_s})
    latitudes, periapses = (np.arange(0.0, 360.0, each) for each in spacing_deg)
    return np.array([(delay, u, w) for delay in delays for u in latitudes for w in periapses])


def _given(record: ImpactBand, crater_deg: tuple[float, float], world_then: tuple[World, float], programs: Programs) -> tuple[Given, float]:
    """The plane is carried to ignition over every phase of the orbit: the mean, and how far the node differs (rad)."""
    world, ignition_s = world_then
    given = Given(
        plane_rad=(scalar(math.radians(record.inclination_deg)), scalar(math.radians(record.node_deg))),
        ignition_s=scalar(ignition_s),
        radii_m=(_radius(record.periapsis_altitude_km), _radius(record.apoapsis_altitude_km)),
        mass_kg=scalar(record.mass_kg),
        exhaust_m_s=scalar(record.isp_s * G0_M_S2),
        planned_s=scalar(record.planned_s),
        planned_radius_m=_radius(record.planned_periapsis_altitude_km),
        flown_s=scalar(record.flown_s),
        watched_s=scalar((record.contact_lost_utc - record.ignition_utc).total_seconds()),
        crater_lfme=_place(*crater_deg),
        ground_radius_m=scalar(RADIUS_MOON_M + float(record.ground_elevation_m)),
    )
    around = np.arange(0.0, 360.0, 60.0)
    phases = jnp.asarray([(u, w) for u in around for w in around])
    inclination, node = np.asarray(programs(carried_planes, world, given, phases)).T
    middle = math.atan2(np.sin(node).mean(), np.cos(node).mean())
    spread = float(np.abs((node - middle + math.pi) % (2.0 * math.pi) - math.pi).max())
    return eqx.tree_at(lambda each: each.plane_rad, given, (scalar(inclination.mean()), scalar(middle))), spread


def _place(latitude_deg: float, longitude_deg: float) -> Vec3:
    return Selenographic(scalar(math.radians(latitude_deg)), scalar(math.radians(longitude_deg)), scalar(0.0)).direction_lfme()


def _radius(altitude_km: float) -> Scalar:
    return scalar(RADIUS_MOON_M + 1e3 * float(altitude_km))
