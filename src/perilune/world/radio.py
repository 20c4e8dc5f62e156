"""The radio link to the ground: which station sees the lander, how strong the signal is there, and so whether it is heard.

**Model.** A station sees the lander that stands above its lowest elevation and in front of the Moon's sphere. The link is the usual budget in
decibels: power and antennas, loss of free space, noise of the receiver, and what the data rate and its code need. A dish that looks at the
Moon receives its warmth too, by the share of the beam that lies on the disc. An antenna of the lander gives peak gain times a power of the
cosine off its axis, and a floor all around; of several, the best is used.
**Error.** Figures of gain and noise, 1 to 3 dB. The edge of the Moon's disc in the beam: a fifth of a beam. UT1 as in `moon/earth.py`.
**Invalid when** the lander is inside the Earth, or too near for the far field of a dish.
**Neglects** light time, the Moon's terrain (a limb up to 10 km higher or lower: seconds of an occultation in low orbit), weather and air (within
the losses given), refraction (0.5 deg at the horizon), Doppler, carrier lock, the way up, and stations that are busy.
**Reference.** ITU-R P.525 for the loss of free space; Wertz & Larson (eds.), Space Mission Analysis and Design, 3rd ed. (1999), link design.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from perilune.constants import RADIUS_MOON_M, SPEED_OF_LIGHT_M_S
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.moon.earth import Place
from perilune.moon.eclipse import clearance_m
from perilune.types import Flag, Index, Scalar

# SI, exact.
BOLTZMANN_J_K = 1.380649e-23
# Half-power width of a dish over wavelength and diameter [rad]: 70 degrees, between 58 (even light) and 75 (tapered).
BEAM_FACTOR = 1.22
# The Moon's mean brightness at centimetre waves: 200 to 240 K with place and phase.
MOON_BRIGHTNESS_K = 220.0
# A lander on ground below the sphere is not behind the Moon for that: the sphere shrinks to this much below it.
GROUND_M = 1.0


def decibels(ratio: Scalar) -> Scalar:
    return 10.0 * jnp.log10(ratio)


def free_space_loss_db(range_m: Scalar, frequency_hz: Scalar) -> Scalar:
    """Between isotropic antennas."""
    return 2.0 * decibels(4.0 * jnp.pi * range_m * frequency_hz / SPEED_OF_LIGHT_M_S)


class Antennas(eqx.Module):
    """Antennas fixed to the body, all of one pattern; axes are unit vectors."""

    axis_body: Float[Array, "antennas 3"]
    peak_dbi: Scalar
    cosine_power: Scalar
    floor_dbi: Scalar

    def gain_dbi(self, direction_body: Vec3) -> Scalar:
        """Of the best one towards a direction (unit vector)."""
        x, y, z = (self.axis_body[:, axis] for axis in range(3))
        cosine = jnp.max(x * direction_body.x + y * direction_body.y + z * direction_body.z)
        in_front = jnp.maximum(cosine, 1e-9)
        return jnp.maximum(self.peak_dbi + self.cosine_power * decibels(in_front), self.floor_dbi)


class Station(eqx.Module):
    """A dish on the Earth."""

    place: Place
    elevation_min_rad: Scalar
    diameter_m: Scalar
    efficiency: Scalar  # of the aperture
    noise_k: Scalar  # of the system, looking at the sky

    def gain_dbi(self, frequency_hz: Scalar) -> Scalar:
        return decibels(self.efficiency) + 2.0 * decibels(jnp.pi * self.diameter_m * frequency_hz / SPEED_OF_LIGHT_M_S)

    def beam_rad(self, frequency_hz: Scalar) -> Scalar:
        """Width at half power."""
        return BEAM_FACTOR * SPEED_OF_LIGHT_M_S / (frequency_hz * self.diameter_m)


class Sight(NamedTuple):
    """The lander as one station has it."""

    elevation_rad: Scalar
    range_m: Scalar
    clear: Flag  # the Moon does not stand between
    visible: Flag  # clear, and above the lowest elevation
    moon_share: Scalar  # of the beam, on the Moon's disc
    direction_gci: Vec3  # from the lander to the station


def sight(station: Station, t_s: Scalar, r_gci_m: Vec3, r_lci_m: Vec3, frequency_hz: Scalar) -> Sight:
    """From the lander's place as seen from both centres [m], at TDB seconds of the station's window."""
    place = station.place
    r_station_gci_m, r_moon_gci_m = place.r_gci_m(t_s), r_gci_m - r_lci_m
    line_m, to_moon_m = r_gci_m - r_station_gci_m, r_moon_gci_m - r_station_gci_m
    elevation_rad = jnp.arcsin(jnp.clip(place.elevation_sine(t_s, r_gci_m), -1.0, 1.0))
    sphere_m = jnp.minimum(RADIUS_MOON_M, r_lci_m.norm() - GROUND_M)
    clear = clearance_m(-to_moon_m, r_lci_m, sphere_m) >= 0.0
    apart_rad = jnp.arctan2(line_m.cross(to_moon_m).norm(), line_m.dot(to_moon_m))
    disc_rad = jnp.arcsin(RADIUS_MOON_M / to_moon_m.norm())
    share = jnp.clip(0.5 + (disc_rad - apart_rad) / station.beam_rad(frequency_hz), 0.0, 1.0)
    return Sight(elevation_rad, line_m.norm(), clear, clear & (elevation_rad >= station.elevation_min_rad), share, -line_m.unit())


class Link(eqx.Module):
    """The way down. `losses_db` are all but free space: polarisation, pointing, air, carrier, demodulator."""

    antennas: Antennas
    frequency_hz: Scalar
    power_w: Scalar
    line_loss_db: Scalar  # from the transmitter to its antenna
    losses_db: Scalar
    rate_bit_s: Scalar  # of information, before coding
    required_eb_n0_db: Scalar

    def c_n0_db_hz(self, station: Station, seen: Sight, antenna_dbi: Scalar) -> Scalar:
        """Power received over noise density."""
        eirp_dbw = decibels(self.power_w) - self.line_loss_db + antenna_dbi
        noise_k = station.noise_k + seen.moon_share * MOON_BRIGHTNESS_K
        received_dbw = eirp_dbw - free_space_loss_db(seen.range_m, self.frequency_hz) - self.losses_db + station.gain_dbi(self.frequency_hz)
        return received_dbw - decibels(BOLTZMANN_J_K * noise_k)

    def margin_db(self, station: Station, seen: Sight, antenna_dbi: Scalar) -> Scalar:
        """Eb/N0 received over Eb/N0 required."""
        return self.c_n0_db_hz(station, seen, antenna_dbi) - decibels(self.rate_bit_s) - self.required_eb_n0_db


class Contact(NamedTuple):
    """The best link of one instant; where no station sees the lander, `station` is -1 and the margin NaN."""

    station: Index
    elevation_rad: Scalar  # at that station, or at the one where it stands highest
    range_m: Scalar
    margin_db: Scalar
    clear: Flag
    closed: Flag  # a station sees it and the margin is not below zero


class Radio(eqx.Module):
    """The lander's transmitter and all stations of its mission."""

    link: Link
    stations: tuple[Station, ...]

    def contact(self, t_s: Scalar, r_gci_m: Vec3, r_lci_m: Vec3, q_lci_body: Rotation) -> Contact:
        """Of the stations that see the lander, the one with the best margin; `gci` and `lci` have the same axes."""
        rows = [self._contact(number, station, t_s, (r_gci_m, r_lci_m, q_lci_body)) for number, station in enumerate(self.stations)]
        best, best_score = rows[0]
        for row, score in rows[1:]:
            better = score > best_score
            best = Contact(*(jnp.where(better, new, old) for new, old in zip(row, best, strict=True)))
            best_score = jnp.where(better, score, best_score)
        return best

    def _contact(self, number: int, station: Station, t_s: Scalar, lander: tuple[Vec3, Vec3, Rotation]) -> tuple[Contact, Scalar]:
        """One station's link, and how it ranks: seen before not seen, then by margin, then by elevation."""
        r_gci_m, r_lci_m, q_lci_body = lander
        seen = sight(station, t_s, r_gci_m, r_lci_m, self.link.frequency_hz)
        antenna_dbi = self.link.antennas.gain_dbi(q_lci_body.inverse() @ seen.direction_gci)
        margin_db = self.link.margin_db(station, seen, antenna_dbi)
        shown_db, score = jnp.where(seen.visible, margin_db, jnp.nan), jnp.where(seen.visible, margin_db, seen.elevation_rad - 1e6)
        index = jnp.where(seen.visible, number, -1)
        closed = seen.visible & (margin_db >= 0.0)
        return Contact(index, seen.elevation_rad, seen.range_m, shown_db, seen.clear, closed), score
