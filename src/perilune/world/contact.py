"""Touchdown: rest, tip-over or crash comes out of what the ground does to the pads and the hull."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from perilune.math.batching import computed_once
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3, zero_vec3
from perilune.types import Flag, Index, Scalar
from perilune.world.landing_gear import ContactLaw, ContactState, GearState, LandingGear, Leg, LegState, Strut, StrutStroke


class GroundPlane(eqx.Module):
    """Tangent plane of the terrain near one pad; the normal points up and is a unit vector."""

    point_site_m: Vec3
    normal_site: Vec3


class ContactBody(eqx.Module):
    """Motion of the centre of mass and attitude, in `site` taken as inertial; body rates in body axes."""

    r_site_m: Vec3
    v_site_m_s: Vec3
    q_site_body: Rotation
    omega_body_rad_s: Vec3


class ContactLoad(eqx.Module):
    """Mass properties and what else acts on the body: both held over one call. The force includes gravity."""

    mass_kg: Scalar
    inertia_kg_m2: Vec3  # diagonal, about the centre of mass
    com_body_m: Vec3
    force_site_n: Vec3
    torque_body_n_m: Vec3


class ContactReport(eqx.Module):
    """What the ground did in one call: the IMU feels the speed gained, the switches the touches."""

    delta_v_site_m_s: Vec3
    pads_touching: Bool[Array, " pads"]
    hull_touching: Flag


class _Motion(eqx.Module):
    """Angular momentum in `site`, not the rate, is stepped: a tumbling wreck then keeps it, whatever the step."""

    r_site_m: Vec3
    v_site_m_s: Vec3
    q_site_body: Rotation
    spin_site_n_m_s: Vec3


class _Axes(eqx.Module):
    """Body axes in `site`; turning a vector costs nine products either way."""

    x: Vec3
    y: Vec3
    z: Vec3

    def to_body(self, vector_site: Vec3) -> Vec3:
        return Vec3(self.x.dot(vector_site), self.y.dot(vector_site), self.z.dot(vector_site))

    def to_site(self, vector_body: Vec3) -> Vec3:
        return self.x * vector_body.x + self.y * vector_body.y + self.z * vector_body.z


class _Frame(eqx.Module):
    """Motion seen in body axes during one fine step."""

    v_body_m_s: Vec3
    omega_body_rad_s: Vec3
    dt_s: Scalar


class _Footing(eqx.Module):
    """Legs, the planes under their pads, and the points of the hull, each along one axis; the plane under the hull."""

    legs: Any
    planes: Any
    r_hull_body_m: Any
    mean_plane: GroundPlane


class _Facing(eqx.Module):
    """A ground plane from the body: normal in body axes, height of the centre of mass above it."""

    normal_body: Vec3
    height_m: Scalar


class _Push(eqx.Module):
    """What the ground gives a point before its leg yields."""

    force_body_n: Vec3
    dent_m: Scalar
    touching: Flag


def advance_contact(
    gear: LandingGear,
    state: GearState,
    body: ContactBody,
    planes: tuple[GroundPlane, ...],
    load: ContactLoad,
    dt_s: Scalar,
    n_steps: Index,
) -> tuple[GearState, ContactBody, ContactReport]:
    """Legs and hull against the ground over `n_steps` fine steps of `dt_s` [s].

    **Model.** Each pad and hull point has a spring and a damper, the same in all directions, in series with sliders that yield: the
    bearing of the ground, friction, the primary strut, the secondary struts. A step tries the elastic force and takes each excess out
    in turn as permanent dent, slip or stroke (return mapping): yielding can only take energy away. Below friction the spring holds, so a
    lander at rest on a slope does not creep. The body moves by semi-implicit Euler, its angular momentum kept in the inertial frame.

    **Error.** First order in `dt_s`: at 5 ms energy wavers by 1 J of some 1,500 J, a stroke of 0.15 m at 3 m/s is 8 mm too long (4 mm at
    2.5 ms); see `tests/verification/test_contact_energy.py`.

    **Invalid when** `dt_s` is longer than `step_max_s`; strokes so long that the directions of struts turn by more than some 20 degrees.

    **Neglects** mass of pads and struts, width of pads, change of strut directions with stroke, ploughing by a sliding pad, the old
    footprint once a pad has left the ground, failure beyond the stops (a stop crushes on, it does not break). The hull meets the mean
    of the pads' planes.

    **Reference.** Rogers, NASA TN D-6850 (1972): struts of the lunar module.
    Simo & Hughes, Computational Inelasticity (1998): return mapping.
    """
    footing = _Footing(_together(gear.legs), _together(planes), _together(gear.r_hull_body_m), _mean_plane(planes))
    spin_site = body.q_site_body @ body.omega_body_rad_s.scaled_by(load.inertia_kg_m2)
    motion = _Motion(body.r_site_m, body.v_site_m_s, body.q_site_body, spin_site)
    numbers = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=float), (_together(state.legs), _together(state.hull), motion, zero_vec3()))
    untouched = jnp.zeros(len(gear.legs), dtype=bool), jnp.zeros(len(gear.r_hull_body_m), dtype=bool)

    def step(_, carry):
        (legs, hull, motion, impulse_site_n_s), touched = carry
        legs, hull, motion, force_site_n, touches = _fine_step(gear, (legs, hull, motion), footing, load, dt_s)
        touched = touched[0] | touches[0], touched[1] | touches[1]
        return (legs, hull, motion, impulse_site_n_s + force_site_n * dt_s), touched

    end, (pads, points) = jax.lax.fori_loop(0, n_steps, step, (numbers, untouched))
    legs, hull, motion, impulse_site_n_s = end
    omega_body = _rate_body(motion.q_site_body.inverse() @ motion.spin_site_n_m_s, load)
    body = ContactBody(motion.r_site_m, motion.v_site_m_s, motion.q_site_body, omega_body)
    report = ContactReport(impulse_site_n_s / load.mass_kg, pads, jnp.any(points))
    return GearState(_apart(legs, len(gear.legs)), _apart(hull, len(gear.r_hull_body_m))), body, report


def step_max_s(gear: LandingGear, load: ContactLoad) -> Scalar:
    """Longest fine step for which legs and hull stay well inside stability: 0.5 rad of the fastest elastic mode, estimated from above."""
    stiffness_n_m = jnp.maximum(gear.pad.stiffness_n_m, gear.hull.stiffness_n_m) * len(gear.legs)
    arms = [(leg.r_pad_body_m - load.com_body_m).norm_squared() for leg in gear.legs]
    inertia = jnp.minimum(jnp.minimum(load.inertia_kg_m2.x, load.inertia_kg_m2.y), load.inertia_kg_m2.z)
    # Half the legs carry a rocking mode, all of them heave.
    compliance_kg = 1.0 / load.mass_kg + 0.5 * sum(arms) / len(arms) / inertia
    return 0.5 / jnp.sqrt(stiffness_n_m * compliance_kg)


def _mean_plane(planes: tuple[GroundPlane, ...]) -> GroundPlane:
    point, normal = planes[0].point_site_m, planes[0].normal_site
    for plane in planes[1:]:
        point, normal = point + plane.point_site_m, normal + plane.normal_site
    return GroundPlane(point / float(len(planes)), normal.unit())


def _rate_body(spin_body_n_m_s: Vec3, load: ContactLoad) -> Vec3:
    inertia = load.inertia_kg_m2
    return Vec3(spin_body_n_m_s.x / inertia.x, spin_body_n_m_s.y / inertia.y, spin_body_n_m_s.z / inertia.z)


def _together(parts: tuple) -> Any:
    """Legs, or points, along one axis: all go through one program, which is a quarter of the work to compile and to start."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf, dtype=float) for leaf in leaves]), *parts) if parts else ()


