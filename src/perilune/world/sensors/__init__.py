"""All the units of a lander that tell flight software something.

Each unit draws from a stream of its own name: adding a unit, or changing another's errors, changes no draw of this one.
"""

import equinox as eqx

from perilune.math.random import Stream
from perilune.types import Index
from perilune.wire.measurements import Measurements
from perilune.world.sensors.altimeter import Altimeter, AltimeterState
from perilune.world.sensors.clock import Clock, ClockState
from perilune.world.sensors.gauge import GaugeState, PropellantGauge
from perilune.world.sensors.imu import Imu, ImuState
from perilune.world.sensors.sensor import Seen
from perilune.world.sensors.star_tracker import StarTracker, StarTrackerState
from perilune.world.sensors.touchdown import TouchdownState, TouchdownSwitches
from perilune.world.sensors.velocimeter import Velocimeter, VelocimeterState, no_beams

# Streams of the inertial units, of the first and of those beside it.
IMU_NAMES = ("imu", "imu 1", "imu 2")


class SensorStates(eqx.Module):
    imu: ImuState
    star_tracker: StarTrackerState
    altimeter: AltimeterState
    velocimeter: VelocimeterState | None
    touchdown: TouchdownState
    clock: ClockState
    gauge: GaugeState
    spare_imus: tuple[ImuState, ...] = ()


class Sensors(eqx.Module):
    imu: Imu
    star_tracker: StarTracker
    altimeter: Altimeter
    velocimeter: Velocimeter | None  # not every lander has one
    touchdown: TouchdownSwitches
    clock: Clock
    gauge: PropellantGauge
    spare_imus: tuple[Imu, ...] = ()  # beside the first; all stand in one place, and are switched together

    def init(self, stream: Stream) -> SensorStates:
        """Draw this flight's units; `stream` must be the one that `measure` gets."""
        return SensorStates(
            imu=self.imu.init(stream.named("imu")),
            star_tracker=self.star_tracker.init(stream.named("star tracker")),
            altimeter=self.altimeter.init(stream.named("altimeter")),
            velocimeter=None if self.velocimeter is None else self.velocimeter.init(stream.named("velocimeter")),
            touchdown=self.touchdown.init(stream.named("touchdown")),
            clock=self.clock.init(stream.named("clock")),
            gauge=self.gauge.init(stream.named("gauge")),
            spare_imus=tuple(unit.init(stream.named(name)) for name, unit in zip(IMU_NAMES[1:], self.spare_imus, strict=False)),
        )

    def measure(self, states: SensorStates, seen: Seen, stream: Stream, tick: Index) -> tuple[SensorStates, Measurements]:
        """All readings at the end of one cycle; `tick` must be shared by the batch, or slow units are computed every tick."""

        def of(name: str) -> Stream:
            return stream.named(name).at(tick)

        imu, imu_reading = self.imu.measure(states.imu, seen, of("imu"), tick)
        stars, q_reading = self.star_tracker.measure(states.star_tracker, seen, of("star tracker"), tick)
        altimeter, range_reading = self.altimeter.measure(states.altimeter, seen, of("altimeter"), tick)
        velocimeter, doppler_reading = None, no_beams()
        if self.velocimeter is not None and states.velocimeter is not None:
            velocimeter, doppler_reading = self.velocimeter.measure(states.velocimeter, seen, of("velocimeter"), tick)
        touchdown, pad_touched = self.touchdown.measure(states.touchdown, seen, of("touchdown"), tick)
        clock, clock_s = self.clock.measure(states.clock, seen, of("clock"), tick)
        gauge, propellant_kg = self.gauge.measure(states.gauge, seen, of("gauge"), tick)
        names = zip(IMU_NAMES[1:], self.spare_imus, states.spare_imus, strict=False)
        spares = [unit.measure(state, seen, of(name), tick) for name, unit, state in names]
        spare_states, spare_readings = tuple(state for state, _ in spares), tuple(reading for _, reading in spares)
        readings = Measurements(clock_s, imu_reading, q_reading, range_reading, doppler_reading, pad_touched, propellant_kg, spare_readings)
        return SensorStates(imu, stars, altimeter, velocimeter, touchdown, clock, gauge, spare_states), readings
