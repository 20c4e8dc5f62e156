"""What destroyed landers, or nearly did: each failure with its cause, and how it is translated to another lander.

A translation is faults, in words that `perilune fly --fault` takes too, and settings of flight software where the flaw lay there. It uses
shares of what a lander has, not the numbers of the one that was lost. A lander that has not what failed is told so.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from perilune.scenario.schema import LanderFile

# 893 m, of the 5 km that the file of Resilience gives its range finder.
RESILIENCE_SHARE = 893.0 / 5000.0
# The rim of Atlas; of a lander that comes lower, a share of its height.
RIM_M, RIM_SHARE, RIM_LASTS_S = 3000.0, 0.4, 20.0
# The altimeter must hear the rim: it passes below at this share of the reach, or of the height of ignition.
RIM_AT_SHARE = 0.8
# The low end of what is believed of Mission 1's allowance (1 to 3 km).
M1_ALLOWANCE_M = 1000.0
# Beresheet's unit failed at 14 km, braking from 25 km.
BERESHEET_SHARE = 14.0 / 25.0
# Not published: by how much Vikram's engines gave more, and how fast it was allowed to turn. Assumed.
VIKRAM_THRUST, VIKRAM_TURN_DEG_S = 0.05, 1.0
# Half the side of the zone that it kept to (ISRO chairman, 2023-07-10).
VIKRAM_ZONE_M = 250.0
# Not published: how much IM-2's altimeter scattered. Assumed, of the range.
IM_2_NOISE = 0.2


class Translation(NamedTuple):
    """A failure as it would be of this lander."""

    faults: tuple[str, ...]
    settings: dict[str, Any] = {}  # keys of the mission file  # noqa: RUF012
    defences: tuple[str, ...] = ()  # what the lander has against it


class NotForThis(NamedTuple):
    """It has not what failed."""

    why: str


class Failure(NamedTuple):
    name: str
    title: str
    cause: str
    source: str
    rule: str
    translated: Callable[[LanderFile], Translation | NotForThis]


def _luna_25(file: LanderFile) -> Translation | NotForThis:
    return Translation(("accelerometer.dead@met=0..",), defences=_ranging(file))


def _hakuto_r_m1(file: LanderFile) -> Translation | NotForThis:
    reach_m = 1e3 * float(file.sensors.altimeter.range_max_km)
    at_m = RIM_AT_SHARE * min(reach_m, 1e3 * file.orbit.at_ignition_km[0])
    rim_m = min(RIM_M, RIM_SHARE * at_m)
    gate = "flight_software.gates.altimeter"
    settings = {f"{gate}.policy": "reject_for_good", f"{gate}.limit_m": min(M1_ALLOWANCE_M, 0.5 * rim_m)}
    return Translation((f"ground.higher:{rim_m:.0f}@altitude={at_m:.0f}+0..{RIM_LASTS_S:g}",), settings, _ranges_of_velocimeter(file))


def _resilience(file: LanderFile) -> Translation | NotForThis:
    heard_m = RESILIENCE_SHARE * 1e3 * float(file.sensors.altimeter.range_max_km)
    return Translation((f"altimeter.late:{heard_m:.0f}",), defences=_ranges_of_velocimeter(file))


def _chandrayaan_2(file: LanderFile) -> Translation | NotForThis:
    if not any("braking" in group.used_in for group in file.engines):
        return NotForThis("it brakes on thrusters, which are pulsed")
    slow = min(VIKRAM_TURN_DEG_S, float(file.flight_software.attitude.turn_max_deg_s))
    throttled = any("braking" in group.used_in and float(group.throttle_min) < float(group.throttle_max) for group in file.engines)
    defences = ("its braking engines throttle",) if throttled else ()
    settings: dict[str, Any] = {"flight_software.attitude.turn_max_deg_s": slow}
    approach = file.flight_software.approach
    if approach.wanted and approach.law == "polynomial":
        own_m = VIKRAM_ZONE_M if approach.give_way_m is None else float(approach.give_way_m)
        settings["flight_software.approach.give_way_m"] = min(VIKRAM_ZONE_M, own_m)
    return Translation((f"engine.thrust-high.all:{VIKRAM_THRUST:g}",), settings, defences)


def _beresheet(file: LanderFile) -> Translation | NotForThis:
    at_m = BERESHEET_SHARE * 1e3 * file.orbit.at_ignition_km[0]
    others = [group.name for group in file.engines if "braking" not in group.used_in]
    defences = (f"engines that have not burned yet: {', '.join(others)}",) if others else ()
    # The engines must be seen to burn before they go off.
    return Translation((f"engine.no-restart.all@altitude={at_m:.0f}", f"computer.reset:10@altitude={at_m:.0f}+1"), defences=defences)


def _slim(file: LanderFile) -> Translation | NotForThis:
    group = max(_kinds(file, "vertical_descent"), key=lambda kind: kind.count)
    word = f"engine.nozzle-lost.{group.first}:0.9" if group.engines else f"thruster.weak.{group.first}:0.9"
    return Translation((f"{word}@altitude=50",), defences=_others(group))


def _im_1(file: LanderFile) -> Translation | NotForThis:
    beams = file.sensors.velocimeter is not None and file.sensors.velocimeter.range_floor_m is not None
    words = ("altimeter.dead", "velocimeter.no-ranges") if beams else ("altimeter.dead",)
    return Translation(words, defences=("a velocimeter for its speed",) if file.sensors.velocimeter is not None else ())


def _im_2(file: LanderFile) -> Translation | NotForThis:
    return Translation((f"altimeter.noise:{IM_2_NOISE:g}",), defences=_ranges_of_velocimeter(file))


def _apollo_11(file: LanderFile) -> Translation | NotForThis:
    return Translation(("state-vector.late:4", "computer.overrun:2@phase=braking+60..100"), defences=_ranging(file))


def _schiaparelli(file: LanderFile) -> Translation | NotForThis:
    rate_rad_s = math.radians(float(file.sensors.imu.gyro_max_deg_s))
    words = (f"gyro.saturated.y:{min(rate_rad_s, 10.0):.3g}@phase=pitch_up",)
    return Translation(words, defences=(f"a star tracker up to {float(file.sensors.star_tracker.turn_max_deg_s):g} deg/s",))


def _mars_polar_lander(file: LanderFile) -> Translation | NotForThis:
    return Translation(("touchdown.stuck-on.0@altitude=40",))


def _surveyor_2(file: LanderFile) -> Translation | NotForThis:
    kinds = [*_kinds(file, "braking"), *_kinds(file, "vertical_descent")]
    group = max(kinds, key=lambda kind: kind.count)
    word = "engine.out" if group.engines else "thruster.stuck-off"
    return Translation((f"{word}.{group.first}",), defences=_others(group))


class _Kind(NamedTuple):
    """A group of engines, or of thrusters that push along."""

    engines: bool
    first: int  # number of its first
    count: int


def _kinds(file: LanderFile, mode: str) -> list[_Kind]:
    """What carries the lander in a mode."""
    found = []
    for groups, engines in ((file.engines, True), (file.thrusters, False)):
        first = 0
        for group in groups:
            if mode in (getattr(group, "used_in", ()) if engines else getattr(group, "thrust_in", ())):
                found.append(_Kind(engines, first, group.count))
            first += group.count
    return found


def _others(group: _Kind) -> tuple[str, ...]:
    return (f"{group.count - 1} more of its kind",) if group.count > 1 else ()


def _ranging(file: LanderFile) -> tuple[str, ...]:
    return ("a star tracker", f"an altimeter from {float(file.sensors.altimeter.range_max_km):g} km on", *_ranges_of_velocimeter(file))


def _ranges_of_velocimeter(file: LanderFile) -> tuple[str, ...]:
    unit = file.sensors.velocimeter
    if unit is None:
        return ()
    told = "speeds and ranges" if unit.range_floor_m is not None else "speeds"
    return (f"a velocimeter that tells {told} from {float(unit.range_max_km):g} km on",)


FAILURES: tuple[Failure, ...] = (
    Failure(
        "luna-25",
        "Luna-25, 2023",
        "accelerometers that were never switched on read zero, and nobody noticed",
        "Roscosmos, 2023-10-03",
        "the accelerometers read zero, and call it valid, for the whole flight",
        _luna_25,
    ),
    Failure(
        "hakuto-r-m1",
        "Hakuto-R Mission 1, 2023",
        "the rim of a crater passed below, the filter took it for a broken altimeter and refused it for good",
        "ispace, 2023-05-26",
        "a rim of 3 km, or 40 % of the height if that is less, passes below for 20 s at 80 % of the altimeter's reach, or of the height of "
        "ignition if that is less; the gate refuses for good what is off by more than 1 km, or half the rim",
        _hakuto_r_m1,
    ),
    Failure(
        "resilience",
        "Resilience, 2025",
        "the range finder gave its first valid range at 893 m, too late to stop",
        "ispace, 2025-06-24",
        "the altimeter is valid only below 18 % of its reach: 893 m of the 5 km that Resilience is assumed to have had",
        _resilience,
    ),
    Failure(
        "chandrayaan-2",
        "Chandrayaan-2, 2019",
        "engines gave more than believed, and a limited rate of turn kept the lander from following its guidance",
        "ISRO, 2023-07-10",
        "all engines give 5 % more, and turns are held to 1 degree a second (both assumed: ISRO gave no numbers); guidance that flies to a point "
        "gives up no more than 250 m of its place; without the leg of fixed attitude, which is not in every lander's flight",
        _chandrayaan_2,
    ),
    Failure(
        "beresheet",
        "Beresheet, 2019",
        "the computer restarted in mid-braking, the engine went off and did not light again",
        "SpaceIL, 2019-04-17",
        "at 56 % of the height of ignition (14 of 25 km) the computer is out for 10 s, and no engine that has burned lights again",
        _beresheet,
    ),
    Failure(
        "slim",
        "SLIM, 2024",
        "one of two engines lost its nozzle near 50 m",
        "JAXA, 2024-01-25",
        "at 50 m one of the engines, or pulsed thrusters, that carry the last descent keeps a tenth of its thrust; of an engine, some of it aside",
        _slim,
    ),
    Failure(
        "im-1",
        "IM-1, 2024",
        "the range finders could not fire, and what replaced them was never heard",
        "Intuitive Machines, February 2024",
        "neither altimeter nor velocimeter tells a range, from the start",
        _im_1,
    ),
    Failure(
        "im-2",
        "IM-2, 2025",
        "noise in the altimeter from some 30 km on down",
        "Intuitive Machines, March 2025",
        "the altimeter scatters by 20 % of the range, 1 sigma (assumed: no number was given)",
        _im_2,
    ),
    Failure(
        "apollo-11",
        "Apollo 11, 1969 (landed)",
        "7 km farther along than believed, and a computer short of time",
        "NASA, Apollo 11 Mission Report",
        "the state vector is told for 4 s too late, which is 7 km; for 40 s of braking orders are renewed every 2 s only",
        _apollo_11,
    ),
    Failure(
        "schiaparelli",
        "Schiaparelli, 2016 (Mars)",
        "a gyro at its limit for a second turned the believed attitude over",
        "ESA, inquiry of 2017",
        "as the lander pitches up, the gyro about y reads its limit for a second",
        _schiaparelli,
    ),
    Failure(
        "mars-polar-lander",
        "Mars Polar Lander, 1999 (Mars)",
        "a touchdown switch that had closed as the legs unfolded cut the engines at 40 m",
        "JPL, review of 2000",
        "one touchdown switch says contact from 40 m on",
        _mars_polar_lander,
    ),
    Failure(
        "surveyor-2",
        "Surveyor 2, 1966",
        "one of three engines did not light",
        "NASA",
        "one engine, or pulsed thruster, of the most numerous kind that carries the descent never lights",
        _surveyor_2,
    ),
)
