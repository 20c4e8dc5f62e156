"""The Earth's gravity that comes with Perilune: EGM2008 to degree and order 6, in Earth-fixed axes.

Tide-free, as published. What it is for: parking orbits, injection burns and far passes; not the keeping of a low Earth orbit.

**Error.** What degree 6 leaves out of a low orbit at 185 km is 2e-5 m/s2 (Kaula's rule); at 20,000 km it is below 1e-9 m/s2.
**Reference.** Pavlis, Holmes, Kenyon & Factor, The development and evaluation of the Earth Gravitational Model 2008 (EGM2008),
Journal of Geophysical Research 117 (2012); digits of the coefficient file of the US National Geospatial-Intelligence Agency.
"""

from perilune.moon.gravity_files import HarmonicCoefficients, coefficient_tables

_GM_M3_S2 = 3.986004415e14
_RADIUS_M = 6_378_136.3

# Degree, order, C, S.
_ROWS = (
    (2, 0, -4.84165143790815e-04, 0.0),
    (2, 1, -2.06615509074176e-10, 1.38441389137979e-09),
    (2, 2, 2.43938357328313e-06, -1.40027370385934e-06),
    (3, 0, 9.57161207093473e-07, 0.0),
    (3, 1, 2.03046201047864e-06, 2.48200415856872e-07),
    (3, 2, 9.04787894809528e-07, -6.19005475177618e-07),
    (3, 3, 7.21321757121568e-07, 1.41434926192941e-06),
    (4, 0, 5.39965866638991e-07, 0.0),
    (4, 1, -5.36157389388867e-07, -4.73567346518086e-07),
    (4, 2, 3.50501623962649e-07, 6.62480026275829e-07),
    (4, 3, 9.90856766672321e-07, -2.00956723567452e-07),
    (4, 4, -1.88519633023033e-07, 3.08803882149194e-07),
    (5, 0, 6.86702913736681e-08, 0.0),
    (5, 1, -6.29211923042529e-08, -9.43698073395769e-08),
    (5, 2, 6.52078043176164e-07, -3.23353192540522e-07),
    (5, 3, -4.51847152328843e-07, -2.14955408306046e-07),
    (5, 4, -2.95328761175629e-07, 4.98070550102351e-08),
    (5, 5, 1.74811795496002e-07, -6.69379935180165e-07),
    (6, 0, -1.49953927978527e-07, 0.0),
    (6, 1, -7.59210081892527e-08, 2.65122593213647e-08),
    (6, 2, 4.86488924604690e-08, -3.73789324523752e-07),
    (6, 3, 5.72451611175653e-08, 8.95201130010730e-09),
    (6, 4, -8.60237937191611e-08, -4.71425573429095e-07),
    (6, 5, -2.67166423703038e-07, -5.36493151500206e-07),
    (6, 6, 9.47068749756882e-09, -2.37382353351005e-07),
)


def earth_field() -> HarmonicCoefficients:
    """EGM2008 to degree and order 6."""
    return HarmonicCoefficients("EGM2008", _GM_M3_S2, _RADIUS_M, *coefficient_tables(_ROWS), tide_system="tide_free", axes="ITRF")
