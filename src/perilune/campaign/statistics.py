"""Statistics of verdicts."""

import math

# Two-sided 95 % point of the normal distribution.
Z_95 = 1.959963984540054


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
