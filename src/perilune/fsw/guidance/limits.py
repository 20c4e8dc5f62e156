"""Limits that keep a demanded acceleration flyable."""

import jax.numpy as jnp

from perilune.math.through import root
from perilune.math.vector import Vec3
from perilune.types import Scalar

# The engine cannot push down: this share of the Moon's pull is the least vertical thrust ever asked for.
UP_SHARE_MIN = 0.3


def within_tilt(level_m_s2: Vec3, up_m_s2: Scalar, gravity_m_s2: Scalar, tilt_max_rad: Scalar) -> tuple[Vec3, Scalar]:
    """Keep a thrust acceleration within a cone about the vertical: the vertical part is kept, the horizontal part shrinks."""
    up_m_s2 = jnp.maximum(up_m_s2, UP_SHARE_MIN * gravity_m_s2)
    allowed_m_s2 = up_m_s2 * jnp.tan(tilt_max_rad)
    scale = jnp.minimum(1.0, allowed_m_s2 / jnp.maximum(level_m_s2.norm(), 1e-9))
    return level_m_s2 * scale, up_m_s2


def upward_first(accel_m_s2: Vec3, up: Vec3, accel_max_m_s2: Scalar) -> Vec3:
    """Keep a thrust acceleration within what the engines give: what carries the lander comes before what moves it sideways."""
    asked_m_s2 = accel_m_s2.dot(up)
    rise_m_s2 = jnp.minimum(asked_m_s2, accel_max_m_s2)
    level_m_s2 = accel_m_s2 - up * asked_m_s2
    left_m_s2 = root(jnp.maximum(accel_max_m_s2**2 - rise_m_s2**2, 0.0))
    scale = jnp.minimum(1.0, left_m_s2 / jnp.maximum(level_m_s2.norm(), 1e-9))
    return up * rise_m_s2 + level_m_s2 * scale
