"""Legs that crush, pads that grip, a hull that can be hit: what never changes while they touch, and what does."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perilune.math.vector import Vec3, vec3, zero_vec3
from perilune.types import Scalar

# Bearing of the ground for each metre of sinking that the lunar module's gear was designed for (NASA TN D-6850): 12 psi at 24 in, dynamic.
BEARING_PA_M = 12.0 * 6894.757 / (24.0 * 0.0254)
# Assumed: the hull's skin starts to crush at this many times the load of a leg.
HULL_CRUSH_RATIO = 10.0
# Assumed: elastic give of a leg at its crush load. It sets the contact stiffness, hence the fine step.
ELASTIC_GIVE_M = 0.02
# Assumed: damping of the elastic part, as a fraction of critical for a quarter of the lander on one leg.
DAMPING_RATIO = 0.2
# Assumed: length of a secondary strut's stroke as a fraction of the primary's (12 to 32 in on the lunar module).
SECONDARY_STROKE_RATIO = 0.5


class CrushLoad(eqx.Module):
    """Load that a cartridge holds while it crushes: two levels over its cumulative stroke, then a stiff stop."""

    load_first_n: Scalar
    load_second_n: Scalar
    stroke_first_m: Scalar
    stroke_max_m: Scalar

    def load_n(self, stroke_m: Scalar, stop_n_m: Scalar) -> Scalar:
        level_n = jnp.where(stroke_m < self.stroke_first_m, self.load_first_n, self.load_second_n)
        return level_n + stop_n_m * jnp.maximum(stroke_m - self.stroke_max_m, 0.0)


class Strut(eqx.Module):
    """A strut with one cartridge for each direction."""

    compression: CrushLoad
    tension: CrushLoad


class Leg(eqx.Module):
    """Where a pad stands and how it can be pushed.

    A strut's stroke is linear in the pad's displacement: `stroke_i = gradient_i . displacement`. The rows dual to the three gradients
    turn a pad's force into strut loads, and strut strokes into the pad's displacement; only they are kept. Structure axes.
    """

    r_pad_body_m: Vec3
    duals_body: tuple[Vec3, Vec3, Vec3]


class ContactLaw(eqx.Module):
    """Elastic give, damping, friction and crushing of one kind of contact with the ground.

    The crushing load `crush_n + crush_n_m * dent` is the ground's bearing under a pad, or the skin's and the ground's under the hull.
    """

    stiffness_n_m: Scalar
    damping_n_s_m: Scalar
    friction: Scalar
    crush_n: Scalar
    crush_n_m: Scalar

    def step_stiffness_n_m(self, dt_s: Scalar) -> Scalar:
        """Of spring and damper together over one step: how much force one metre of yielding takes away."""
        return self.stiffness_n_m + self.damping_n_s_m / dt_s


class LandingGear(eqx.Module):
    """Legs, struts, pads and the points of the hull that can touch."""

    legs: tuple[Leg, ...]
    primary: Strut
    secondary: Strut
    pad: ContactLaw
    hull: ContactLaw
    r_hull_body_m: tuple[Vec3, ...]

    def init(self) -> "GearState":
        """No stroke, no touch."""
        rest = StrutStroke(jnp.zeros(()), jnp.zeros(()))
        touch = ContactState(zero_vec3(), jnp.zeros(()))
        return GearState(tuple(LegState(touch, (rest, rest, rest)) for _ in self.legs), tuple(touch for _ in self.r_hull_body_m))


class StrutStroke(eqx.Module):
    """What a strut has crushed so far, each way; it never grows back."""

    compression_m: Scalar
    tension_m: Scalar

    def net_m(self) -> Scalar:
        return self.compression_m - self.tension_m


class ContactState(eqx.Module):
    """Elastic displacement of a touching point (friction's anchor is in it) and the dent under it."""

    deflection_body_m: Vec3
    dent_m: Scalar


class LegState(eqx.Module):
    contact: ContactState
    strokes: tuple[StrutStroke, StrutStroke, StrutStroke]  # primary, then the two secondaries


class GearState(eqx.Module):
    legs: tuple[LegState, ...]
    hull: tuple[ContactState, ...]

    def stroke_m(self) -> Float[Array, "legs 3 2"]:
        """Crushed strokes [m]: leg; primary and both secondaries; compression and tension."""
        rows = [[[stroke.compression_m, stroke.tension_m] for stroke in leg.strokes] for leg in self.legs]
        return jnp.asarray(rows)

    def elastic_energy_j(self, gear: LandingGear) -> Scalar:
        """Energy stored in the elastic displacements as of the last fine step."""
        pads = sum(leg.contact.deflection_body_m.norm_squared() for leg in self.legs)
        hull = sum(point.deflection_body_m.norm_squared() for point in self.hull)
        return 0.5 * (gear.pad.stiffness_n_m * pads + gear.hull.stiffness_n_m * hull)


class LegLayout(eqx.Module):
    """Shape of the legs: primaries lean by `tilt_rad` from the vertical, secondaries open by `spread_rad` to each side of the leg's plane.

    `lever` is the secondary's stroke for one metre of pad motion along it: below one where it joins the primary above the pad
    (the lunar module's cantilever gear), one where it joins at the pad (a tripod).
    """

    azimuth_rad: float = 0.0
    tilt_rad: float = math.radians(20.0)
    spread_rad: float = math.radians(45.0)
    lever: float = 0.6


def symmetric_legs(n_legs: int, pad_circle_m: float, layout: LegLayout) -> tuple[Leg, ...]:
    """Legs evenly round the +z axis, the first at `azimuth_rad` from +x; pads on a circle of `pad_circle_m` [m] at z = 0."""
    azimuths = layout.azimuth_rad + 2.0 * np.pi * np.arange(n_legs) / n_legs
    return tuple(_leg(float(azimuth), pad_circle_m, layout) for azimuth in azimuths)


def _leg(azimuth_rad: float, pad_circle_m: float, layout: LegLayout) -> Leg:
    out = np.array([math.cos(azimuth_rad), math.sin(azimuth_rad), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    side = np.cross(up, out)
    primary = math.cos(layout.tilt_rad) * up - math.sin(layout.tilt_rad) * out
    across = -math.cos(layout.tilt_rad) * out - math.sin(layout.tilt_rad) * up
    return _leg_of(pad_circle_m * out, (primary, across, side), layout)


def leg_along(r_pad_body_m: Float[np.ndarray, "3"], crushes_along: Float[np.ndarray, "3"], layout: LegLayout) -> Leg:
    """A leg anywhere on the body [m], which crushes along a direction from its pad into the body."""
    primary = crushes_along / np.linalg.norm(crushes_along)
    side = np.cross(primary, np.eye(3)[np.argmin(np.abs(primary))])
    side /= np.linalg.norm(side)
    return _leg_of(r_pad_body_m, (primary, np.cross(side, primary), side), layout)


def _leg_of(r_pad_body_m: Float[np.ndarray, "3"], axes: tuple[np.ndarray, np.ndarray, np.ndarray], layout: LegLayout) -> Leg:
    """From the direction of the primary, and two across it between which the secondaries open."""
    primary, across, side = axes
    inward, aside = math.cos(layout.spread_rad) * across, math.sin(layout.spread_rad) * side
    gradients = np.stack([primary, layout.lever * (inward + aside), layout.lever * (inward - aside)])
    duals = np.linalg.inv(gradients).T
    return Leg(vec3(r_pad_body_m), (vec3(duals[0]), vec3(duals[1]), vec3(duals[2])))


def plain_strut(load_n: float, stroke_m: float) -> Strut:
    """One constant load [N] both ways, over one stroke [m]."""
    cartridge = CrushLoad(load_n, load_n, stroke_m, stroke_m)
    return Strut(cartridge, cartridge)


def bell_and_roof(bell_m: float, roof_radius_m: float, roof_m: float, azimuth_rad: float = math.pi / 4.0) -> tuple[Vec3, ...]:
    """Points that touch when legs give way or the lander tips: the engine bell on the axis and four corners of the roof.

    Heights `bell_m` and `roof_m` above the pads' plane, `roof_radius_m` from the axis [m]; first corner at `azimuth_rad` from +x.
    """
    azimuths = azimuth_rad + 0.5 * np.pi * np.arange(4)
    corners = [vec3((roof_radius_m * math.cos(a), roof_radius_m * math.sin(a), roof_m)) for a in azimuths]
    return (vec3((0.0, 0.0, bell_m)), *corners)


class GearNumbers(eqx.Module):
    """The few numbers that are known of most landers' legs; what they leave open is assumed in `gear_from_numbers`."""

    pad_circle_m: float
    crush_load_n: float  # vertical load on one pad at which its leg crushes
    stroke_m: float
    touchdown_mass_kg: float
    friction: float
    pad_area_m2: float
    bearing_pa_m: float = BEARING_PA_M
    n_legs: int = 4


def gear_from_numbers(
    numbers: GearNumbers, r_hull_body_m: Sequence[Vec3], layout: LegLayout | None = None, legs: tuple[Leg, ...] = ()
) -> LandingGear:
    """A gear whose legs crush at one level; evenly about the axis, or the `legs` given.

    **Assumed**: secondaries hold the same load as primaries, both ways, over half the stroke; contact stiffness and damping as named above.
    """
    shape = LegLayout() if layout is None else layout
    load_n = numbers.crush_load_n * math.cos(shape.tilt_rad)
    stiffness_n_m = numbers.crush_load_n / ELASTIC_GIVE_M
    damping_n_s_m = 2.0 * DAMPING_RATIO * math.sqrt(stiffness_n_m * numbers.touchdown_mass_kg / numbers.n_legs)
    hull_crush_n = HULL_CRUSH_RATIO * numbers.crush_load_n
    gear = LandingGear(
        legs=legs or symmetric_legs(numbers.n_legs, numbers.pad_circle_m, shape),
        primary=plain_strut(load_n, numbers.stroke_m),
        secondary=plain_strut(load_n, SECONDARY_STROKE_RATIO * numbers.stroke_m),
        pad=ContactLaw(stiffness_n_m, damping_n_s_m, numbers.friction, 0.0, numbers.bearing_pa_m * numbers.pad_area_m2),
        hull=ContactLaw(stiffness_n_m, damping_n_s_m, numbers.friction, hull_crush_n, stiffness_n_m),
        r_hull_body_m=tuple(r_hull_body_m),
    )
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=float), gear)
