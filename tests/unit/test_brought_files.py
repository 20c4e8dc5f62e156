"""Maps and gravity fields beside a mission file: found, refused in words, and named in the manifest."""

import hashlib

import numpy as np
import pytest

from perilune.scenario.brought import brought_files, hashes, lunar_field_of
from perilune.scenario.build_world import build_terrain
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load

# Degree 12, with two terms.
FIELD = """product_type gravity_field
earth_gravity_constant 4902.80e9
radius 1738000.0
max_degree 12
norm fully_normalized
end_of_head
gfc 0 0 1.0 0.0
gfc 2 0 -9.0e-5 0.0
gfc 12 3 1.0e-8 2.0e-8
"""


def mission(folder, old: str = "", new: str = ""):
    path = folder / "mine.toml"
    path.write_text(load("luna-25").text.replace(old, new, 1) if old else load("luna-25").text)
    return load(path)


def with_field(folder, degree: int):
    (folder / "field.gfc").write_text(FIELD)
    return mission(folder, "degree = 10\n", f'file = "field.gfc"\ndegree = {degree}\n')


def test_a_field_of_ones_own_is_flown_in_and_named(tmp_path):
    file = with_field(tmp_path, 12)
    field = lunar_field_of(file)
    assert field.degree == 12
    assert hashes(file) == {"gravity.file": {"name": "field.gfc", "sha256": hashlib.sha256(FIELD.encode()).hexdigest()}}


def test_more_degrees_than_there_are_are_refused_by_key(tmp_path):
    with pytest.raises(ScenarioError, match=r"gravity\.degree is 13; the field has degree 12"):
        lunar_field_of(with_field(tmp_path, 13))


def test_a_file_that_is_not_there_is_named(tmp_path):
    file = with_field(tmp_path, 12)
    (tmp_path / "field.gfc").unlink()
    with pytest.raises(ScenarioError, match=r"gravity\.file: the file .*field\.gfc. cannot be read"):
        lunar_field_of(file)


def test_a_map_of_elsewhere_is_refused(tmp_path):
    label = """LINES = 4
LINE_SAMPLES = 8
SAMPLE_TYPE = LSB_INTEGER
SAMPLE_BITS = 16
UNIT = METER
SCALING_FACTOR = 0.5
OFFSET = 1737400.
MAP_PROJECTION_TYPE = "SIMPLE CYLINDRICAL"
MAXIMUM_LATITUDE = 60 <deg>
MINIMUM_LATITUDE = 40 <deg>
WESTERNMOST_LONGITUDE = 0 <deg>
EASTERNMOST_LONGITUDE = 360 <deg>
"""
    (tmp_path / "map.LBL").write_text(label)
    (tmp_path / "map.IMG").write_bytes(np.zeros((4, 8), "<i2").tobytes())
    file = mission(tmp_path, "[terrain]\n", '[terrain]\nmap = "map.IMG"\n')
    assert brought_files(file) == {"terrain.map": tmp_path / "map.IMG"}
    with pytest.raises(ScenarioError, match="does not hold the site"):
        build_terrain(file)
