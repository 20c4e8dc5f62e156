"""What every unit of the lander has in common: it is drawn once a flight, and it reads what the plant lets it see."""

import abc
from typing import Generic, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from perilune.math.random import Stream
from perilune.math.vector import Vec3
from perilune.moon.terrain import RayHit
from perilune.types import Flag, Index, Scalar
from perilune.wire.commands import DevicesOn
from perilune.world.kinematics import Kinematics

StateT = TypeVar("StateT")
ReadingT = TypeVar("ReadingT")


@runtime_checkable
class Ground(Protocol):
    """What a beam can meet."""

    def raycast(self, r_lfme_m: Vec3, direction_lfme: Vec3) -> RayHit: ...


class Increments(eqx.Module):
    """True increments over one cycle at the inertial unit, in body axes."""

    delta_v_body_m_s: Vec3  # specific force, integrated in the turning body axes
    delta_theta_body_rad: Vec3
    dt_s: Scalar


class Seen(eqx.Module):
    """What the plant hands over at the end of a cycle."""

    truth: Kinematics
    increments: Increments
    terrain: Ground
    pads_touching: Bool[Array, " pads"]
    propellant_kg: Scalar
    t_s: Scalar
    devices_on: DevicesOn
    watched: Flag  # or else nobody will look at the readings, and rays need not be cast


class AbstractSensor(eqx.Module, Generic[StateT, ReadingT]):
    """Sizes of errors and geometry of one unit; sizes are 1 sigma."""

    @abc.abstractmethod
    def init(self, stream: Stream) -> StateT:
        """Draw what this flight's unit gets wrong for good."""

    @abc.abstractmethod
    def measure(self, state: StateT, seen: Seen, stream: Stream, tick: Index) -> tuple[StateT, ReadingT]:
        """The reading at the end of this cycle; `stream` is this unit's, at this tick."""


def is_due(tick: Index, period_ticks: Index) -> Flag:
    """Whether a unit with this period reads on this tick; a true branch only where both are shared by the batch."""
    return jnp.asarray(tick) % period_ticks == 0
