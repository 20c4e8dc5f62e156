"""Common layouts of thrusters: where they sit and where they push. Host side, numpy.

Structure axes: z along the main thrust. A layout's height does not matter to the torque of thrusters that push along z, nor to that of couples.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Layout(NamedTuple):
    """Places and the unit vectors along which each thruster pushes the body."""

    position_body_m: Float[np.ndarray, "thrusters 3"]
    push_body: Float[np.ndarray, "thrusters 3"]


def joined(*layouts: Layout) -> Layout:
    """One after the other: the order of the commands."""
    return Layout(
        np.concatenate([layout.position_body_m for layout in layouts]),
        np.concatenate([layout.push_body for layout in layouts]),
    )


def axial_ring(count: int, radius_m: float, height_m: float = 0.0, first_rad: float = 0.0) -> Layout:
    """`count` thrusters evenly on a circle about z, all pushing along +z; the first stands `first_rad` from +x."""
    angle = first_rad + 2.0 * np.pi * np.arange(count) / count
    position = np.stack([radius_m * np.cos(angle), radius_m * np.sin(angle), np.full(count, height_m)], axis=1)
    return Layout(position, np.tile([0.0, 0.0, 1.0], (count, 1)))


def couples_on_three_axes(arm_m: float, height_m: float = 0.0) -> Layout:
    """12 thrusters: for each axis a couple either way, two thrusters at `arm_m` each. No net force."""
    arms = {0: 1, 1: 2, 2: 0}  # a torque about x comes from arms along y and pushes along z, and so on round
    position, push = [], []
    for axis, arm in arms.items():
        lift = 3 - axis - arm
        for sense in (1.0, -1.0):
            for side in (1.0, -1.0):
                position.append(side * arm_m * np.eye(3)[arm])
                push.append(sense * side * np.eye(3)[lift])
    return Layout(np.array(position) + [0.0, 0.0, height_m], np.array(push))


def eight_on_three_axes(arm_m: float, height_m: float = 0.0) -> Layout:
    """8 thrusters: one each way for pitch and yaw, two couples for roll.

    Pitch and yaw leave a net force along z: those on x push up, those on y push down, so that a limit cycle does not add up.
    """
    x, y, z = np.eye(3)
    position = [x, -x, y, -y, x, -x, x, -x]
    push = [z, z, -z, -z, y, -y, -y, y]
    return Layout(arm_m * np.array(position) + [0.0, 0.0, height_m], np.array(push))


def tilted(
    push_body: Float[np.ndarray, "thrusters 3"],
    tilt_x_rad: Float[np.ndarray, " thrusters"],
    tilt_y_rad: Float[np.ndarray, " thrusters"],
) -> Float[np.ndarray, "thrusters 3"]:
    """Unit vectors turned by small angles about x and y (first the vector of both angles, exactly): misalignment."""
    vector = np.stack([tilt_x_rad, tilt_y_rad, np.zeros_like(tilt_x_rad)], axis=-1)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    axis = vector / np.where(angle > 0.0, angle, 1.0)
    along = axis * np.sum(axis * push_body, axis=-1, keepdims=True)
    return push_body * np.cos(angle) + np.cross(axis, push_body) * np.sin(angle) + along * (1.0 - np.cos(angle))
