"""The ground as flight software believes it: how its height runs on along the way, and which spot of it the ranges tell."""

import equinox as eqx
import jax.numpy as jnp

from perilune.fsw.navigation.belief import GroundBelief
from perilune.math.vector import Vec3, select, zero_vec3
from perilune.types import Flag, Scalar

# Below this speed over the ground the last direction of flight is kept as the direction of the slope.
DIRECTED_M_S = 10.0
# Keeps a quotient of two distances finite.
TINY_M = 1e-6
# Below this height a share of it is not taken.
LOW_M = 1.0


class Sounding(eqx.Module):
    """Which spot of the ground the ranges tell: that of the altimeter, or the mean of those around the point below."""

    offset_lci_m: Vec3  # of the spot from the point below, along the ground
    reach_m: Scalar  # of the spots around it, where it is a mean
    downrange_lci: Vec3  # direction of the slope
    by_altimeter: Flag
    doubt_m2: Scalar  # of the height there, from the altimeter's bias and mounting: common to all its readings


def seen_from(sounding: Sounding, height_m: Scalar, corrected_m: Scalar) -> Sounding:
    """The same as from a corrected height: a correction of the estimate is no way flown."""
    share = jnp.maximum(corrected_m, LOW_M) / jnp.maximum(height_m, LOW_M)
    return eqx.tree_at(lambda s: (s.offset_lci_m, s.reach_m), sounding, (sounding.offset_lci_m * share, sounding.reach_m * share))


class Shift(eqx.Module):
    """What a way over the ground does to height and slope: the step of the mean, and the variances that it adds."""

    height_height: Scalar
    height_slope: Scalar
    slope_height: Scalar
    slope_slope: Scalar
    noise_height: Scalar
    noise_both: Scalar
    noise_slope: Scalar


def no_sounding(downrange_lci: Vec3) -> Sounding:
    zero = jnp.zeros(())
    return Sounding(zero_vec3(), zero, downrange_lci, jnp.asarray(False), zero)


def shifted(ground: GroundBelief, way_lci_m: Vec3, downrange_lci: Vec3) -> Shift:
    """From one spot to another.

    **Model.** Exact for the process of `GroundBelief` along `downrange_lci`, either way. Across it nothing is known of the slope but its
    sigma: that part of the way adds the variance of a height at an unknown slope.
    """
    distance_m = way_lci_m.norm()
    course = way_lci_m.dot(downrange_lci) / (distance_m + TINY_M)
    slow, fast = ground.rates_1_m()
    fade, turn = jnp.exp(-slow * distance_m), jnp.exp(-fast * distance_m)
    share = 1.0 / (fast - slow)
    slope_variance = ground.slope_sigma**2
    height_height, slope_slope = (fast * fade - slow * turn) * share, (fast * turn - slow * fade) * share
    height_slope = (fade - turn) * share
    slope_height = -slow * fast * height_slope
    # What is left of the stationary variances. Small differences: below 1 mm of way they are rounding, and cut off at nought.
    noise_height = ground.terrain_sigma_m**2 * (1.0 - height_height**2) - slope_variance * (height_slope * course) ** 2
    noise_slope = slope_variance * (1.0 - slope_slope**2 - slow * fast * (height_slope * course) ** 2)
    noise_both = -(course * height_slope) * slope_variance * (slope_slope - height_height)
    return Shift(
        height_height=height_height,
        height_slope=height_slope * course,
        slope_height=slope_height * course,
        slope_slope=slope_slope,
        noise_height=jnp.maximum(noise_height, 0.0),
        noise_both=noise_both,
        noise_slope=jnp.maximum(noise_slope, 0.0),
    )


def small_variance_m2(ground: GroundBelief, distance_m: Scalar) -> Scalar:
    """Of the relief too small for the slope: what is new of it at a spot a distance away."""
    return ground.small_relief_m**2 * (1.0 - jnp.exp(-((ground.small_slope / ground.small_relief_m * distance_m) ** 2)))


def spread_variance_m2(ground: GroundBelief, reach_m: Scalar) -> Scalar:
    """Of the mean height of four spots around a point, less the height of the point itself; for reaches below the slope's correlation.

    Along a line the mean of two spots differs from the middle by a variance of `slope_sigma**2 / slope_correlation * reach**3 / 3`, over
    two lines by half of it; and a mean of spots all around shares half of what small relief does to one.
    """
    bend_m2 = ground.slope_sigma**2 / ground.slope_correlation_m * jnp.abs(reach_m) ** 3 / 6.0
    return bend_m2 + 0.5 * small_variance_m2(ground, reach_m)


def step_of_ground(ground: GroundBelief, way_lci_m: Vec3, last: Sounding, now: Sounding) -> Shift:
    """From where the ranges told the ground to where they tell it now: the way of the spot, its small relief, and a change of reach."""
    shift = shifted(ground, way_lci_m, now.downrange_lci)
    spread_m2 = jnp.abs(spread_variance_m2(ground, now.reach_m) - spread_variance_m2(ground, last.reach_m))
    noise_m2 = shift.noise_height + small_variance_m2(ground, way_lci_m.norm()) + spread_m2
    return eqx.tree_at(lambda s: s.noise_height, shift, noise_m2)


def sense_of(last: Sounding, now: Sounding) -> Scalar:
    """-1 where the lander has turned back: what rose ahead of it then falls ahead of it."""
    return jnp.where(last.downrange_lci.dot(now.downrange_lci) < 0.0, -1.0, 1.0)


def downrange_of(v_level_lci_m_s: Vec3, last: Vec3) -> Vec3:
    speed_m_s = v_level_lci_m_s.norm()
    return select(speed_m_s > DIRECTED_M_S, v_level_lci_m_s / jnp.maximum(speed_m_s, DIRECTED_M_S), last)


class Below(eqx.Module):
    """The ground below the lander from what is known where the ranges meet it."""

    of_height: Scalar
    of_slope: Scalar
    variance_m2: Scalar  # of what the two do not tell

    def terrain_m(self, sounded_m: Scalar, slope: Scalar) -> Scalar:
        return self.of_height * sounded_m + self.of_slope * slope


def below(ground: GroundBelief, sounding: Sounding) -> Below:
    back = shifted(ground, -sounding.offset_lci_m, sounding.downrange_lci)
    small_m2 = small_variance_m2(ground, sounding.offset_lci_m.norm())
    variance_m2 = back.noise_height + small_m2 + spread_variance_m2(ground, sounding.reach_m) + sounding.doubt_m2
    return Below(back.height_height, back.height_slope, variance_m2)
