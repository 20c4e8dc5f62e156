"""Readers for the formats in which gravity fields are published.

PDS spherical-harmonic tables (`.sha`, `.tab`), ICGEM (`.gfc`) and GMAT (`.cof`), to any degree. Each reader takes the content of
a file and returns fully normalised coefficients (4 pi convention) in SI. Everything the file says of its tide system and axes is
kept: a lunar field holds in the principal axes of the ephemeris it was solved with, and no other.

**Reference.** ICGEM format description (Barthelmes & Foerste 2011); the label of the PDS product JGL150Q1.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import lgamma, log

import numpy as np
from jaxtyping import Float

NOT_STATED = "not stated"
_REAL = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:[EeDd][-+]?\d+)?")
_PDS_RADIUS_MAX_KM = 1.0e5  # Larger than any planet: a larger number is in metres.

Row = tuple[int, int, int, float, float]  # line number, n, m, C, S


@dataclass(frozen=True, eq=False)
class HarmonicCoefficients:
    """Fully normalised C and S, indexed `[n, m]`, with what they belong to."""

    name: str
    gm_m3_s2: float
    radius_m: float
    c: Float[np.ndarray, "n n"]
    s: Float[np.ndarray, "n n"]
    tide_system: str = NOT_STATED
    axes: str = NOT_STATED

    @property
    def degree(self) -> int:
        return self.c.shape[0] - 1

    def truncated(self, degree: int) -> "HarmonicCoefficients":
        """The same field to a lower degree (and order)."""
        if not 0 <= degree <= self.degree:
            raise ValueError(f"degree {degree} was asked of {self.name}, which has degree 0 to {self.degree}; ask for one of those")
        return replace(self, c=self.c[: degree + 1, : degree + 1], s=self.s[: degree + 1, : degree + 1])


def coefficient_tables(rows: tuple[tuple[int, int, float, float], ...]) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n n"]]:
    """C and S, indexed `[n, m]`, from rows of degree, order, C and S; the central term is 1."""
    degree = max(row[0] for row in rows)
    c, s = np.zeros((degree + 1, degree + 1)), np.zeros((degree + 1, degree + 1))
    c[0, 0] = 1.0
    for n, m, c_nm, s_nm in rows:
        c[n, m], s[n, m] = c_nm, s_nm
    return c, s


def read_gravity_field(file_name: str, content: str | bytes, degree_max: int | None = None) -> HarmonicCoefficients:
    """Coefficients from a file's content; the ending of its name says the format."""
    text = content.decode("latin-1") if isinstance(content, bytes) else content
    stem, _, ending = file_name.rpartition("/")[2].rpartition(".")
    reader = _READERS.get(ending.lower())
    if reader is None:
        raise ValueError(f"{file_name}: the ending says the format of a gravity field; it must be one of .{', .'.join(_READERS)}")
    try:
        return reader(stem, text, degree_max)
    except ValueError as error:
        raise ValueError(f"{file_name}: {error}") from None


def read_pds(name: str, text: str, degree_max: int | None = None) -> HarmonicCoefficients:
    """PDS `.sha` or `_sha.tab`: one header row (km, km3/s2, degree, order, normalisation), then `n, m, C, S, sigmas`."""
    lines = _numbered(text)
    number, header = next(lines, (1, ""))
    cells = header.split(",")
    if len(cells) < 6:
        raise ValueError(f"line {number}: expected 'radius_km, GM, its sigma, degree, order, normalisation, ...', found {header!r}")
    radius_km, gm_km3_s2 = _number(number, cells[0]), _number(number, cells[1])
    if radius_km > _PDS_RADIUS_MAX_KM:
        raise ValueError(f"line {number}: a PDS header gives the radius in kilometres, found {radius_km:g}; is the file in metres?")
    state = _whole(number, cells[5])
    if state not in (0, 1):
        raise ValueError(f"line {number}: the normalisation must be 1 (normalised) or 0 (not), found {state}")
    rows = (_pds_row(number, line) for number, line in lines)
    c, s = _filled(rows, _whole(number, cells[3]), degree_max, normalised=state == 1)
    return HarmonicCoefficients(name, gm_km3_s2 * 1e9, radius_km * 1e3, c, s)


def read_icgem(name: str, text: str, degree_max: int | None = None) -> HarmonicCoefficients:
    """ICGEM `.gfc`: keywords up to `end_of_head`, then `gfc n m C S [sigmas]`."""
    lines = _numbered(text)
    keys = _icgem_head(lines)
    norm = keys.get("norm", "fully_normalized")
    if norm not in ("fully_normalized", "unnormalized"):
        raise ValueError(f"the keyword norm must be fully_normalized or unnormalized, found {norm!r}")
    keys.setdefault("gravity_constant", keys.get("earth_gravity_constant", ""))
    missing = [key for key in ("gravity_constant", "radius", "max_degree") if not keys.get(key)]
    if missing:
        raise ValueError(f"the head lacks {', '.join(missing)}; each must stand before end_of_head")
    rows = (_icgem_row(number, line) for number, line in lines)
    c, s = _filled(rows, _whole(0, keys["max_degree"]), degree_max, normalised=norm == "fully_normalized")
    tides = keys.get("tide_system", NOT_STATED)
    return HarmonicCoefficients(keys.get("modelname", name), _number(0, keys["gravity_constant"]), _number(0, keys["radius"]), c, s, tides)


