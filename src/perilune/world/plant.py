"""The plant: the lander and the Moon about it. It measures, and it advances; it never decides.

**Model.** A rigid body with a pendulum of propellant, engines and thrusters, in the gravity of the Moon, the Earth and the Sun. One tick
is a few substeps: thrust is integrated with its lags, position and velocity by the midpoint rule, attitude as in `rigid_body`. The
Moon's central term is evaluated in each substep, what is beside it every few ticks, at the middle of the time for which it is held. Near the
ground the same motion is taken through legs and hull in fine steps.
**Neglects** where in the cycle a thruster's pulse lies (it is spread over it), the motion of the centre of mass within the body (0.5 mm/s), propellant swing while legs touch, and the Moon's turning during a contact substep.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from perilune.constants import RADIUS_MOON_M
from perilune.dynamics import rigid_body
from perilune.dynamics.gravity import Gravity, Sky
from perilune.dynamics.rigid_body import Inertia, RigidBody, mass_properties
from perilune.math.batching import computed_once, where_needed
from perilune.math.random import Stream
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, zero_vec3
from perilune.moon.ephemeris import Ephemeris
from perilune.moon.frames import MoonOrientation, SiteFrame, lfme_from_lci, moon_orientation
from perilune.moon.terrain import Terrain
from perilune.types import Flag, Index, Scalar
from perilune.wire.commands import Commands, DevicesOn, all_off
from perilune.wire.measurements import Measurements
from perilune.world.contact import ContactBody, ContactLoad, GroundPlane, advance_contact
from perilune.world.devices import InertialUnitControl
from perilune.world.kinematics import Kinematics
from perilune.world.landing_gear import GearState, LandingGear
from perilune.world.mass_properties import MassProperties
from perilune.world.propulsion import Orders, Propulsion, PropulsionState
from perilune.world.sensors import Sensors, SensorStates
from perilune.world.sensors.sensor import Increments, Seen
from perilune.world.slosh import Slosh, SloshDrive, SloshState
from perilune.world.tracking import GroundTracking

SUBSTEPS = 2  # second order: tests/verification/test_plant_motion.py tells what is left
# Gravity beside the central term: in half a second it moves by 2e-6 m/s2, and its mean by the midpoint rule is good to 1e-9.
GRAVITY_EVERY = 5
# Ground under one pad is taken flat over this width.
PAD_FOOTPRINT_M = 1.0
CONTACT_STEPS = 10  # fine steps of 5 ms in each substep: a stroke of 0.15 m is 8 mm off
# The batch axis over which "any lander" is asked; the simulation names it.
LANDERS = "landers"


class Touch(eqx.Module):
    """What has met the ground so far."""

    pads: Bool[Array, " pads"]  # in the last tick
    hull: Flag
    ever: Flag


class WorldState(eqx.Module):
    body: RigidBody
    propellant_kg: Scalar
    propulsion: PropulsionState
    slosh: SloshState
    gear: GearState
    sensors: SensorStates
    increments: Increments  # of the last tick
    devices_on: DevicesOn
    touch: Touch
    altitude_m: Scalar  # of the centre of mass over the ground below, at the last look
    seen: Kinematics  # at the end of the last tick
    perturbation_lci_m_s2: Vec3  # gravity beside the central term, held between evaluations


class _Motion(eqx.Module):
    """What one tick carries through its substeps."""

    body: RigidBody
    propellant_kg: Scalar
    propulsion: PropulsionState
    slosh: SloshState
    delta_v_body_m_s: Vec3
    delta_theta_body_rad: Vec3


class _Footing(eqx.Module):
    """What it carries besides, near the ground."""

    gear: GearState
    touch: Touch


class _Push(eqx.Module):
    """Engines, thrusters and slosh: force on the whole mass and torque about its centre, body axes."""

    force_body_n: Vec3
    torque_body_n_m: Vec3


class _Held(eqx.Module):
    """What is held over one tick."""

    mass_kg: Scalar
    com_body_m: Vec3
    inertia_kg_m2: Vec3
    properties: rigid_body.MassProperties
    perturbation_lci_m_s2: Vec3


class _Ground(eqx.Module):
    """The site frame at mid-tick, and the planes under pads and hull."""

    q_site_lci: Rotation
    origin_lci_m: Vec3
    origin_v_lci_m_s: Vec3
    planes: tuple[GroundPlane, ...]


class World(eqx.Module):
    propulsion: Propulsion
    mass: MassProperties
    slosh: Slosh
    gear: LandingGear
    sensors: Sensors
    terrain: Terrain
    gravity: Gravity
    ephemeris: Ephemeris
    site: SiteFrame
    tracking: GroundTracking
    r_imu_body_m: Vec3
    inertial_unit: InertialUnitControl
    contact_height_m: Scalar  # contact is computed from this height of the centre of mass
    tick_s: Scalar

    def init(self, body: RigidBody, propellant_kg: Scalar, stream: Stream, tick: Index) -> WorldState:
        """At rest in its attitude, nothing burning, nothing switched on."""
        seen = self._kinematics(body, self.mass.at(propellant_kg)[1], tick * self.tick_s)
        pads = jnp.zeros(len(self.gear.legs), dtype=bool)
        return WorldState(
            body=body,
            propellant_kg=jnp.asarray(propellant_kg, dtype=float),
            propulsion=self.propulsion.init(),
            slosh=self.slosh.init(),
            gear=self.gear.init(),
            sensors=self.sensors.init(stream),
            increments=Increments(zero_vec3(), zero_vec3(), jnp.asarray(self.tick_s, dtype=float)),
            devices_on=all_off(),
            touch=Touch(pads, jnp.asarray(False), jnp.asarray(False)),
            altitude_m=self._altitude(seen),
            seen=seen,
            perturbation_lci_m_s2=self._perturbation(body, tick * self.tick_s),
        )

    def placed(self, state: WorldState, body: RigidBody, t_s: Scalar) -> WorldState:
        """The same lander elsewhere after its sleep: nothing was felt on the way, and everything is off."""
        seen = self._kinematics(body, self.mass.at(state.propellant_kg)[1], t_s)
        nothing = Increments(zero_vec3(), zero_vec3(), jnp.asarray(self.tick_s, dtype=float))
        parts = (body, seen, nothing, self._altitude(seen), all_off(), self._perturbation(body, t_s))
        return eqx.tree_at(lambda s: (s.body, s.seen, s.increments, s.altitude_m, s.devices_on, s.perturbation_lci_m_s2), state, parts)

    def measure(self, state: WorldState, stream: Stream, tick: Index, watched: Flag = True) -> tuple[WorldState, Measurements]:
        """All readings at this instant; the tick must be shared by the batch."""
        seen = Seen(
            truth=state.seen,
            increments=state.increments,
            terrain=self.terrain,
            pads_touching=state.touch.pads,
            propellant_kg=state.propellant_kg,
            t_s=tick * self.tick_s,
            devices_on=state.devices_on,
            watched=jnp.asarray(watched),
        )
        sensors, measurements = self.sensors.measure(state.sensors, seen, stream, tick)
        return eqx.tree_at(lambda s: s.sensors, state, sensors), measurements

    def advance(self, state: WorldState, commands: Commands, stream: Stream, tick: Index, watched: Flag = True) -> WorldState:
        """One tick of truth. A lander that nobody watches any more does not ask the batch for contact."""
        start_s = tick * self.tick_s
        middle = moon_orientation(self.ephemeris, start_s + 0.5 * self.tick_s)
        perturbation = self._held_perturbation(state, tick)
        held = self._held(state, perturbation)
        ever = state.touch.ever
        start = _Motion(state.body, state.propellant_kg, state.propulsion, state.slosh, zero_vec3(), zero_vec3())
        orders = self.propulsion.ordered(state.propulsion, commands, (0.0, self.tick_s), self.tick_s / SUBSTEPS)
        footing = _Footing(state.gear, Touch(jnp.zeros_like(state.touch.pads), jnp.asarray(False), ever))
        # How far the lander can come down before the next look.
        reach_m = jnp.where(ever, 0.0, 2.0 * self.tick_s * state.seen.v_lfme_in_lfme_m_s.norm())
        near = watched & (state.altitude_m < self.contact_height_m + reach_m)
        free = self._free_tick(start, orders, held), footing
        end, footing = where_needed(near, World._touching_tick, free, self, start, footing, orders, held, middle)
        seen = self._kinematics(end.body, held.com_body_m, start_s + self.tick_s)
        unit = stream.named("inertial unit").at(tick)
        accelerometers_on = self.inertial_unit.accelerometers_on(state.devices_on.accelerometers, commands.unit_array, unit)
        return WorldState(
            body=end.body,
            propellant_kg=end.propellant_kg,
            propulsion=end.propulsion,
            slosh=end.slosh,
            gear=footing.gear,
            sensors=state.sensors,
            increments=Increments(end.delta_v_body_m_s, end.delta_theta_body_rad, jnp.asarray(self.tick_s, dtype=float)),
            devices_on=eqx.tree_at(lambda d: d.accelerometers, commands.devices_on, accelerometers_on),
            touch=footing.touch,
            altitude_m=self._altitude(seen),
            seen=seen,
            perturbation_lci_m_s2=perturbation,
        )

    def _altitude(self, seen: Kinematics) -> Scalar:
        radius_m = seen.r_lfme_m.norm()
        return radius_m - RADIUS_MOON_M - self.terrain.height_m(seen.r_lfme_m / radius_m)

    def _kinematics(self, body: RigidBody, com_body_m: Vec3, t_s: Scalar) -> Kinematics:
        orientation = moon_orientation(self.ephemeris, t_s)
        r_lfme_m, v_lfme_m_s = lfme_from_lci(orientation, body.r_lci_m, body.v_lci_m_s)
        return Kinematics(
            r_lci_m=body.r_lci_m,
            v_lci_m_s=body.v_lci_m_s,
            q_lci_body=body.q_lci_body,
            omega_body_lci_rad_s=body.omega_body_lci_rad_s,
            com_body_m=com_body_m,
            r_lfme_m=r_lfme_m,
            v_lfme_in_lfme_m_s=v_lfme_m_s,
            q_lfme_body=orientation.q_lfme_lci @ body.q_lci_body,
            sun_direction_lci=self.ephemeris.r_sun_lci_m(t_s).unit(),
            earth_direction_lci=self.ephemeris.r_earth_lci_m(t_s).unit(),
        )

    def _held(self, state: WorldState, perturbation_lci_m_s2: Vec3) -> _Held:
        mass_kg, com_body_m, inertia = self.mass.at(state.propellant_kg)
        properties = mass_properties(mass_kg, Inertia(inertia.x, inertia.y, inertia.z, 0.0, 0.0, 0.0))
        return _Held(mass_kg, com_body_m, inertia, properties, perturbation_lci_m_s2)

    def _held_perturbation(self, state: WorldState, tick: Index) -> Vec3:
        """Evaluated at the place expected in the middle of the ticks for which it is held."""
        ahead_s = 0.5 * GRAVITY_EVERY * self.tick_s

        def ahead() -> Vec3:
            body = state.body
            there = eqx.tree_at(lambda b: b.r_lci_m, body, body.r_lci_m + body.v_lci_m_s * ahead_s)
            return self._perturbation(there, tick * self.tick_s + ahead_s)

        return jax.lax.cond(jnp.asarray(tick) % GRAVITY_EVERY == 0, ahead, lambda: state.perturbation_lci_m_s2)

    def _perturbation(self, body: RigidBody, t_s: Scalar) -> Vec3:
        return self.gravity.perturbation_lci_m_s2(body.r_lci_m, self.sky(t_s))

    def sky(self, t_s: Scalar) -> Sky:
        orientation = moon_orientation(self.ephemeris, t_s)
        return Sky(orientation.q_lfpa_lci, self.ephemeris.r_earth_lci_m(t_s), self.ephemeris.r_sun_lci_m(t_s))

    def _free_tick(self, start: _Motion, orders: Orders, held: _Held) -> _Motion:
        def substep(now: _Motion, _) -> tuple[_Motion, None]:
            now, push = self._pushed(now, orders, held)
            return self._free_substep(now, push, held), None

        return jax.lax.scan(substep, start, length=SUBSTEPS)[0]

    def _touching_tick(
        self, start: _Motion, footing: _Footing, orders: Orders, held: _Held, middle: MoonOrientation
    ) -> tuple[_Motion, _Footing]:
        ground = self._ground(start.body, held, middle)

        def substep(carry: tuple[_Motion, _Footing], number: Scalar) -> tuple[tuple[_Motion, _Footing], None]:
            now, push = self._pushed(carry[0], orders, held)
            return self._contact_substep((now, carry[1]), push, held, ground, number * self.tick_s / SUBSTEPS), None

        return jax.lax.scan(substep, (start, footing), jnp.arange(SUBSTEPS, dtype=float))[0]

    def _free_substep(self, now: _Motion, push: _Push, held: _Held) -> _Motion:
        dt_s = self.tick_s / SUBSTEPS
        body, torque = now.body, push.torque_body_n_m
        spun = computed_once(rigid_body.spun(body.omega_body_lci_rad_s, torque, held.properties, dt_s))
        q_middle = body.q_lci_body @ spun.half_turn
        specific_body = push.force_body_n / held.mass_kg
        specific_lci = q_middle @ specific_body
        middle_m = body.r_lci_m + body.v_lci_m_s * (0.5 * dt_s)
        accel = specific_lci + self.gravity.central_lci_m_s2(middle_m) + held.perturbation_lci_m_s2
        v_lci_m_s = body.v_lci_m_s + accel * dt_s
        moved = RigidBody(
            r_lci_m=body.r_lci_m + (body.v_lci_m_s + v_lci_m_s) * (0.5 * dt_s),
            v_lci_m_s=v_lci_m_s,
            q_lci_body=(q_middle @ spun.half_turn).normalised(),
            omega_body_lci_rad_s=spun.omega_rad_s,
        )
        spin = (spun.omega_rad_s - body.omega_body_lci_rad_s) * (1.0 / dt_s)
        felt = self._felt(specific_body * dt_s, spun.counted_rad * (1.0 / dt_s), spin, held)
        return _accumulated(now, moved, felt, spun.counted_rad)

    def _pushed(self, now: _Motion, orders: Orders, held: _Held) -> tuple[_Motion, _Push]:
        """Engines, thrusters and slosh over one substep."""
        dt_s = self.tick_s / SUBSTEPS
        propulsion, thrust, flow_kg_s = self.propulsion.burn(now.propulsion, orders, now.propellant_kg, dt_s)
        torque = thrust.torque_about(held.com_body_m)
        rough = Vec3(*(t / i for t, i in zip(torque.components(), held.inertia_kg_m2.components(), strict=True)))
        # What is left in the middle of the substep: with what its start has, errors are of first order in the step.
        swinging_kg = now.propellant_kg - flow_kg_s * (0.5 * dt_s)
        drive = SloshDrive(thrust.force_body_n, rough, held.mass_kg, held.com_body_m, swinging_kg)
        slosh, push = self.slosh.advance(now.slosh, drive, dt_s)
        total = thrust + push
        now = eqx.tree_at(
            lambda s: (s.propulsion, s.slosh, s.propellant_kg),
            now,
            (propulsion, slosh, jnp.maximum(now.propellant_kg - flow_kg_s * dt_s, 0.0)),
        )
        return now, computed_once(_Push(total.force_body_n, total.torque_about(held.com_body_m)))

    def _felt(self, delta_v_body_m_s: Vec3, omega: Vec3, spin: Vec3, held: _Held) -> Vec3:
        """Velocity increment at the inertial unit, which sits off the centre of mass."""
        dt_s = self.tick_s / SUBSTEPS
        arm_m = self.r_imu_body_m - held.com_body_m
        return delta_v_body_m_s + (spin.cross(arm_m) + omega.cross(omega.cross(arm_m))) * dt_s

    def _ground(self, body: RigidBody, held: _Held, middle: MoonOrientation) -> _Ground:
        q_lfme_lci = middle.q_lfme_lci
        q_lci_lfme = q_lfme_lci.inverse()
        origin_lci_m = q_lci_lfme @ self.site.r_origin_lfme_m
        spin_lci = q_lci_lfme @ middle.omega_lfme_lci_rad_s
        q_lfme_body = q_lfme_lci @ body.q_lci_body
        r_lfme_m = q_lfme_lci @ body.r_lci_m
        pads_lfme_m = [r_lfme_m + q_lfme_body @ (leg.r_pad_body_m - held.com_body_m) for leg in self.gear.legs]
        # All pads through one program.
        together = jax.tree.map(lambda *parts: jnp.stack(parts), *pads_lfme_m)
        found = jax.vmap(lambda pad: self._plane_below(pad))(together)
        planes = [jax.tree.map(lambda leaf, k=k: leaf[k], found) for k in range(len(pads_lfme_m))]
        return _Ground(
            q_site_lci=self.site.q_site_lfme @ q_lfme_lci,
            origin_lci_m=origin_lci_m,
            # The ground's velocity below the lander: the whole patch moves with it.
            origin_v_lci_m_s=spin_lci.cross(body.r_lci_m),
            planes=tuple(planes),
        )

    def _plane_below(self, pad_lfme_m: Vec3) -> GroundPlane:
        plane = self.terrain.plane_under(pad_lfme_m, PAD_FOOTPRINT_M)
        foot_lfme_m = pad_lfme_m.unit() * (RADIUS_MOON_M + plane.height_m)
        return GroundPlane(self.site.r_site_m(foot_lfme_m), self.site.q_site_lfme @ plane.normal_lfme)

    def _contact_substep(
        self, carry: tuple[_Motion, _Footing], push: _Push, held: _Held, ground: _Ground, t_in_cycle_s: Scalar
    ) -> tuple[_Motion, _Footing]:
        dt_s = self.tick_s / SUBSTEPS
        now, footing = carry
        body, force = now.body, push.force_body_n
        q_site_body = ground.q_site_lci @ body.q_lci_body
        gravity = self.gravity.central_lci_m_s2(body.r_lci_m) + held.perturbation_lci_m_s2
        load = ContactLoad(
            mass_kg=held.mass_kg,
            inertia_kg_m2=held.inertia_kg_m2,
            com_body_m=held.com_body_m,
            force_site_n=q_site_body @ force + (ground.q_site_lci @ gravity) * held.mass_kg,
            torque_body_n_m=push.torque_body_n_m,
        )
        # The patch is followed in its own motion, so that its displacement over the tick is taken out before and put back after.
        drift_m = ground.origin_v_lci_m_s * t_in_cycle_s
        before = ContactBody(
            r_site_m=ground.q_site_lci @ (body.r_lci_m - ground.origin_lci_m - drift_m),
            v_site_m_s=ground.q_site_lci @ (body.v_lci_m_s - ground.origin_v_lci_m_s),
            q_site_body=q_site_body,
            omega_body_rad_s=body.omega_body_lci_rad_s,
        )
        gear, after, report = advance_contact(self.gear, footing.gear, before, ground.planes, load, dt_s / CONTACT_STEPS, CONTACT_STEPS)
        q_lci_site = ground.q_site_lci.inverse()
        moved = RigidBody(
            r_lci_m=ground.origin_lci_m + drift_m + ground.origin_v_lci_m_s * dt_s + q_lci_site @ after.r_site_m,
            v_lci_m_s=ground.origin_v_lci_m_s + q_lci_site @ after.v_site_m_s,
            q_lci_body=q_lci_site @ after.q_site_body,
            omega_body_lci_rad_s=after.omega_body_rad_s,
        )
        mean_omega = (before.omega_body_rad_s + after.omega_body_rad_s) * 0.5
        spin = (after.omega_body_rad_s - before.omega_body_rad_s) / dt_s
        from_ground = q_site_body.inverse() @ report.delta_v_site_m_s
        felt = self._felt(force * (dt_s / held.mass_kg) + from_ground, mean_omega, spin, held)
        touch = Touch(
            pads=footing.touch.pads | report.pads_touching,
            hull=footing.touch.hull | report.hull_touching,
            ever=footing.touch.ever | jnp.any(report.pads_touching) | report.hull_touching,
        )
        return _accumulated(now, moved, felt, mean_omega * dt_s), _Footing(gear, touch)


def _accumulated(now: _Motion, body: RigidBody, felt_m_s: Vec3, turned_rad: Vec3) -> _Motion:
    return eqx.tree_at(
        lambda s: (s.body, s.delta_v_body_m_s, s.delta_theta_body_rad),
        now,
        (body, now.delta_v_body_m_s + felt_m_s, now.delta_theta_body_rad + turned_rad),
    )