def _apart(whole: Any, count: int) -> tuple:
    return tuple(jax.tree.map(lambda leaf, k=k: leaf[k], whole) for k in range(count))


def _seen_from_body(motion: _Motion, load: ContactLoad, dt_s: Scalar) -> tuple[_Axes, _Frame]:
    axes = computed_once(_Axes(*motion.q_site_body.axes()))
    v_body = computed_once(axes.to_body(motion.v_site_m_s))
    return axes, _Frame(v_body, _rate_body(axes.to_body(motion.spin_site_n_m_s), load), dt_s)


def _facing(plane: GroundPlane, axes: _Axes, motion: _Motion) -> _Facing:
    return computed_once(_Facing(axes.to_body(plane.normal_site), plane.normal_site.dot(motion.r_site_m - plane.point_site_m)))


def _fine_step(gear, state, footing, load, dt_s):
    """Forces at the present place, then speeds, then places."""
    legs, hull, motion = state
    axes, frame = _seen_from_body(motion, load, dt_s)
    below = _facing(footing.mean_plane, axes, motion)

    def pad(leg, leg_state, plane):
        arm = computed_once(leg.r_pad_body_m + _set_displacement(leg, leg_state) - load.com_body_m)
        leg_state, force = _leg_step(gear, leg, leg_state, arm, _facing(plane, axes, motion), frame)
        return leg_state, (force, arm.cross(force)), force.norm_squared() > 0.0

    def point(r_point, point_state):
        arm = r_point - load.com_body_m
        point_state, force = _hull_step(gear.hull, point_state, arm, below, frame)
        return point_state, (force, arm.cross(force)), force.norm_squared() > 0.0

    legs, on_legs, pads = jax.vmap(pad)(footing.legs, legs, footing.planes)
    on_hull, points = (zero_vec3(), zero_vec3()), jnp.zeros(0, dtype=bool)
    if gear.r_hull_body_m:
        hull, on_hull, points = jax.vmap(point)(footing.r_hull_body_m, hull)
    force_body, torque_body = computed_once(jax.tree.map(lambda a, b: jnp.sum(a) + jnp.sum(b), on_legs, on_hull))
    force_site = axes.to_site(force_body)
    motion = _moved(motion, force_site, axes.to_site(load.torque_body_n_m + torque_body), load, dt_s)
    return legs, hull, motion, force_site, (pads, points)


