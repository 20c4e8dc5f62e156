"""Rotations that know their two frames and refuse to chain wrongly.

`q_<to>_<from>` turns components in `from` into components in `to`: `v_lci = q_lci_body @ v_body`. Letters cancel:
`q_lfpa_body = q_lfpa_lci @ q_lci_body`. The frames are static, so a wrong chain fails while tracing and costs nothing when compiled.
Unit quaternion, scalar first, Hamilton product.
"""

from typing import overload

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.math.vector import Vec3
from perilune.types import Scalar


class Rotation(eqx.Module):
    """Unit quaternion from one named frame to another."""

    w: Scalar
    v: Vec3
    to_frame: str = eqx.field(static=True)
    from_frame: str = eqx.field(static=True)

    @overload
    def __matmul__(self, other: Vec3) -> Vec3: ...

    @overload
    def __matmul__(self, other: "Rotation") -> "Rotation": ...

    def __matmul__(self, other: "Vec3 | Rotation") -> "Vec3 | Rotation":
        if isinstance(other, Vec3):
            return self.turn(other)
        if self.from_frame != other.to_frame:
            raise TypeError(
                f"cannot chain {self.to_frame}<-{self.from_frame} with {other.to_frame}<-{other.from_frame}: "
                f"the inner frames must be the same; use .inverse() or go through {other.to_frame}"
            )
        w = self.w * other.w - self.v.dot(other.v)
        v = other.v * self.w + self.v * other.w + self.v.cross(other.v)
        return Rotation(w, v, self.to_frame, other.from_frame)

    def turn(self, vector: Vec3) -> Vec3:
        """Components in `from_frame` to components in `to_frame`."""
        twice = self.v.cross(vector) * 2.0
        return vector + twice * self.w + self.v.cross(twice)

    def inverse(self) -> "Rotation":
        return Rotation(self.w, -self.v, self.from_frame, self.to_frame)

    def normalised(self) -> "Rotation":
        scale = 1.0 / jnp.sqrt(self.w**2 + self.v.norm_squared())
        return Rotation(self.w * scale, self.v * scale, self.to_frame, self.from_frame)

    def axes(self) -> tuple[Vec3, Vec3, Vec3]:
        """The axes of `from_frame`, in components of `to_frame`: the columns of the direction cosine matrix."""
        zero, one = jnp.zeros_like(self.w), jnp.ones_like(self.w)
        return self.turn(Vec3(one, zero, zero)), self.turn(Vec3(zero, one, zero)), self.turn(Vec3(zero, zero, one))

    def dcm(self) -> Float[Array, "*batch 3 3"]:
        return jnp.stack([axis.array() for axis in self.axes()], axis=-1)

    def rotation_vector_rad(self) -> Vec3:
        """Axis times angle, the short way round (angle in [0, pi])."""
        sign = jnp.where(self.w < 0.0, -1.0, 1.0)
        sine = self.v.norm()
        angle = 2.0 * jnp.arctan2(sine, sign * self.w)
        # angle / sin(angle / 2) tends to 2 at zero.
        safe = jnp.where(sine > 1e-9, sine, 1.0)
        return self.v * (sign * jnp.where(sine > 1e-9, angle / safe, 2.0))

    def relabelled(self, to_frame: str, from_frame: str) -> "Rotation":
        """The same turn between frames of other names: an estimate of a frame, for instance."""
        return Rotation(self.w, self.v, to_frame, from_frame)


def identity(to_frame: str, from_frame: str) -> Rotation:
    zero = jnp.zeros(())
    return Rotation(jnp.ones(()), Vec3(zero, zero, zero), to_frame, from_frame)


def from_rotation_vector(vector_rad: Vec3, to_frame: str, from_frame: str) -> Rotation:
    """Exact for any angle; the small-angle branch keeps value and gradient finite at zero.

    With `v_to = R v_from`, a rotation vector phi gives R = exp([phi x]).
    """
    square = vector_rad.norm_squared()
    small = square < 1e-8
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    sinc = jnp.where(small, 0.5 - square / 48.0, jnp.sin(0.5 * angle) / angle)
    cosine = jnp.where(small, 1.0 - square / 8.0 + square**2 / 384.0, jnp.cos(0.5 * angle))
    return Rotation(cosine, vector_rad * sinc, to_frame, from_frame)


def from_small_rotation_vector(vector_rad: Vec3, to_frame: str, from_frame: str) -> Rotation:
    """The same by series, at half the cost: a unit quaternion to 1e-15 for a turn of 0.5 rad, 5e-13 for 1 rad, not meant for more."""
    square = 0.25 * vector_rad.norm_squared()
    cosine = 1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0 * (1.0 - square / 56.0 * (1.0 - square / 90.0))))
    sinc = 1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0 * (1.0 - square / 110.0))))
    return Rotation(cosine, vector_rad * (0.5 * sinc), to_frame, from_frame)


def from_dcm(dcm: Float[Array, "3 3"], to_frame: str, from_frame: str) -> Rotation:
    """Shepperd's choice of the largest component, by `where`, so that it traces."""
    m = dcm
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    candidates = jnp.stack(
        [
            jnp.stack([1.0 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]]),
            jnp.stack([m[2, 1] - m[1, 2], 1.0 + 2.0 * m[0, 0] - trace, m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]]),
            jnp.stack([m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1.0 + 2.0 * m[1, 1] - trace, m[1, 2] + m[2, 1]]),
            jnp.stack([m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1.0 + 2.0 * m[2, 2] - trace]),
        ]
    )
    size = jnp.stack([trace, m[0, 0], m[1, 1], m[2, 2]])
    q = candidates[jnp.argmax(size)]
    q = q / jnp.sqrt(jnp.sum(q**2))
    return Rotation(q[0], Vec3(q[1], q[2], q[3]), to_frame, from_frame)


def from_axes(x_axis: Vec3, y_axis: Vec3, z_axis: Vec3, to_frame: str, from_frame: str) -> Rotation:
    """From the orthonormal axes of `from_frame`, given in components of `to_frame`."""
    return from_dcm(jnp.stack([x_axis.array(), y_axis.array(), z_axis.array()], axis=-1), to_frame, from_frame)
