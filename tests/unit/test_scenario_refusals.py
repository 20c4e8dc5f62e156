"""Mission files of sound form that say what cannot be: directions that point nowhere, units that hear nothing, names that are not one's own."""

import pytest
from altered_file import refused


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "DMP"', 'name = "KTD"', "engines and thrusters have 'KTD' twice"),
        ("{ normal = [1, 0, 0], area_m2", "{ normal = [0, 0, 0], area_m2", "power.panels[0].normal is [0, 0, 0]; it must point somewhere"),
        ("axis = [0, 0, 1], source", "axis = [0, 0, 0], source", "radio.antennas[0].axis is [0, 0, 0]; it must point somewhere"),
        (
            "range_min_m = { value = 20, low = 0, high = 100 }",
            'range_min_m = { value = 5e4, source = "design" }',
            "it must lie below range_max_km, 30 km",
        ),
        (
            'name = "length of trim"\nunit = "s"',
            'name = "length of trim"\nunit = "min"',
            "unit is min; what begins with 'length of trim' is told in s",
        ),
        ('name = "height at ignition"\nunit = "km"', 'name = "height at ignition"\nunit = "furlong"', ".unit is 'furlong'"),
    ],
)
def test_what_cannot_be_is_refused(old, new, words):
    assert any(words in line for line in refused(old, new))