def _moved(motion: _Motion, contact_site_n: Vec3, torque_site_n_m: Vec3, load: ContactLoad, dt_s: Scalar) -> _Motion:
    v_site = motion.v_site_m_s + (contact_site_n + load.force_site_n) * (dt_s / load.mass_kg)
    spin_site = motion.spin_site_n_m_s + torque_site_n_m * dt_s
    q = motion.q_site_body
    half = _rate_body(q.inverse() @ spin_site, load) * (0.5 * dt_s)
    turned = (q @ Rotation(jnp.ones_like(half.x), half, q.from_frame, q.from_frame)).normalised()
    return _Motion(motion.r_site_m + v_site * dt_s, v_site, turned, spin_site)


def _set_displacement(leg: Leg, state: LegState) -> Vec3:
    """Where crushing has moved the pad, in structure axes."""
    displacement = leg.duals_body[0] * state.strokes[0].net_m()
    for dual, stroke in zip(leg.duals_body[1:], state.strokes[1:], strict=True):
        displacement = displacement + dual * stroke.net_m()
    return displacement


def _ground(law: ContactLaw, state: ContactState, arm_body_m: Vec3, plane: _Facing, frame: _Frame, push_max_n: Scalar) -> _Push:
    """Spring and damper, then the ground's bearing, then friction; friction counts on no more than `push_max_n` of push."""
    normal = plane.normal_body
    v_point = frame.v_body_m_s + frame.omega_body_rad_s.cross(arm_body_m)
    depth_m = -(plane.height_m + normal.dot(arm_body_m))
    squeeze_m = depth_m - state.dent_m
    push_n = law.stiffness_n_m * squeeze_m - law.damping_n_s_m * normal.dot(v_point)
    push_n = computed_once(jnp.where(squeeze_m > 0.0, jnp.maximum(push_n, 0.0), 0.0))
    stiffness_n_m = law.step_stiffness_n_m(frame.dt_s)
    deeper_m = jnp.maximum(push_n - law.crush_n - law.crush_n_m * state.dent_m, 0.0) / (stiffness_n_m + law.crush_n_m)
    push_n = computed_once(push_n - stiffness_n_m * deeper_m)

    # The anchor is kept in body axes and turns with them: while a pad sticks that is a fraction of its millimetres.
    pull = computed_once(state.deflection_body_m * law.stiffness_n_m - v_point * (stiffness_n_m * frame.dt_s))
    drag = _gripped(pull - normal * normal.dot(pull), law.friction * jnp.minimum(push_n, push_max_n))
    force = computed_once(drag + normal * push_n)
    return _Push(force, jnp.where(depth_m > 0.0, state.dent_m + deeper_m, 0.0), push_n > 0.0)


