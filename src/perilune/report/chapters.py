"""The chapters of a flight's page: a figure each, its words, and the channels that it cannot do without."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from perilune.report import figures, figures_ground, figures_mission, figures_navigation
from perilune.report.record import Record
from perilune.report.relief import ReliefMap
from perilune.report.verdict import energy, touchdown_rows
from perilune.scenario.schema import LanderFile, MissionFile


@dataclass(frozen=True)
class Story:
    """All that the page tells of: the result as `--json` prints it, the mission file, the record, and maps of the ground if there are any."""

    result: dict[str, Any]
    mission: MissionFile
    record: Record
    maps: tuple[ReliefMap, ...] = ()

    @property
    def lander(self) -> LanderFile:
        """The file of a mission that lands."""
        if not isinstance(self.mission, LanderFile):
            raise TypeError(f"{self.mission.name} does not land")
        return self.mission

    @property
    def target(self) -> figures_ground.Target:
        ellipse = self.lander.site.ellipse
        axes = (float(ellipse.major_km), float(ellipse.minor_km), float(ellipse.azimuth_deg)) if ellipse else None
        return figures_ground.Target(float(self.lander.site.elevation_m), axes)

    @property
    def engine_names(self) -> tuple[str, ...]:
        """One name for each throttled engine, numbered from 0 as faults count them."""
        names = [group.name for group in self.mission.engines for _ in range(group.count)]
        return tuple(f"{number} ({name})" for number, name in enumerate(names))

    @property
    def gate_sigmas(self) -> dict[str, float]:
        gates = self.lander.flight_software.gates
        return {name: float(getattr(gates, name).sigmas) for name in ("altimeter", "velocimeter", "star_tracker")}


@dataclass(frozen=True)
class Chapter:
    """A figure of the page, its words, and the channels that it cannot do without."""

    title: str
    note: str
    draw: Callable[[Story], Figure]
    needs: tuple[str, ...]
    of: type[MissionFile] = MissionFile  # the kind of mission that it tells of
    answer: Callable[[dict[str, Any]], str] = lambda result: ""  # what this flight says to it, in a sentence


def _needs(group: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{group}/{name}" for name in names)


TRUE_SPEEDS = _needs("truth", "vertical_speed_m_s", "horizontal_speed_m_s")
NAVIGATED = _needs("truth", "r_lci_m", "v_lci_m_s", "q_lci_body") + _needs(
    "downlink", "nav_r_lci_m", "nav_v_lci_m_s", "nav_q_lci_body", "nav_sigma"
)
GATES = tuple(
    f"downlink/{unit}_{what}" for unit, *_ in figures_navigation.CHANNELS for what in ("innovation", "innovation_sigma", "used", "fresh")
)
CHAPTERS = (
    Chapter(
        "The way to the Moon",
        "As it was flown, a point every ten minutes on the way and every minute about the Moon.",
        lambda story: figures_mission.way_to_the_moon(story.record),
        ("coast/r_gci_m", "bus/heard"),
    ),
    Chapter(
        "The whole flight",
        "Height over the ground from the start to the end, a point a minute while flight software sleeps. Bands are the phases in which it is awake.",
        lambda story: figures.whole_flight(story.record),
        ("coast/altitude_m", "truth/altitude_m"),
    ),
    Chapter(
        "Power, temperature, radio",
        "Power is what panels and generator can give less what is asked for, before the battery. Asleep, the lander holds the attitude in which it went "
        "to sleep: its panels to where the Sun then was, and after the burn to the descent orbit as it will brake, where they give less. The link is "
        "to the station that hears it best.",
        lambda story: figures_mission.housekeeping(story.record),
        ("bus/power_balance_w", "bus/state_of_charge", "bus/temperature_k", "bus/link_margin_db", "bus/heard"),
        answer=energy,
    ),
    Chapter(
        "Touchdown",
        "What the lander stands, and what it met. Speeds are those just before the first touch.",
        lambda story: figures_ground.touchdown(story.record, touchdown_rows(story.result)),
        (*TRUE_SPEEDS, "truth/tilt_deg"),
        LanderFile,
    ),
    Chapter(
        "Over the ground",
        "The way of the centre of mass over the relief that this flight met, lit from the north-west. Named craters stand where the "
        "mission file puts them; the rest of the relief is drawn by the seed from the statistics of the region.",
        lambda story: figures_ground.ground_track(story.record, story.maps, story.target),
        ("truth/r_site_m",),
        LanderFile,
    ),
    Chapter(
        "Height",
        "Over the ground below, so relief shows in it. Dashed: what flight software believed; until the altimeter hears an echo, that is height "
        "over the ground of its own map. Bands are its modes.",
        lambda story: figures.altitude(story.record),
        ("truth/altitude_m", "downlink/altitude_m"),
        LanderFile,
    ),
    Chapter(
        "Speed",
        "Relative to the rotating ground; down is positive. Dotted: what flight software believed.",
        lambda story: figures.speeds(story.record),
        TRUE_SPEEDS + _needs("downlink", "vertical_speed_m_s", "horizontal_speed_m_s"),
        LanderFile,
    ),
    Chapter(
        "Attitude and throttle",
        "Throttled engines only; pulsed thrusters, which alone carry some landers at the end, show in the next figure.",
        lambda story: figures.attitude(story.record, story.engine_names),
        ("truth/tilt_deg", "truth/omega_body_lci_rad_s", "truth/throttle"),
    ),
    Chapter(
        "Thrust",
        "Along the body's axis: what guidance asked for, and what engines and thrusters gave. Before ignition nothing is given.",
        lambda story: figures.thrust(story.record),
        ("truth/thrust_n", "truth/mass_kg", "downlink/accel_cmd_m_s2"),
    ),
    Chapter(
        "Propellant",
        "Flight software counts its own orders: it does not know that an engine burns a little more or less than it should.",
        lambda story: figures.propellant(story.record),
        ("truth/propellant_kg", "truth/mass_kg", "downlink/mass_kg"),
    ),
    Chapter(
        "Filter errors inside their 3σ",
        "Truth less estimate along the axes of the inertial frame; blue is three sigma as the filter believes it. Shares count the flight "
        "before touchdown. A tenth of a milliradian is 20 seconds of arc. Attitude may stand outside: for the star tracker's mounting and "
        "the gyros' scale the filter has no states, and it takes their constant errors for noise.",
        lambda story: figures_navigation.errors(story.record),
        NAVIGATED,
    ),
    Chapter(
        "The ground below, as the filter saw it",
        "Relief is part of the estimate: a filter that takes a crater rim for a faulty sensor flies into the ground. An error here that "
        "the position shares cancels in the height over the ground, which is what the altimeter measures.",
        lambda story: figures_navigation.ground(story.record, story.target.elevation_m),
        ("truth/ground_elevation_m", "downlink/nav_terrain_m", "downlink/nav_sigma"),
        LanderFile,
    ),
    Chapter(
        "Readings at the gates",
        "Innovation over its predicted sigma; of several beams or axes at once, their root mean square. Dashed: the gate.",
        lambda story: figures_navigation.innovations(story.record, story.gate_sigmas),
        GATES,
        LanderFile,
    ),
)
