"""How the Moon is turned, and the frames tied to it: `gci lci lfpa lfme site`, and radial/along/cross axes.

**Model.** DE421's libration angles turn `lci` into the principal axes, Rz(psi) Rx(theta) Rz(phi); a constant turn of 104 arcsec
takes these to the mean-Earth axes of maps and landing sites (875 m on the ground).
**Error.** On the ground: the kernel that NAIF made of the same ephemeris to micrometres, DE440's mean-Earth axes to 0.4 m (tests).
**Invalid when** `t_s` lies outside the window of the ephemeris (NaN).
**Reference.** NAIF frame kernel moon_080317.tf for the angles between the axes and their order.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.constants import ARCSEC_RAD, RADIUS_MOON_M
from perilune.math.rotation import Rotation, from_axes, from_rotation_vector
from perilune.math.vector import Vec3
from perilune.moon.ephemeris import Ephemeris
from perilune.types import Scalar

# moon_080317.tf, TKFRAME_31007_ANGLES: turns about z, y and x that take the mean-Earth axes back to DE421's principal axes.
LFME_TO_LFPA_Z_RAD = 67.92 * ARCSEC_RAD
LFME_TO_LFPA_Y_RAD = 78.56 * ARCSEC_RAD
LFME_TO_LFPA_X_RAD = 0.30 * ARCSEC_RAD


class MoonOrientation(eqx.Module):
    """The Moon's attitude and spin at one instant. Ask once a tick, with a shared time, and pass it on."""

    q_lfpa_lci: Rotation
    q_lfme_lci: Rotation
    omega_lfme_lci_rad_s: Vec3  # of lfme with respect to lci, in lfme axes


@jax.jit
def q_lfpa_lci(ephemeris: Ephemeris, t_s: Scalar) -> Rotation:
    """Inertial to principal axes, from the libration angles phi, theta, psi."""
    phi, theta, psi = ephemeris.libration_rad.value(t_s)
    return _q_from_librations(phi, theta, psi)


def q_lfme_lfpa() -> Rotation:
    """Principal axes to mean-Earth axes of DE421: Rx(-0.30") Ry(-78.56") Rz(-67.92"), constant."""
    about_z = _frame_turn(Vec3(0.0, 0.0, -LFME_TO_LFPA_Z_RAD), "z", "lfpa")
    about_y = _frame_turn(Vec3(0.0, -LFME_TO_LFPA_Y_RAD, 0.0), "yz", "z")
    about_x = _frame_turn(Vec3(-LFME_TO_LFPA_X_RAD, 0.0, 0.0), "lfme", "yz")
    return about_x @ about_y @ about_z


def q_lfme_lci(ephemeris: Ephemeris, t_s: Scalar) -> Rotation:
    return q_lfme_lfpa() @ q_lfpa_lci(ephemeris, t_s)


def omega_lfpa_lci_rad_s(ephemeris: Ephemeris, t_s: Scalar) -> Vec3:
    """Angular velocity of the Moon with respect to inertial axes, in lfpa axes, from the libration angles and their rates."""
    (_, theta, psi), (phi_rate, theta_rate, psi_rate) = ephemeris.libration_rad.value_and_rate(t_s)
    return _omega_from_librations(theta, psi, Vec3(phi_rate, theta_rate, psi_rate))


@jax.jit
def moon_orientation(ephemeris: Ephemeris, t_s: Scalar) -> MoonOrientation:
    """Attitude and spin together, for the price of one evaluation."""
    (phi, theta, psi), (phi_rate, theta_rate, psi_rate) = ephemeris.libration_rad.value_and_rate(t_s)
    q_pa, q_me_pa = _q_from_librations(phi, theta, psi), q_lfme_lfpa()
    omega = _omega_from_librations(theta, psi, Vec3(phi_rate, theta_rate, psi_rate))
    return MoonOrientation(q_pa, q_me_pa @ q_pa, q_me_pa @ omega)


