"""Onboard clock."""

import equinox as eqx

from perilune.math.random import Stream
from perilune.types import Index, Scalar
from perilune.world.sensors.sensor import AbstractSensor, Seen


class ClockState(eqx.Module):
    offset_s: Scalar
    drift: Scalar  # second a second


class Clock(AbstractSensor[ClockState, Scalar]):
    """Mission elapsed time as the lander believes it.

    **Error.** An offset left when the clock was set by uplink at `t_set_s`, and a constant drift since.
    **Invalid when.** Never.
    **Neglects.** Noise, ageing and temperature of the oscillator, relativity, the size of a tick of the counter.
    """

    t_set_s: Scalar
    offset_sigma_s: Scalar
    drift_sigma: Scalar

    def init(self, stream: Stream) -> ClockState:
        return ClockState(stream.normal(0) * self.offset_sigma_s, stream.normal(1) * self.drift_sigma)

    def measure(self, state: ClockState, seen: Seen, stream: Stream, tick: Index) -> tuple[ClockState, Scalar]:
        del stream, tick  # it runs on without chance
        return state, seen.t_s + state.offset_s + state.drift * (seen.t_s - self.t_set_s)
