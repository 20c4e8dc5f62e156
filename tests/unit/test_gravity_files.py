"""Readers of gravity fields, on snippets of each format and on the published files."""

import os
from pathlib import Path

import numpy as np
import pytest

from perilune.moon.gravity_files import normalisation, read_gravity_field
from perilune.moon.lunar_field import lunar_field

COF = """COMMENT   2
CCCC  any text
RECOEF    9  9    9.9
POTFIELD  2  2  0 4.90280105600000e+12 1.73800000000000e+06 1.00000000000000e+00
RECOEF    2  0   -9.08901807506000e-05
RECOEF    2  1   -2.72203236159000e-09-7.57518292083000e-10
RECOEF    2  2    3.46354993722000e-05 1.67294905383000e-08
END
"""
SHA = """  .1738000000000000E+04,  .4902801076000000E+04,  .8100000000000000E-04,    2,    2,    1,  .0E+00,  .0E+00
    2,    0, -.9090109494810000E-04,  .0000000000000000E+00,  .5347973390320000E-08,  .0000000000000000E+00
    2,    1, -.1862736081840000E-08, -.1424538946100000E-08,  .4408583304780000E-08,  .3347850650280000E-08
    2,    2,  .3463762742080000D-04,  .1440635035400000D-07,  .3707671030470000E-08,  .3003129828600000E-08
"""
GFC = """any text
product_type                gravity_field
modelname                   A_FIELD
earth_gravity_constant      4.9027998070e+12
radius                      1.738e+06
max_degree                  2
norm                        fully_normalized
tide_system                 tide_free
key  L  M  C  S
end_of_head =====
gfc  0  0   1.0  0.0
gfc  2  0  -9.0e-05  0.0
gfc  2  2   3.4e-05  1.4e-08  1e-11  1e-11
"""


def test_cof_with_numbers_that_touch():
    field = read_gravity_field("folder/field.cof", COF)
    assert (field.name, field.degree, field.gm_m3_s2, field.radius_m) == ("field", 2, 4902.801056e9, 1738e3)
    assert (field.c[2, 1], field.s[2, 1]) == (-2.72203236159e-09, -7.57518292083e-10)
    assert field.c[0, 0] == 1.0


def test_sha_with_kilometres_line_ends_of_dos_and_fortran_exponents():
    field = read_gravity_field("field.sha", SHA.replace("\n", "\r\n").encode())
    assert (field.gm_m3_s2, field.radius_m) == (4902.801076e9, 1738e3)
    assert (field.c[2, 2], field.s[2, 2]) == (3.463762742080e-05, 1.4406350354e-08)


def test_gfc_keeps_name_and_tide_system():
    field = read_gravity_field("x.gfc", GFC)
    assert (field.name, field.tide_system, field.axes) == ("A_FIELD", "tide_free", "not stated")
    assert (field.gm_m3_s2, field.c[2, 2], field.s[2, 2]) == (4902.7998070e9, 3.4e-05, 1.4e-08)


def test_unnormalised_coefficients_are_normalised():
    # sqrt(5) and sqrt(5 / 12): the textbook factors of C20 and C22.
    assert normalisation(2, 0) == pytest.approx(np.sqrt(5.0), rel=1e-14)
    field = read_gravity_field("x.gfc", GFC.replace("fully_normalized", "unnormalized"))
    assert field.c[2, 2] == pytest.approx(3.4e-05 / np.sqrt(5.0 / 12.0), rel=1e-14)


def test_a_lower_degree_can_be_asked_for():
    field = read_gravity_field("x.cof", COF, degree_max=1)
    assert field.degree == 1
    np.testing.assert_array_equal(read_gravity_field("x.cof", COF).truncated(1).c, field.c)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.txt", COF, "must be one of .sha, .tab, .gfc, .cof"),
        ("x.sha", SHA.replace("-.9090109494810000E-04", "minus nine"), "line 2: expected a number, found 'minus nine'"),
        ("x.cof", COF.replace("RECOEF    2  0", "RECOEF    2  x"), "line 5: expected a whole number, found 'x'"),
        ("x.cof", COF.replace("RECOEF    2  2", "RECOEF    2  3"), "line 7: degree 2 and order 3"),
        ("x.cof", COF.replace("POTFIELD  2  2", "POTFIELD  9  9"), "promises degree 9, the last row read has 2: the file is cut"),
        ("x.cof", "", "line 1: expected 'POTFIELD'"),
        ("x.sha", SHA.replace(".1738000000000000E+04", ".1738000000000000E+07"), "radius in kilometres, found 1.738e+06"),
        ("x.sha", SHA.replace("    1,  .0E", "    2,  .0E"), "line 1: the normalisation must be 1"),
        ("x.gfc", GFC.replace("radius  ", "r       "), "the head lacks radius"),
        ("x.gfc", GFC.replace("gfc  2  2", "gfct 2  2"), "fields that vary in time are not read"),
        ("x.gfc", GFC.replace("end_of_head", "end"), "no line 'end_of_head'"),
        ("x.gfc", GFC.replace("0   1.0  0.0", "0   1.1  0.0"), "C00 is 1.1"),
    ],
)
def test_errors_teach(name, content, told):
    with pytest.raises(ValueError, match=f"^{name}: ") as error:
        read_gravity_field(name, content)
    assert told in str(error.value)


@pytest.fixture(scope="module")
def gravity_folder() -> Path:
    folder = os.environ.get("PERILUNE_REFERENCE_DATA")
    if not folder:
        pytest.skip("PERILUNE_REFERENCE_DATA is not set: the published fields are needed")
    return Path(folder) / "gravity"


@pytest.mark.parametrize(
    ("file_name", "degree", "gm_m3_s2", "c20", "c22", "c31"),
    [
        ("LP165P.cof", 165, 4902.801056e9, -9.08901807506e-05, 3.46354993722e-05, 2.63274401218e-05),
        ("jgl150q1.sha", 150, 4902.801076e9, -9.09010949481e-05, 3.46376274208e-05, 2.63418358622e-05),
    ],
)
def test_published_files(gravity_folder, file_name, degree, gm_m3_s2, c20, c22, c31):
    field = read_gravity_field(file_name, (gravity_folder / file_name).read_bytes())
    assert (field.degree, field.gm_m3_s2, field.radius_m) == (degree, gm_m3_s2, 1738e3)
    assert (field.c[2, 0], field.c[2, 2], field.c[3, 1]) == (c20, c22, c31)
    assert np.count_nonzero(field.c[degree]) == degree + 1


def test_the_embedded_field_is_lp165p(gravity_folder):
    published = read_gravity_field("LP165P.cof", (gravity_folder / "LP165P.cof").read_bytes(), degree_max=10)
    embedded = lunar_field()
    np.testing.assert_array_equal(embedded.c, published.c)
    np.testing.assert_array_equal(embedded.s, published.s)
    assert (embedded.gm_m3_s2, embedded.radius_m) == (published.gm_m3_s2, published.radius_m)