def _q_from_librations(phi: Scalar, theta: Scalar, psi: Scalar) -> Rotation:
    cosine, sine = jnp.cos(0.5 * theta), jnp.sin(0.5 * theta)
    half_sum, half_difference = 0.5 * (phi + psi), 0.5 * (phi - psi)
    axis = Vec3(-sine * jnp.cos(half_difference), -sine * jnp.sin(half_difference), -cosine * jnp.sin(half_sum))
    return Rotation(cosine * jnp.cos(half_sum), axis, "lfpa", "lci")


def _omega_from_librations(theta: Scalar, psi: Scalar, rates: Vec3) -> Vec3:
    """Euler's kinematic equations of a 3-1-3 sequence, in the axes it ends in; `rates` are those of phi, theta, psi."""
    across = rates.x * jnp.sin(theta)
    return Vec3(
        across * jnp.sin(psi) + rates.y * jnp.cos(psi),
        across * jnp.cos(psi) - rates.y * jnp.sin(psi),
        rates.x * jnp.cos(theta) + rates.z,
    )


def _frame_turn(vector_rad: Vec3, to_frame: str, from_frame: str) -> Rotation:
    """Axes turn by +vector, so components turn by -vector."""
    return from_rotation_vector(-vector_rad, to_frame, from_frame)


def lfme_from_lci(orientation: MoonOrientation, r_lci_m: Vec3, v_lci_m_s: Vec3) -> tuple[Vec3, Vec3]:
    """Position, and velocity relative to the turning ground, both in lfme axes: r_lfme_m, v_lfme_in_lfme_m_s."""
    r_lfme_m = orientation.q_lfme_lci @ r_lci_m
    v_lci_in_lfme_m_s = orientation.q_lfme_lci @ v_lci_m_s
    return r_lfme_m, v_lci_in_lfme_m_s - orientation.omega_lfme_lci_rad_s.cross(r_lfme_m)


def lci_from_lfme(orientation: MoonOrientation, r_lfme_m: Vec3, v_lfme_in_lfme_m_s: Vec3) -> tuple[Vec3, Vec3]:
    """The inverse of `lfme_from_lci`: r_lci_m, v_lci_m_s."""
    q_lci_lfme = orientation.q_lfme_lci.inverse()
    v_lci_in_lfme_m_s = v_lfme_in_lfme_m_s + orientation.omega_lfme_lci_rad_s.cross(r_lfme_m)
    return q_lci_lfme @ r_lfme_m, q_lci_lfme @ v_lci_in_lfme_m_s


def gci_from_lci(ephemeris: Ephemeris, t_s: Scalar, r_lci_m: Vec3, v_lci_m_s: Vec3) -> tuple[Vec3, Vec3]:
    """Seen from the Earth instead of the Moon; the axes are the same. Gives r_gci_m, v_gci_m_s."""
    r_moon_gci_m, v_moon_gci_m_s = ephemeris.rv_moon_gci(t_s)
    return r_lci_m + r_moon_gci_m, v_lci_m_s + v_moon_gci_m_s


def lci_from_gci(ephemeris: Ephemeris, t_s: Scalar, r_gci_m: Vec3, v_gci_m_s: Vec3) -> tuple[Vec3, Vec3]:
    """Seen from the Moon instead of the Earth; the axes are the same. Gives r_lci_m, v_lci_m_s."""
    r_moon_gci_m, v_moon_gci_m_s = ephemeris.rv_moon_gci(t_s)
    return r_gci_m - r_moon_gci_m, v_gci_m_s - v_moon_gci_m_s


