"""When the plane of an arrival, or of an orbit, passes over the landing site: whether in time, and if not, when it does."""

import math

from perilune.moon.time import DAY_S, Epoch
from perilune.trajectory.desk import Desk
from perilune.trajectory.flightpath import moment
from perilune.trajectory.injection import Injection, Transfer
from perilune.trajectory.lunar_orbit import Approaching, Landing, Pass, passes, passes_of_plane
from perilune.trajectory.order import Descent
from perilune.trajectory.refusal import PassError

# A pass is predicted with a plane that stands still; the node drifts by a degree in days, which the Moon turns in two hours.
PREDICTION_S = 0.4 * DAY_S
MONTH_S = 28.0 * DAY_S
# Sooner after arrival nobody lands: orbit and plane are tracked and lowered first.
AFTER_ARRIVAL_S = DAY_S


def passing(desk: Desk, site: tuple[Descent, Landing], transfer: Transfer, starts: tuple[Injection, ...]) -> tuple[Injection, ...]:
    """Those starts whose plane, if it stood still, would pass over the site in the time allowed. PassError if none does."""
    found = [(start, *_over(desk, transfer, start)) for start in starts]
    good = tuple(start for start, passing, _ in found if passing)
    if not good:
        told = [each for _, _, told in found for each in told if each.t_s > float(transfer.perilune.t_s) + AFTER_ARRIVAL_S]
        about = f"of a plane that stood still, so within {PREDICTION_S / 3600.0:.0f} h"
        raise PassError(_no_pass(desk, site[0], told + _later(desk, site, transfer, starts), about))
    return good


def _later(desk: Desk, site: tuple[Descent, Landing], transfer: Transfer, starts: tuple[Injection, ...]) -> list[Pass]:
    """The first pass of each start in the month after the time allowed: the Moon turns every plane over the site twice a month."""
    from_s = float(desk.seconds(site[0].latest))
    found = [passes_of_plane(transfer, start, site[1].site_lfme, from_s, from_s + MONTH_S) for start in starts]
    return [min(each) for each in found if each]


def _over(desk: Desk, transfer: Transfer, start: Injection) -> tuple[bool, list[Pass]]:
    """Whether the plane of an arrival, if it stood still, would pass over the site in the time allowed; and all passes."""
    if desk.site is None:
        return True, []
    (descent, landing), perilune_s = desk.site, float(transfer.perilune.t_s)
    earliest_s, latest_s = (float(desk.seconds(each)) for each in (descent.earliest, descent.latest))
    over = passes_of_plane(transfer, start, landing.site_lfme, perilune_s, latest_s + DAY_S)
    return any(earliest_s - PREDICTION_S < each.t_s < latest_s + PREDICTION_S and _wanted(each, descent) for each in over), over


def off_middle_s(desk: Desk, transfer: Transfer, start: Injection) -> float:
    """How far from the middle of the time allowed the plane of an arrival would pass over the site; infinite if it would not in time."""
    passing, over = _over(desk, transfer, start)
    if desk.site is None or not passing:
        return math.inf
    descent = desk.site[0]
    middle_s = 0.5 * sum(float(desk.seconds(each)) for each in (descent.earliest, descent.latest))
    return min(abs(each.t_s - middle_s) for each in over if _wanted(each, descent))


def _wanted(over: Pass, descent: Descent) -> bool:
    return descent.southbound is None or over.southbound == descent.southbound


def _no_pass(desk: Desk, descent: Descent, told: list[Pass], about: str = "") -> str:
    moments = {told_pass(desk.epoch, each) for each in told}
    times = ", ".join(sorted(moments)) or "never within a month of it"
    times += f" ({about})" if moments and about else ""
    return (
        f"the orbit plane does not pass over the site between {moment(descent.earliest)} and {moment(descent.latest)} "
        f"{'' if descent.southbound is None else ('southbound' if descent.southbound else 'northbound') + ' '}"
        f"as wanted; it does: {times}; move the landing, the arrival by as much, or the inclination"
    )


def told_pass(epoch: Epoch, over: Pass) -> str:
    """When it is, and which way the lander flies."""
    return f"{moment(epoch.after(over.t_s))} ({'south' if over.southbound else 'north'}bound)"


def passes_in_time(desk: Desk, descent: Descent, case: Approaching) -> list[Pass]:
    """The passes of an orbit over the site in the time allowed, the first one first. PassError if there is none."""
    earliest_s, latest_s = (float(desk.seconds(each)) for each in (descent.earliest, descent.latest))
    found = passes(case, latest_s)
    wanted = [each for each in found if each.t_s > earliest_s and _wanted(each, descent)]
    if not wanted:
        raise PassError(_no_pass(desk, descent, found or passes(case, latest_s + DAY_S)))
    return wanted
