"""The way down to the site, as a flight-dynamics desk looks for it: the first of a few that converges, or how far off each was.

**Model.** First the first pass in the time allowed, with the trim where it is wanted, then half a turn later, on the other side of the Moon, and
a turn later; then the later passes, half a month apart, with the trim where it is wanted.
**Neglects** that a way tried later may be cheaper: the first is taken.
"""

from typing import NamedTuple

from perilune.constants import RADIUS_MOON_M
from perilune.moon.time import DAY_S, Epoch
from perilune.trajectory.lunar_orbit import Approaching, OrbitBurns, Pass, approach, first_guess, orbit_period_s
from perilune.trajectory.over_site import told_pass
from perilune.trajectory.refusal import CorrectionError, WayDownError

# How many turns later than wanted the trim is tried: a quarter turn from the site there are two places in each.
TURNS_LATER = (0.0, 0.5, 1.0)


class Way(NamedTuple):
    """By which pass the lander comes down, and when it trims: so many turns later than wanted."""

    over: Pass
    trim_s: float
    turns_later: float

    def told(self, epoch: Epoch) -> str:
        """In words."""
        wait_d = (self.over.t_s - self.trim_s) / DAY_S
        later = f"{self.turns_later:g} turn later than wanted" if self.turns_later else "where it is wanted"
        return f"pass of {told_pass(epoch, self.over)}, {wait_d:.1f} days after the trim, which is {later}"


def ways(case: Approaching, over: list[Pass], trim_s: float) -> list[Way]:
    """In the order in which they are tried."""
    turn_s = orbit_period_s(case.start, float(case.forces.moon_field.gm_m3_s2))
    return [Way(over[0], trim_s + turns * turn_s, turns) for turns in TURNS_LATER] + [Way(each, trim_s, 0.0) for each in over[1:]]


def way_down(case: Approaching, tried: list[Way], descent_s: float | None, epoch: Epoch) -> tuple[Way, OrbitBurns]:
    """The first way that converges, and its burns. WayDownError if none does."""
    off = []
    for way in tried:
        try:
            return way, approach(case, first_guess(case, way.over, way.trim_s, descent_s))[0]
        except CorrectionError as error:
            off.append(f"{way.told(epoch)}: {_told_off(error.missed)}")
    raise WayDownError(
        f"trim and descent-orbit burn do not converge by any way down that was tried - {'; '.join(off)}; "
        "trim nearer to the pass, so that an error of it has fewer turns to grow in, allow other days for the landing, or launch on another day"
    )


def _told_off(missed: tuple[float, ...]) -> str:
    """What `lunar_orbit.approach` missed, in kilometres; along and across on the ground."""
    height_m, _, apsides_m, ahead_rad, aside_rad = (abs(each) for each in missed)
    along_km, across_km = (1e-3 * RADIUS_MOON_M * each for each in (ahead_rad, aside_rad))
    return (
        f"off by {along_km:.1f} km along and {across_km:.1f} km across the track over the site, "
        f"{1e-3 * height_m:.1f} km in height at ignition, {1e-3 * apsides_m:.1f} km in the sum of the apsides"
    )
