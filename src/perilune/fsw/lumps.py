"""Gravity beside the Moon's central term, as flight software believes it."""

import equinox as eqx

from perilune.dynamics.gravity import third_body_accel_m_s2
from perilune.math.rotation import Rotation
from perilune.math.vector import Vec3
from perilune.moon.frames import SteadySpin
from perilune.moon.gravity import SphericalHarmonicField
from perilune.types import Scalar


class BelievedLumps(eqx.Module):
    """The field of the believed degree, and the Earth where it stood when the descent was loaded.

    **Error** the field above its degree; the Earth moves by two degrees in four hours (1e-6 m/s2).
    **Neglects** the Sun (3e-7 m/s2).
    """

    field: SphericalHarmonicField
    spin: SteadySpin
    q_lfpa_lfme: Rotation
    r_earth_lci_m: Vec3
    gm_earth_m3_s2: Scalar

    def __call__(self, r_lci_m: Vec3, clock_s: Scalar) -> Vec3:
        q_lfpa_lci = self.q_lfpa_lfme @ self.spin.q_lfme_lci(clock_s)
        lumps = q_lfpa_lci.inverse() @ self.field.perturbation_accel_lfpa_m_s2(q_lfpa_lci @ r_lci_m)
        return lumps + third_body_accel_m_s2(r_lci_m, self.r_earth_lci_m, self.gm_earth_m3_s2)
