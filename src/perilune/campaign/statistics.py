"""Statistics of verdicts."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

# Two-sided 95 % point of the normal distribution.
Z_95 = 1.959963984540054
CONFIDENCE = 0.95


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Confidence interval of a probability from counted successes.

    **Reference.** E. B. Wilson, J. American Statistical Association 22 (1927).
    """
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    centre = share + z**2 / (2.0 * trials)
    spread = z * math.sqrt(share * (1.0 - share) / trials + z**2 / (4.0 * trials**2))
    scale = 1.0 + z**2 / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


class Quantile(NamedTuple):
    """A quantile with its interval; an end is None where there are too few values to bound it."""

    share: float
    value: float
    low: float | None
    high: float | None


def quantile(ordered: np.ndarray, share: float) -> Quantile:
    """Of values in rising order [n]. The interval is between order statistics: it holds for whatever law the values have.

    **Invalid when.** Values are not independent, as in a Latin hypercube or a Sobol sequence, where it is rather too wide.
    **Reference.** H. A. David, H. N. Nagaraja, Order Statistics (2003), section 7.1.
    """
    count = len(ordered)
    tail = 0.5 * (1.0 - CONFIDENCE)
    # Of n values, the number below the quantile is binomial.
    low, high = int(stats.binom.ppf(tail, count, share)), int(stats.binom.ppf(1.0 - tail, count, share)) + 1
    value = float(np.quantile(ordered, share))
    return Quantile(share, value, float(ordered[low - 1]) if low >= 1 else None, float(ordered[high - 1]) if high <= count else None)


class Ellipse(NamedTuple):
    """Where flights come down, as a normal law of the plane: centre, half axes of one sigma and azimuth of the major one."""

    east_m: float
    north_m: float
    major_m: float
    minor_m: float
    azimuth_deg: float

    def half_axes_m(self, share: float) -> tuple[float, float]:
        """Of the ellipse that holds a share of a normal law."""
        scale = math.sqrt(float(stats.chi2.ppf(share, 2)))
        return self.major_m * scale, self.minor_m * scale


def ellipse_of(east_m: np.ndarray, north_m: np.ndarray) -> Ellipse:
    """Of places [n], three or more."""
    values, axes = np.linalg.eigh(np.cov(np.stack([east_m, north_m])))
    east, north = axes[:, 1]
    minor_m, major_m = np.sqrt(np.maximum(values, 0.0))
    centre = float(np.mean(east_m)), float(np.mean(north_m))
    return Ellipse(*centre, float(major_m), float(minor_m), math.degrees(math.atan2(east, north)) % 180.0)


class Paired(NamedTuple):
    """Two campaigns on the same flights: how often both, one or neither lands, and whether chance alone would tell them so far apart."""

    both: int
    only_first: int
    only_second: int
    neither: int
    change: float  # of the probability to land, second less first
    low: float
    high: float
    p_value: float


def paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """McNemar's exact test, and the interval of the difference of two shares of the same flights [n].

    **Reference.** Q. McNemar, Psychometrika 12 (1947), 153; exact by the binomial law. Interval: A. Agresti, Y. Min, Statistics in Medicine
    24 (2005), 729: half a pair is added to each of the four cells.
    """
    ones, twos = first.astype(bool), second.astype(bool)
    cells = [int(np.sum(each)) for each in (ones & twos, ones & ~twos, ~ones & twos, ~ones & ~twos)]
    lost, won = cells[1], cells[2]
    p_value = float(stats.binomtest(min(lost, won), lost + won, 0.5).pvalue) if lost + won else 1.0
    count, b, c = len(ones) + 2.0, lost + 0.5, won + 0.5
    middle, spread = (c - b) / count, Z_95 * math.sqrt(b + c - (c - b) ** 2 / count) / count
    change = (won - lost) / max(len(ones), 1)
    ends = max(-1.0, middle - spread), min(1.0, middle + spread)
    return Paired(cells[0], lost, won, cells[3], change, *ends, p_value)
