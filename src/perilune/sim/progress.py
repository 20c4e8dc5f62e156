"""What a flight director watches while a flight runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One look at a flight under way; truth, for the screen only."""

    phase: str
    mode: str
    met_s: float
    share: float  # of the flight plan flown, 0 to 1
    altitude_m: float  # over the ground below
    vertical_speed_m_s: float  # positive down
    horizontal_speed_m_s: float
    mass_kg: float
    throttle: float  # of all engines together, a share of full thrust
