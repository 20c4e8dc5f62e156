"""Two-body orbits: elements, anomalies and local axes. Everything can be traced and differentiated.

**Error.** State to elements and back: 1e-15 of the position times the condition 1 / |1 - e|.
**Invalid when** e = 1 exactly (parabola), or angular momentum is zero. In a circular orbit periapsis is where the body is taken to be at
e = 0 rounding; in an equatorial one the node is the x axis; derivatives do not exist at exactly e = 0 or i = 0.
**Neglects** everything but the central mass.
**Reference.** Battin, An Introduction to the Mathematics and Methods of Astrodynamics, revised ed. (1999), chapters 3 and 4.
"""

import equinox as eqx
import jax.numpy as jnp
from jax import lax

from perilune.math.vector import Vec3
from perilune.types import Index, Scalar

# Newton from an upper bound of a convex function never overshoots. Five steps reach rounding for e from 0 to 5, 1e-6 on both sides of 1
# included (measured); the sixth makes derivatives exact.
NEWTON_STEPS = 6
EQUATORIAL_SINE = 1e-12


class Elements(eqx.Module):
    """Kepler's elements; the semi-major axis of a hyperbola is negative."""

    semi_major_axis_m: Scalar
    eccentricity: Scalar
    inclination_rad: Scalar
    node_rad: Scalar
    periapsis_argument_rad: Scalar
    true_anomaly_rad: Scalar

    @property
    def parameter_m(self) -> Scalar:
        """Semi-latus rectum."""
        return self.semi_major_axis_m * (1.0 - self.eccentricity**2)

    @property
    def periapsis_radius_m(self) -> Scalar:
        return self.semi_major_axis_m * (1.0 - self.eccentricity)

    @property
    def apoapsis_radius_m(self) -> Scalar:
        """Infinite for a hyperbola."""
        return jnp.where(self.eccentricity < 1.0, self.semi_major_axis_m * (1.0 + self.eccentricity), jnp.inf)


def specific_energy_m2_s2(r_m: Vec3, v_m_s: Vec3, gm_m3_s2: Scalar) -> Scalar:
    return 0.5 * v_m_s.norm_squared() - gm_m3_s2 / r_m.norm()


def mean_motion_rad_s(semi_major_axis_m: Scalar, gm_m3_s2: Scalar) -> Scalar:
    """Of an ellipse or, with a negative semi-major axis, of a hyperbola."""
    return jnp.sqrt(gm_m3_s2 / jnp.abs(semi_major_axis_m) ** 3)


def period_s(semi_major_axis_m: Scalar, gm_m3_s2: Scalar) -> Scalar:
    return 2.0 * jnp.pi / mean_motion_rad_s(semi_major_axis_m, gm_m3_s2)


def elements_of(r_m: Vec3, v_m_s: Vec3, gm_m3_s2: Scalar) -> Elements:
    """Elements of a state [m, m/s] in inertial axes; angles in [0, 2 pi), inclination in [0, pi]."""
    momentum = r_m.cross(v_m_s)
    momentum_norm = momentum.norm()
    radius_m = r_m.norm()
    parameter_m = momentum_norm**2 / gm_m3_s2
    e_cos = parameter_m / radius_m - 1.0
    e_sin = r_m.dot(v_m_s) * momentum_norm / (gm_m3_s2 * radius_m)
    true_anomaly = jnp.arctan2(e_sin, e_cos)
    normal = momentum / momentum_norm
    sine = jnp.hypot(normal.x, normal.y)
    node = jnp.where(sine > EQUATORIAL_SINE, jnp.arctan2(normal.x, -normal.y), 0.0)
    towards_node = Vec3(jnp.cos(node), jnp.sin(node), jnp.zeros_like(node))
    latitude_argument = jnp.arctan2(r_m.dot(normal.cross(towards_node)), r_m.dot(towards_node))
    return Elements(
        semi_major_axis_m=-0.5 * gm_m3_s2 / specific_energy_m2_s2(r_m, v_m_s, gm_m3_s2),
        eccentricity=jnp.hypot(e_cos, e_sin),
        inclination_rad=jnp.arctan2(sine, normal.z),
        node_rad=_turn(node),
        periapsis_argument_rad=_turn(latitude_argument - true_anomaly),
        true_anomaly_rad=_turn(true_anomaly),
    )


