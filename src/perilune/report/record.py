"""A recording as the figures look at it: arrays by name, from braking to the end."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import xarray as xr

from perilune.wire.telemetry import Mode

# What is shown before braking begins, and how much of the end the close-ups show.
LEAD_S = 30.0
CLOSE_UP_S = 100.0
# Curves keep their shape with so many points; the file keeps all of them.
POINTS_MAX = 1200


@dataclass(frozen=True)
class Record:
    """`tree` is `sim.recording.recording_tree`'s; time zero of the figures is the start of braking."""

    tree: xr.DataTree
    until_s: float = float("inf")  # the verdict: what comes after it is a lander at rest, kept as it was

    def has(self, *names: str) -> bool:
        places = [name.split("/") for name in names]
        return all(group in self.tree.children and name in self.tree[group].data_vars for group, name in places)

    def all_of(self, name: str) -> np.ndarray:
        """A channel from the first sample to the last."""
        return np.asarray(self.tree[name].values)

    def __getitem__(self, name: str) -> np.ndarray:
        """A channel from shortly before braking to the end."""
        return self.all_of(name)[self.descent]

    @cached_property
    def met_s(self) -> np.ndarray:
        return np.asarray(self.tree["met_s"].values)

    @cached_property
    def mode(self) -> np.ndarray:
        return self.all_of("downlink/mode").astype(int)

    @cached_property
    def ignition_s(self) -> float:
        """Start of braking; if it never came to that, of the burn before, or the first sample."""
        braking = np.flatnonzero((self.mode >= Mode.BRAKING) & (self.mode <= Mode.SURFACE))
        burning = np.flatnonzero(self.mode == Mode.BURN)
        return float(self.met_s[next((found[0] for found in (braking, burning) if found.size), 0)])

    @cached_property
    def descent(self) -> slice:
        first, last = np.searchsorted(self.met_s, (self.ignition_s - LEAD_S, self.until_s))
        return slice(int(first), max(int(last), int(first) + 1))

    @cached_property
    def time_s(self) -> np.ndarray:
        return self.met_s[self.descent] - self.ignition_s

    @cached_property
    def close_up(self) -> tuple[float, float]:
        """The last stretch before the lander is down, with a little after it."""
        down = np.flatnonzero(self.mode[self.descent] >= Mode.TOUCHDOWN)
        end_s = float(self.time_s[down[0]]) if down.size else float(self.time_s[-1])
        return end_s - CLOSE_UP_S, min(end_s + 5.0, float(self.time_s[-1]) + 1.0)

    @cached_property
    def flying(self) -> np.ndarray:
        """Of the samples shown, those before flight software felt the ground."""
        return self.mode[self.descent] < Mode.TOUCHDOWN

    def at(self, name: str, met_s: float) -> float:
        """A channel as it was at a time."""
        return float(self.all_of(name)[min(int(np.searchsorted(self.met_s, met_s - 1e-6)), len(self.met_s) - 1)])

    def spans(self) -> list[tuple[Mode, float, float]]:
        """(mode, from, to) of each stretch of the descent."""
        mode, time_s = self.mode[self.descent], self.time_s
        edges = [0, *(np.flatnonzero(np.diff(mode)) + 1), len(mode) - 1]
        return [(Mode(int(mode[a])), float(time_s[a]), float(time_s[b])) for a, b in pairwise(edges) if b > a]


def thinned(*arrays: np.ndarray, most: int = POINTS_MAX) -> tuple[np.ndarray, ...]:
    """The same curves with no more than `most` points, ends kept."""
    count = len(arrays[0])
    if count <= most:
        return arrays
    keep = np.unique(np.linspace(0, count - 1, most).round().astype(int))
    return tuple(array[keep] for array in arrays)


def turned_by(q_left: np.ndarray, q_right: np.ndarray) -> np.ndarray:
    """Rotation vector [n, 3] (rad) of q_left * inverse(q_right); unit quaternions [n, 4], scalar first."""
    w0, v0 = q_left[:, :1], q_left[:, 1:]
    w1, v1 = q_right[:, :1], -q_right[:, 1:]
    w = w0 * w1 - np.sum(v0 * v1, axis=1, keepdims=True)
    v = w0 * v1 + w1 * v0 + np.cross(v0, v1)
    v = np.where(w < 0.0, -v, v)
    sine = np.linalg.norm(v, axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, np.abs(w))
    return v * np.where(sine > 1e-12, angle / np.maximum(sine, 1e-300), 2.0)