def _gripped(drag_n: Vec3, limit_n: Scalar) -> Vec3:
    """Friction: the sideways force, no longer than its limit."""
    size_n = jnp.sqrt(jnp.maximum(drag_n.norm_squared(), 1e-30))
    return drag_n * (jnp.minimum(limit_n, size_n) / size_n)


def _within_cone(force: Vec3, normal: Vec3, friction: Scalar) -> Vec3:
    push_n = jnp.maximum(normal.dot(force), 0.0)
    return _gripped(force - normal * normal.dot(force), friction * push_n) + normal * push_n


def _stroked(strut: Strut, stroke: StrutStroke, dual_body: Vec3, force: Vec3, law: ContactLaw, dt_s: Scalar) -> tuple[Vec3, StrutStroke]:
    """One strut crushed, either way, down to the load that it holds."""
    load_n, stiffness_n_m, stop_n_m = dual_body.dot(force), law.step_stiffness_n_m(dt_s), law.stiffness_n_m
    squeeze_n = jnp.maximum(load_n - strut.compression.load_n(stroke.compression_m, stop_n_m), 0.0)
    stretch_n = jnp.maximum(-load_n - strut.tension.load_n(stroke.tension_m, stop_n_m), 0.0)
    give_m = (squeeze_n - stretch_n) / (stiffness_n_m * dual_body.norm_squared())
    crushed = StrutStroke(stroke.compression_m + jnp.maximum(give_m, 0.0), stroke.tension_m + jnp.maximum(-give_m, 0.0))
    return force - dual_body * (stiffness_n_m * give_m), crushed


def _leg_step(gear: LandingGear, leg: Leg, state: LegState, arm: Vec3, plane: _Facing, frame: _Frame) -> tuple[LegState, Vec3]:
    """Return mapping of one leg: bearing, friction, primary, secondaries, and friction again for what they shed sideways."""
    law = gear.pad
    # Friction counts only on the push that the primary will bear: else a hard landing would bend the leg sideways before it crushes.
    primary_n = gear.primary.compression.load_n(state.strokes[0].compression_m, law.stiffness_n_m)
    facing = jnp.maximum(leg.duals_body[0].dot(plane.normal_body), 0.1)
    push = _ground(law, state.contact, arm, plane, frame, primary_n / facing)
    force, primary = _stroked(gear.primary, state.strokes[0], leg.duals_body[0], push.force_body_n, law, frame.dt_s)
    force, first = _stroked(gear.secondary, state.strokes[1], leg.duals_body[1], force, law, frame.dt_s)
    force, second = _stroked(gear.secondary, state.strokes[2], leg.duals_body[2], force, law, frame.dt_s)
    force = computed_once(_within_cone(computed_once(force), plane.normal_body, law.friction))
    # A pad that slips lets the primary shed the rest of its load: the force keeps its direction on the cone.
    load_n = leg.duals_body[0].dot(force)
    kept = primary_n / jnp.maximum(load_n, primary_n)
    shed_m = plane.normal_body.dot(force) * (1.0 - kept) / (law.step_stiffness_n_m(frame.dt_s) * facing)
    primary = StrutStroke(primary.compression_m + shed_m, primary.tension_m)
    force = force * kept
    return LegState(_set(law, state.contact, push, force, frame.dt_s), (primary, first, second)), force


def _hull_step(law: ContactLaw, state: ContactState, arm: Vec3, plane: _Facing, frame: _Frame) -> tuple[ContactState, Vec3]:
    push = _ground(law, state, arm, plane, frame, jnp.inf)
    return _set(law, state, push, push.force_body_n, frame.dt_s), push.force_body_n


def _set(law: ContactLaw, before: ContactState, push: _Push, force: Vec3, dt_s: Scalar) -> ContactState:
    """The elastic displacement that spring and damper need for this force at the end of the step."""
    deflection = (force + before.deflection_body_m * (law.damping_n_s_m / dt_s)) * (1.0 / law.step_stiffness_n_m(dt_s))
    return ContactState(deflection * jnp.where(push.touching, 1.0, 0.0), push.dent_m)