def state_of(elements: Elements, gm_m3_s2: Scalar) -> tuple[Vec3, Vec3]:
    """Position [m] and velocity [m/s] in inertial axes."""
    e, anomaly = elements.eccentricity, elements.true_anomaly_rad
    towards_periapsis, along_motion = _perifocal_axes(elements)
    cosine, sine = jnp.cos(anomaly), jnp.sin(anomaly)
    radius_m = elements.parameter_m / (1.0 + e * cosine)
    speed_m_s = jnp.sqrt(gm_m3_s2 / elements.parameter_m)
    r_m = (towards_periapsis * cosine + along_motion * sine) * radius_m
    v_m_s = (along_motion * (e + cosine) - towards_periapsis * sine) * speed_m_s
    return r_m, v_m_s


def _perifocal_axes(elements: Elements) -> tuple[Vec3, Vec3]:
    cos_node, sin_node = jnp.cos(elements.node_rad), jnp.sin(elements.node_rad)
    cos_i, sin_i = jnp.cos(elements.inclination_rad), jnp.sin(elements.inclination_rad)
    cos_w, sin_w = jnp.cos(elements.periapsis_argument_rad), jnp.sin(elements.periapsis_argument_rad)
    node = Vec3(cos_node, sin_node, jnp.zeros_like(cos_node))
    ahead = Vec3(-sin_node * cos_i, cos_node * cos_i, sin_i)
    return node * cos_w + ahead * sin_w, ahead * cos_w - node * sin_w


def mean_anomaly_rad(true_anomaly_rad: Scalar, eccentricity: Scalar) -> Scalar:
    """Within half a turn of zero for an ellipse; of any size for a hyperbola (Kepler's equation of each kind)."""
    e = eccentricity
    elliptic = e < 1.0
    half = 0.5 * _half_turn(true_anomaly_rad)
    stretch = jnp.sqrt(jnp.abs(1.0 - e) / (1.0 + e))
    eccentric = 2.0 * jnp.arctan2(stretch * jnp.sin(half), jnp.cos(half))
    tangent = jnp.where(elliptic, 0.0, stretch * jnp.tan(half))
    hyperbolic = 2.0 * jnp.arctanh(jnp.clip(tangent, -1.0, 1.0))
    return jnp.where(elliptic, eccentric - e * jnp.sin(eccentric), e * jnp.sinh(hyperbolic) - hyperbolic)


def true_anomaly_rad(mean_anomaly: Scalar, eccentricity: Scalar) -> Scalar:
    """Within half a turn of zero. Kepler's equation by Newton's method from above, a fixed number of steps."""
    e = eccentricity
    elliptic = e < 1.0
    within = jnp.where(elliptic, _half_turn(mean_anomaly), mean_anomaly)
    sign, size = jnp.where(within < 0.0, -1.0, 1.0), jnp.abs(within)
    # Each branch gets an eccentricity of its own kind, so that the branch not taken stays finite.
    of_ellipse = _tan_half_ellipse(size, jnp.where(elliptic, e, 0.5))
    of_hyperbola = _tan_half_hyperbola(size, jnp.where(elliptic, 2.0, e))
    return sign * 2.0 * jnp.arctan(jnp.where(elliptic, of_ellipse, of_hyperbola))