class Selenographic(eqx.Module):
    """A place on a map: planetocentric latitude, longitude (east positive), elevation over the 1737.4 km sphere."""

    latitude_rad: Scalar
    longitude_rad: Scalar
    elevation_m: Scalar

    def direction_lfme(self) -> Vec3:
        level = jnp.cos(self.latitude_rad)
        return Vec3(level * jnp.cos(self.longitude_rad), level * jnp.sin(self.longitude_rad), jnp.sin(self.latitude_rad))

    def r_lfme_m(self) -> Vec3:
        return self.direction_lfme() * (RADIUS_MOON_M + self.elevation_m)


def selenographic(r_lfme_m: Vec3) -> Selenographic:
    """Longitude in (-pi, pi]; on the axis it is 0 or pi, at the centre everything is zero but the elevation."""
    level_m = jnp.sqrt(r_lfme_m.x**2 + r_lfme_m.y**2)
    latitude_rad = jnp.arctan2(r_lfme_m.z, level_m)
    return Selenographic(latitude_rad, jnp.arctan2(r_lfme_m.y, r_lfme_m.x), r_lfme_m.norm() - RADIUS_MOON_M)


class SiteFrame(eqx.Module):
    """East, north, up at the target: fixed to the ground, so velocities relative to the ground only turn."""

    r_origin_lfme_m: Vec3
    q_site_lfme: Rotation

    def r_site_m(self, r_lfme_m: Vec3) -> Vec3:
        return self.q_site_lfme @ (r_lfme_m - self.r_origin_lfme_m)

    def r_lfme_m(self, r_site_m: Vec3) -> Vec3:
        return self.r_origin_lfme_m + self.q_site_lfme.inverse() @ r_site_m

    def v_site_m_s(self, v_lfme_in_lfme_m_s: Vec3) -> Vec3:
        return self.q_site_lfme @ v_lfme_in_lfme_m_s

    def v_lfme_in_lfme_m_s(self, v_site_m_s: Vec3) -> Vec3:
        return self.q_site_lfme.inverse() @ v_site_m_s


def site_frame(place: Selenographic) -> SiteFrame:
    """The frame with its origin at a place; at a pole, the longitude given decides where east is."""
    about_z = _frame_turn(Vec3(0.0, 0.0, 0.5 * jnp.pi + place.longitude_rad), "east", "lfme")
    about_east = _frame_turn(Vec3(0.5 * jnp.pi - place.latitude_rad, 0.0, 0.0), "site", "east")
    return SiteFrame(place.r_lfme_m(), about_east @ about_z)


class SteadySpin(eqx.Module):
    """The Moon as flight software believes it turns: at a constant rate about a constant axis from an epoch.

    **Error** against the true orientation, on the ground: 6 mm half an hour from `t0_s`, 0.1 m after two hours, growing with its square.
    **Neglects** that the physical librations change the rate over the month.
    """

    q_lfme_lci_0: Rotation
    omega_lfme_rad_s: Vec3  # in lfme axes
    t0_s: Scalar

    def q_lfme_lci(self, t_s: Scalar) -> Rotation:
        turned = from_rotation_vector(self.omega_lfme_rad_s * -(t_s - self.t0_s), "lfme", "lfme")
        return turned @ self.q_lfme_lci_0


def steady_spin(ephemeris: Ephemeris, t0_s: Scalar) -> SteadySpin:
    """The belief uploaded for a descent: the orientation and the rate at `t0_s`."""
    now = moon_orientation(ephemeris, t0_s)
    return SteadySpin(now.q_lfme_lci, now.omega_lfme_lci_rad_s, jnp.asarray(t0_s, dtype=float))


def q_lci_rac(r_lci_m: Vec3, v_lci_m_s: Vec3) -> Rotation:
    """Radial (outwards), along (in the plane, towards the motion), cross (orbit normal). Not for the tick.

    **Invalid when** position and velocity are parallel: no plane, and NaN.
    """
    radial, cross = r_lci_m.unit(), r_lci_m.cross(v_lci_m_s)
    cross = cross / cross.norm()
    return from_axes(radial, cross.cross(radial), cross, "lci", "rac")
