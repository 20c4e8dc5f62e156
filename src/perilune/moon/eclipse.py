"""Shadow of a round body in the light of the Sun, and bodies that stand in a line of sight.

**Model.** Sun and body are spheres; the share of the Sun's disc that shows is that of two flat circles with the apparent radii and the
apparent distance, so the light falls smoothly from full through penumbra to umbra, or to a ring where the body looks smaller.
**Error.** Where the shadow begins and ends: rounding (the angles are exact). The share within the penumbra: 1e-3 for a body that fills
half the sky, because its limb is taken as a circle in the plane.
**Invalid when** inside the body.
**Neglects** the flattening of the Earth (up to 21 km of shadow edge), its atmosphere, and the darker limb of the Sun.
**Reference.** Montenbruck & Gill, Satellite Orbits (2000), section on eclipses; the area common to two circles is plane geometry.
"""

from typing import NamedTuple

import jax.numpy as jnp

from perilune.constants import RADIUS_SUN_M
from perilune.math.vector import Vec3
from perilune.types import Scalar


class Discs(NamedTuple):
    """The Sun and a body as the spacecraft sees them: apparent radii and the angle between their centres [rad]."""

    sun_rad: Scalar
    body_rad: Scalar
    apart_rad: Scalar


def discs(r_body_m: Vec3, r_sun_m: Vec3, radius_m: Scalar) -> Discs:
    """From the places of the body's and the Sun's centres as seen from the spacecraft."""
    apart_rad = jnp.arctan2(r_body_m.cross(r_sun_m).norm(), r_body_m.dot(r_sun_m))
    return Discs(jnp.arcsin(RADIUS_SUN_M / r_sun_m.norm()), jnp.arcsin(radius_m / r_body_m.norm()), apart_rad)


def penumbra_margin_rad(seen: Discs) -> Scalar:
    """Below zero where a part of the Sun is hidden."""
    return seen.apart_rad - (seen.sun_rad + seen.body_rad)


def umbra_margin_rad(seen: Discs) -> Scalar:
    """Below zero where the whole Sun is hidden; never where the body looks smaller than the Sun."""
    return seen.apart_rad - (seen.body_rad - seen.sun_rad)


def sunlit_share(seen: Discs) -> Scalar:
    """Share of the Sun's disc that shows, 0 to 1; its slope is finite everywhere."""
    sun, body, apart = seen
    partial = (apart < sun + body) & (apart > jnp.abs(sun - body))
    # Outside the partial phase the formula has no meaning; half-way numbers keep its derivatives finite there.
    safe = jnp.where(partial, apart, jnp.maximum(sun, body))
    along = (safe**2 + sun**2 - body**2) / (2.0 * safe)
    half_chord = jnp.sqrt(jnp.where(partial, jnp.maximum(sun**2 - along**2, 0.0), 1.0))
    # Angles by arctan2: at the contacts arccos would lose half of the digits.
    common = sun**2 * jnp.arctan2(half_chord, along) + body**2 * jnp.arctan2(half_chord, safe - along) - safe * half_chord
    covered_whole = jnp.minimum(sun, body) ** 2 / sun**2
    hidden = jnp.where(partial, common / (jnp.pi * sun**2), jnp.where(apart < sun + body, covered_whole, 0.0))
    return 1.0 - hidden


def clearance_m(r_from_m: Vec3, r_to_m: Vec3, radius_m: Scalar) -> Scalar:
    """How far the straight line between two places, seen from a body's centre, passes above its surface: below zero, it is blocked."""
    line_m = r_to_m - r_from_m
    share = jnp.clip(-r_from_m.dot(line_m) / line_m.norm_squared(), 0.0, 1.0)
    return (r_from_m + line_m * share).norm() - radius_m