def _tan_half_ellipse(mean: Scalar, e: Scalar) -> Scalar:
    # Upper bounds: sin E <= 1, sin E <= E, and sin E <= E - E^3 / pi^2 on [0, pi].
    start = jnp.minimum(jnp.minimum(mean + e, mean / (1.0 - e)), jnp.cbrt(jnp.pi**2 * mean / jnp.maximum(e, 1e-3)))
    start = lax.stop_gradient(jnp.minimum(start, jnp.pi))

    def newton(_: Index, anomaly: Scalar) -> Scalar:
        return anomaly - (anomaly - e * jnp.sin(anomaly) - mean) / (1.0 - e * jnp.cos(anomaly))

    half = 0.5 * lax.fori_loop(0, NEWTON_STEPS, newton, start)
    return jnp.sqrt((1.0 + e) / (1.0 - e)) * jnp.tan(half)


def _tan_half_hyperbola(mean: Scalar, e: Scalar) -> Scalar:
    # Upper bounds: sinh H >= H + H^3 / 6 >= H, the cubic one sharpened by one fixed-point step.
    cubic = jnp.cbrt(6.0 * mean / e)
    start = lax.stop_gradient(jnp.minimum(jnp.arcsinh((mean + cubic) / e), jnp.arcsinh(mean / (e - 1.0))))

    def newton(_: Index, anomaly: Scalar) -> Scalar:
        return anomaly - (e * jnp.sinh(anomaly) - anomaly - mean) / (e * jnp.cosh(anomaly) - 1.0)

    half = 0.5 * lax.fori_loop(0, NEWTON_STEPS, newton, start)
    return jnp.sqrt((e + 1.0) / (e - 1.0)) * jnp.tanh(half)


def after(elements: Elements, dt_s: Scalar, gm_m3_s2: Scalar) -> Elements:
    """The elements `dt_s` seconds later (or earlier, if negative)."""
    e = elements.eccentricity
    motion = mean_motion_rad_s(elements.semi_major_axis_m, gm_m3_s2)
    anomaly = true_anomaly_rad(mean_anomaly_rad(elements.true_anomaly_rad, e) + motion * dt_s, e)
    return eqx.tree_at(lambda at: at.true_anomaly_rad, elements, _turn(anomaly))


def time_to_anomaly_s(elements: Elements, anomaly_rad: Scalar, gm_m3_s2: Scalar) -> Scalar:
    """Seconds until a true anomaly is reached; on an ellipse the next time, in [0, period)."""
    e = elements.eccentricity
    ahead = mean_anomaly_rad(anomaly_rad, e) - mean_anomaly_rad(elements.true_anomaly_rad, e)
    return jnp.where(e < 1.0, _turn(ahead), ahead) / mean_motion_rad_s(elements.semi_major_axis_m, gm_m3_s2)


def kepler_step(r_m: Vec3, v_m_s: Vec3, dt_s: Scalar, gm_m3_s2: Scalar) -> tuple[Vec3, Vec3]:
    """Two-body motion of a state over a time of any sign."""
    return state_of(after(elements_of(r_m, v_m_s, gm_m3_s2), dt_s, gm_m3_s2), gm_m3_s2)


def velocity_axes(r_m: Vec3, v_m_s: Vec3) -> tuple[Vec3, Vec3, Vec3]:
    """VNB: along the velocity, along the orbit normal, and their product (outward), in the axes of the inputs."""
    along, normal = v_m_s.unit(), r_m.cross(v_m_s).unit()
    return along, normal, along.cross(normal)


def local_axes(r_m: Vec3, v_m_s: Vec3) -> tuple[Vec3, Vec3, Vec3]:
    """LVLH: horizontal in the direction of flight, against the orbit normal, and down to the centre."""
    down, against_normal = -r_m.unit(), -r_m.cross(v_m_s).unit()
    return against_normal.cross(down), against_normal, down


def along_axes(components: Vec3, axes: tuple[Vec3, Vec3, Vec3]) -> Vec3:
    """A vector given by its components along three axes."""
    first, second, third = axes
    return first * components.x + second * components.y + third * components.z


def _turn(angle_rad: Scalar) -> Scalar:
    return jnp.mod(angle_rad, 2.0 * jnp.pi)


def _half_turn(angle_rad: Scalar) -> Scalar:
    return jnp.mod(angle_rad + jnp.pi, 2.0 * jnp.pi) - jnp.pi
