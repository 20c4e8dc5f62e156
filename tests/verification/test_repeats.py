"""How long a sound accelerometer may read the same: the formula of flight software's limit beside the walk that it stands for."""

import numpy as np
import pytest

from perilune.scenario.build_watch import FROZEN_CHANCE, repeats_max
from perilune.scenario.load import load_lander

# The correction of a walk in steps is of first order in the step over the width: here 0.3, and what is left is 0.6 %.
REPEATS_RTOL = 0.02


def lasting(noise_counts: float) -> float:
    """Share of the walks within one count that stay there for another step, in the end: the largest eigenvalue of the step's kernel."""
    place, weight = np.polynomial.legendre.leggauss(120)
    step = 0.5 * (place[:, None] - place[None, :]) / noise_counts
    kernel = np.exp(-0.5 * step**2) / (noise_counts * np.sqrt(2.0 * np.pi)) * 0.5 * weight[None, :]
    return float(np.max(np.abs(np.linalg.eigvals(kernel))))


def test_the_limit_of_repeats_is_that_of_a_walk_within_one_count():
    """30 micro-g over the root of a hertz, in a tenth of a second, over counts of 0.3 mm/s."""
    noise_counts = 30e-6 * 9.80665 * np.sqrt(0.1) / 0.3e-3
    assert repeats_max(load_lander("luna-25")) == pytest.approx(np.log(FROZEN_CHANCE) / np.log(lasting(noise_counts)), rel=REPEATS_RTOL)