def read_cof(name: str, text: str, degree_max: int | None = None) -> HarmonicCoefficients:
    """GMAT or STK `.cof`: `POTFIELD` with degree, order, GM, radius (SI) and normalisation, then `RECOEF n m C S` in fixed columns."""
    lines = _without_comments(_numbered(text))
    number, header = next(lines, (1, ""))
    reals = _REAL.findall(header[14:])
    if not header.startswith("POTFIELD") or len(reals) < 3:
        raise ValueError(f"line {number}: expected 'POTFIELD' with degree, order, GM, radius and normalisation, found {header!r}")
    gm_m3_s2, radius_m, state = (_number(number, real) for real in reals[:3])
    rows = (_cof_row(number, line) for number, line in lines if line.strip() != "END")
    c, s = _filled(rows, _whole(number, header[8:11]), degree_max, normalised=state == 1.0)
    return HarmonicCoefficients(name, gm_m3_s2, radius_m, c, s)


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())


def _without_comments(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    comments_end = 0
    for number, line in lines:
        if line.startswith("COMMENT"):
            comments_end = number + _whole(number, line[7:])
        elif number > comments_end:
            yield number, line


def _icgem_head(lines: Iterator[tuple[int, str]]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for _, line in lines:
        words = line.split()
        if words[0] == "end_of_head":
            return keys
        if len(words) > 1:
            keys[words[0]] = words[1]
    raise ValueError("no line 'end_of_head' was found: this is not an ICGEM file, or it is cut")


def _pds_row(number: int, line: str) -> Row:
    cells = line.split(",")
    if len(cells) < 4:
        raise ValueError(f"line {number}: expected 'n, m, C, S, ...', found {line!r}")
    return number, _whole(number, cells[0]), _whole(number, cells[1]), _number(number, cells[2]), _number(number, cells[3])


def _icgem_row(number: int, line: str) -> Row:
    words = line.split()
    if words[0] != "gfc" or len(words) < 5:
        raise ValueError(f"line {number}: expected 'gfc n m C S' (fields that vary in time are not read), found {line!r}")
    return number, _whole(number, words[1]), _whole(number, words[2]), _number(number, words[3]), _number(number, words[4])


def _cof_row(number: int, line: str) -> Row:
    # Negative numbers touch their neighbour, so columns and not blanks divide the line.
    reals = _REAL.findall(line[14:])
    if not line.startswith("RECOEF") or not reals:
        raise ValueError(f"line {number}: expected 'RECOEF n m C S', found {line!r}")
    c, s = _number(number, reals[0]), _number(number, reals[1]) if len(reals) > 1 else 0.0
    return number, _whole(number, line[8:11]), _whole(number, line[11:14]), c, s


def _number(line_number: int, text: str) -> float:
    try:
        return float(text.strip().replace("D", "E").replace("d", "e"))
    except ValueError:
        raise ValueError(f"line {line_number}: expected a number, found {text.strip()!r}") from None


def _whole(line_number: int, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"line {line_number}: expected a whole number, found {text.strip()!r}") from None


def _filled(rows: Iterable[Row], degree_stated: int, degree_max: int | None, normalised: bool) -> tuple[np.ndarray, np.ndarray]:
    degree = degree_stated if degree_max is None else min(degree_stated, degree_max)
    c, s = np.zeros((degree + 1, degree + 1)), np.zeros((degree + 1, degree + 1))
    degree_read = 0
    for number, n, m, c_nm, s_nm in rows:
        if not 0 <= m <= n:
            raise ValueError(f"line {number}: degree {n} and order {m}; the order must lie in 0 to the degree")
        degree_read = max(degree_read, n)
        if n <= degree:
            scale = 1.0 if normalised else 1.0 / normalisation(n, m)
            c[n, m], s[n, m] = c_nm * scale, s_nm * scale
    if degree_read < degree:
        raise ValueError(f"the header promises degree {degree_stated}, the last row read has {degree_read}: the file is cut")
    if c[0, 0] not in (0.0, 1.0):
        raise ValueError(f"C00 is {c[0, 0]}; it must be 1 (or not given): put the factor into GM")
    c[0, 0] = 1.0
    return c, s


def normalisation(n: int, m: int) -> float:
    """The factor N of full normalisation: normalised function = N x unnormalised, unnormalised coefficient = N x normalised."""
    log_ratio = lgamma(n - m + 1) - lgamma(n + m + 1)
    return float(np.exp(0.5 * (log((1 if m == 0 else 2) * (2 * n + 1)) + log_ratio)))


_READERS = {"sha": read_pds, "tab": read_pds, "gfc": read_icgem, "cof": read_cof}
