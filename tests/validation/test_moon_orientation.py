"""The Moon's orientation against NAIF's kernel of the same ephemeris, against DE440, and against STK's Moon-fixed frame."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest

from perilune.constants import ARCSEC_RAD, RADIUS_MOON_M
from perilune.math.rotation import from_rotation_vector
from perilune.math.vector import vec3
from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.frames import omega_lfpa_lci_rad_s, q_lfme_lci, q_lfme_lfpa, q_lfpa_lci
from perilune.moon.time import Epoch, epoch_from_jd_tt, epoch_from_utc

# The same ephemeris in two packings: 1 cm on the ground is what is asked; micrometres are reached.
SAME_EPHEMERIS_M = 1e-5
# Rates of the two packings differ by rounding: 2e-21 rad/s measured; 1e-17 rad/s is 0.02 nm/s on the ground.
SAME_EPHEMERIS_RAD_S = 1e-17
# Principal axes of different ephemerides differ with their gravity fields; their mean-Earth axes are fitted to each other.
PA_DE440_M, ME_DE440_M = 2.0, 0.5
# STK used DE405, whose axes lie 5.09 arcsec from DE421's: at most 74 m at 3,000 km; the orbit never comes so near the axis of
# that turn as to fall below 41.5 m.
STK_MIN_M, STK_MAX_M = 41.5, 5.09 * ARCSEC_RAD * 3e6

# NAIF moon_pa_de421_1900-2050.bpc by SPICE pxform, MOON_PA_DE421 -> J2000 at 2025-01-01T00:00:00 TDB, row 1.
ROW_DE421_2025 = (-0.4733551887407511, -0.8808708603944305, -0.0011800848205195)

# moon_pa_de440 (NAIF/JPL), principal axes -> ICRF by rows; Julian centuries TT past J2000.
DE440_PA = {
    0.14: (
        (-0.09815913606133905, -0.9950603355184983, 0.01482270844025965),
        (0.9037907048498127, -0.09537064444302222, -0.4172131378409362),
        (0.4165658961494210, -0.02755665505490112, 0.9086877818741788),
    ),
    0.1400273785078713: (
        (-0.3223845034598689, -0.9464959723721340, 0.01461527325308037),
        (0.8582537707623362, -0.2987721178014919, -0.4172956824562680),
        (0.3993353188752091, -0.1219860480044330, 0.9086532381448356),
    ),
    0.1413689253935660: (
        (0.8242458046790488, -0.5660394844832749, 0.01477008716614704),
        (0.5193366782047560, 0.7453302114755331, -0.4180577598048941),
        (0.2256286066531386, 0.3522530026383670, 0.9083003655135331),
    ),
}
# NAIF moon_de440_220930.tf: DE440 principal axes from the DE421 mean-Earth axes, turns about z, y, x.
DE440_ANGLES_ARCSEC = (67.8526, 78.6944, 0.2785)

# STK "Moon Fixed" and equatorial positions at 2004-06-01T12:00:00 UTC (haapaaf1/GMAT, CSParams_STK_Moon_2Body_*.report, row 1), km.
STK_INERTIAL_KM = (-1486.7921171915452, 0.0, 1486.792117191543)
STK_FIXED_KM = (-461.87712865955524, 1498.293333323002, 1401.031122005105)


def reference_folder() -> Path:
    folder = os.environ.get("PERILUNE_REFERENCE_DATA")
    if folder is None:
        pytest.skip("PERILUNE_REFERENCE_DATA is not set: no SPICE kernels to compare with")
    return Path(folder)


def ground_m(a: np.ndarray, b: np.ndarray) -> float:
    """The largest displacement on the ground between two orientations."""
    return RADIUS_MOON_M * float(np.linalg.norm(np.asarray(a) - np.asarray(b), ord=2))


def dcm_pa_me(angles_arcsec: tuple[float, float, float]) -> np.ndarray:
    z, y, x = (-angle * ARCSEC_RAD for angle in angles_arcsec)
    about_z = from_rotation_vector(vec3((0.0, 0.0, z)), "pa", "z")
    about_y = from_rotation_vector(vec3((0.0, y, 0.0)), "z", "zy")
    return np.asarray((about_z @ about_y @ from_rotation_vector(vec3((x, 0.0, 0.0)), "zy", "me")).dcm())


@pytest.fixture(scope="module")
def spice():
    spiceypy = pytest.importorskip("spiceypy")
    kernels = reference_folder() / "kernels"
    names = [str(kernels / "moon_pa_de421_1900-2050.bpc"), str(kernels / "moon_080317.tf")]
    spiceypy.furnsh(names)
    yield spiceypy
    spiceypy.unload(names)


def test_de421_row_by_spice():
    epoch = Epoch(9131, 43200.0)  # 2025-01-01T00:00:00 TDB
    row = np.asarray(q_lfpa_lci(load_ephemeris(epoch, 0.0), 0.0).inverse().dcm())[0]
    assert RADIUS_MOON_M * np.abs(row - ROW_DE421_2025).max() < SAME_EPHEMERIS_M


def test_de421_kernel_over_four_months_and_over_a_century(spice):
    start = epoch_from_utc("2023-08-01T00:00:00")
    ephemeris = load_ephemeris(start, 120.0 * 86400.0)
    attitudes = jax.jit(lambda t_s: (q_lfpa_lci(ephemeris, t_s).dcm(), q_lfme_lci(ephemeris, t_s).dcm()))
    for t_s in np.linspace(0.0, 120.0 * 86400.0, 31):
        et = start.after(t_s).tdb_s()
        dcm_lfpa_lci, dcm_lfme_lci = attitudes(t_s)
        assert ground_m(dcm_lfpa_lci, spice.pxform("J2000", "MOON_PA_DE421", et)) < SAME_EPHEMERIS_M
        assert ground_m(dcm_lfme_lci, spice.pxform("J2000", "MOON_ME_DE421", et)) < SAME_EPHEMERIS_M
    for day in range(-36000, 18000, 4500):
        epoch = Epoch(day, 12345.678)
        dcm = q_lfme_lci(load_ephemeris(epoch, 0.0), 0.0).dcm()
        assert ground_m(dcm, spice.pxform("J2000", "MOON_ME_DE421", epoch.tdb_s())) < SAME_EPHEMERIS_M


def test_de421_spin(spice):
    epoch = epoch_from_utc("2023-08-19T11:00:00")
    ephemeris = load_ephemeris(epoch, 86400.0)
    for t_s in (0.0, 40000.0, 86400.0):
        transform = spice.sxform("J2000", "MOON_PA_DE421", epoch.after(t_s).tdb_s())
        dcm_lfpa_lci, omega_lci_rad_s = spice.xf2rav(transform)
        error = np.asarray(omega_lfpa_lci_rad_s(ephemeris, t_s).array()) - dcm_lfpa_lci @ omega_lci_rad_s
        assert np.linalg.norm(error) < SAME_EPHEMERIS_RAD_S


def test_constant_turn_between_principal_and_mean_earth_axes(spice):
    dcm = spice.pxform("MOON_PA_DE421", "MOON_ME_DE421", 0.0)
    assert ground_m(q_lfme_lfpa().dcm(), dcm) < 1e-8
    assert ground_m(dcm, np.eye(3)) == pytest.approx(875.0, abs=1.0)  # the figure in moon_080317.tf


@pytest.mark.parametrize("centuries", DE440_PA)
def test_de440_axes(centuries):
    epoch = epoch_from_jd_tt(2451545.0, centuries * 36525.0)
    ephemeris = load_ephemeris(epoch, 0.0)
    dcm_pa440_lci = np.array(DE440_PA[centuries]).T
    pa_m = ground_m(q_lfpa_lci(ephemeris, 0.0).dcm(), dcm_pa440_lci)
    me_m = ground_m(q_lfme_lci(ephemeris, 0.0).dcm(), dcm_pa_me(DE440_ANGLES_ARCSEC).T @ dcm_pa440_lci)
    assert me_m < ME_DE440_M < pa_m < PA_DE440_M


def test_stk_moon_fixed_first_row():
    ephemeris = load_ephemeris(epoch_from_utc("2004-06-01T12:00:00"), 0.0)
    mine_m = q_lfpa_lci(ephemeris, 0.0) @ (vec3(STK_INERTIAL_KM) * 1000.0)
    assert STK_MIN_M < float((mine_m - vec3(STK_FIXED_KM) * 1000.0).norm()) < STK_MAX_M


def test_stk_moon_fixed_over_three_days():
    folder = reference_folder() / "gmat_stk_ff"
    inertial = stk_positions(folder / "CSParams_STK_Moon_2Body_MoonMJ2000Eq.report")
    fixed = stk_positions(folder / "CSParams_STK_Moon_2Body_MoonFixed.report")
    ephemeris = load_ephemeris(epoch_from_utc("2004-06-01T12:00:00"), 3.0 * 86400.0)
    turned = jax.jit(lambda t_s, r_m: q_lfpa_lci(ephemeris, t_s).dcm() @ r_m)
    miss_m = [np.linalg.norm(turned(600.0 * row, inertial[row]) - fixed[row]) for row in range(0, len(fixed), 8)]
    assert min(miss_m) > STK_MIN_M
    assert max(miss_m) < STK_MAX_M


def stk_positions(report: Path) -> np.ndarray:
    """Metres; columns are MJD, x, y, z in km, and more."""
    rows = [line.split() for line in report.read_text().splitlines()]
    return np.array([[float(field) for field in row[1:4]] for row in rows if row and row[0].startswith("531")]) * 1000.0
