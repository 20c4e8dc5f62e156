"""Time scales: UTC for people, TDB for ephemerides and equations of motion. Host only, never traced.

**Model.** Inside Perilune `t_s` counts TDB seconds from the epoch of a flight. A clock on the ground (TT, SI seconds)
differs from that count by less than 3.4 ms over any span, because TDB - TT stays within 1.7 ms of zero.
**Invalid when** UTC is asked for before 1960 or after 2035, by when leap seconds are to end (CGPM 2022, resolution 4). Past the table of the
installed pyerfa, five years after its release, the last leap second known is kept: a new one would move what was planned in UTC by 1 s.
On the few days from 1960 to 1971 that ended in a step of 0.05 or 0.1 s, ERFA prints a UTC that is wrong by up to that step.
**Neglects** the place on the Earth in TDB - TT (2 microseconds); UT1.
**Reference.** IAU SOFA/ERFA routines `utctai`, `taitt`, `dtdb` (Fairhead & Bretagnon 1990), `d2dtf`.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import erfa

JD_J2000 = 2451545.0
DAY_S = 86400.0
YEAR_FIRST_UTC, YEAR_LAST_UTC = 1960, 2035

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?Z?")


class EpochError(ValueError):
    """A date that cannot be read, does not exist, or lies outside the table of leap seconds."""


@dataclass(frozen=True, order=True)
class Epoch:
    """An instant in TDB: whole days past J2000 (JD 2451545.0 TDB) and seconds of that day.

    Held in two parts it keeps a nanosecond over centuries; one float of seconds keeps 0.1 microsecond.
    """

    day: int
    second_s: float

    def __post_init__(self):
        if not 0.0 <= self.second_s < DAY_S:
            raise EpochError(f"second_s is {self.second_s}; it must lie in [0, {DAY_S:.0f}): use Epoch(day, 0.0).after(seconds)")

    def after(self, elapsed_s: float) -> "Epoch":
        """The instant `elapsed_s` TDB seconds later (earlier when negative)."""
        # divmod of a tiny negative number rounds its remainder up to the divisor itself.
        carry, second_s = divmod(self.second_s + float(elapsed_s), DAY_S)
        return Epoch(self.day + int(carry), second_s) if second_s < DAY_S else Epoch(self.day + int(carry) + 1, 0.0)

    def seconds_since(self, earlier: "Epoch") -> float:
        """TDB seconds from `earlier` to this instant: the `t_s` of ephemerides and integration."""
        return (self.day - earlier.day) * DAY_S + (self.second_s - earlier.second_s)

    def tt_seconds_since(self, earlier: "Epoch") -> float:
        """Elapsed SI seconds on the geoid (TT) from `earlier` to this instant: what a perfect clock on Earth counts."""
        return self.seconds_since(earlier) - (self.tdb_minus_tt_s() - earlier.tdb_minus_tt_s())

    def tdb_s(self) -> float:
        """TDB seconds past J2000: SPICE's ephemeris time."""
        return self.day * DAY_S + self.second_s

    def tdb_minus_tt_s(self) -> float:
        return _tdb_minus_tt_s(*self.jd_tdb())

    def jd_tdb(self) -> tuple[float, float]:
        """Julian date TDB in two parts."""
        return JD_J2000 + self.day, self.second_s / DAY_S

    def jd_tt(self) -> tuple[float, float]:
        """Julian date TT in two parts."""
        whole, fraction = self.jd_tdb()
        return whole, fraction - self.tdb_minus_tt_s() / DAY_S

    def utc(self) -> str:
        """ISO 8601 UTC to the nearest millisecond, as `2023-08-21T11:00:00.000Z`; second 60 is a leap second."""
        what = f"the UTC of {self.tdb_s():.3f} s TDB past J2000"
        utc = _in_table(what, erfa.taiutc, *erfa.tttai(*self.jd_tt()))
        year, month, day, clock = _in_table(what, erfa.d2dtf, "UTC", 3, *utc)
        if not YEAR_FIRST_UTC <= year <= YEAR_LAST_UTC:
            raise _outside_table(what)
        hour, minute, second, millisecond = clock.tolist()
        return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{millisecond:03d}Z"


def epoch_from_utc(text: str) -> Epoch:
    """Read ISO 8601 UTC: `2023-08-21T11:00:00`, with fractions of a second and a final Z if wanted."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise EpochError(f"epoch is {text!r}; write it in UTC as 2023-08-21T11:00:00 or 2023-08-21T11:00:00.250Z (no offset, no zone)")
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    if not YEAR_FIRST_UTC <= year <= YEAR_LAST_UTC:
        raise _outside_table(f"epoch {text!r}")
    fields = (year, month, day, hour, minute, float(match.group(6) or 0.0))
    utc = _in_table(f"epoch {text!r}", erfa.dtf2d, "UTC", *fields)
    return _epoch_from_tt(*erfa.taitt(*_in_table(f"epoch {text!r}", erfa.utctai, *utc)))


def epoch_from_tdb_s(tdb_s: float) -> Epoch:
    """From TDB seconds past J2000 (SPICE's ephemeris time), any year."""
    return Epoch(0, 0.0).after(tdb_s)


def epoch_from_jd_tt(whole: float, fraction: float = 0.0) -> Epoch:
    """From a Julian date in TT, best given in two parts (a single one keeps 40 microseconds), any year."""
    return _epoch_from_tt(whole, fraction)


def _epoch_from_tt(whole: float, fraction: float) -> Epoch:
    day, rest = divmod(whole - JD_J2000, 1.0)
    second_s = (rest + fraction) * DAY_S + _tdb_minus_tt_s(whole, fraction)
    return Epoch(int(day), 0.0).after(second_s)


def _tdb_minus_tt_s(whole: float, fraction: float) -> float:
    # At the geocentre. TT in place of TDB as the argument changes the answer by less than a picosecond.
    return float(erfa.dtdb(whole, fraction, 0.0, 0.0, 0.0, 0.0))


def _in_table(what: str, convert: Callable[..., Any], *arguments: Any) -> Any:
    """ERFA warns of an impossible time of day and raises on an impossible field; both become an error that teaches."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", erfa.ErfaWarning)
        warnings.filterwarnings("ignore", message=".*dubious year", category=erfa.ErfaWarning)
        try:
            return convert(*arguments)
        except erfa.ErfaWarning as warning:
            raise EpochError(f"{what}: no such time of day ({warning})") from warning
        except erfa.ErfaError as error:
            raise EpochError(f"{what}: no such date or time of day ({error})") from error


def _outside_table(what: str) -> EpochError:
    return EpochError(
        f"{what} is outside the table of leap seconds: UTC is known from {YEAR_FIRST_UTC} to {YEAR_LAST_UTC}, by when leap seconds are to end; "
        "beyond, give the epoch in TDB (epoch_from_tdb_s)"
    )
