"""Every model says what it is, where it is wrong and what it leaves out; every fault has its line in the documentation."""

import ast
import re

import pytest
from source_tree import ROOT, files, place

from perilune.faults.catalogue import CATALOGUE
from perilune.faults.effects import COMMAND_LINES

MODELLING_ROOMS = ("world", "moon", "fsw/navigation", "fsw/guidance", "fsw/control")
# Files of those rooms without physics of their own.
NO_PHYSICS = {
    "guidance/guidance.py": "chooses among three laws",
    "navigation/state.py": "layout of the filter's state",
    "sensors/__init__.py": "asks every sensor",
    "sensors/sensor.py": "what a sensor is",
    "world/kinematics.py": "the truth as sensors need it",
    "world/landing_gear.py": "numbers of the legs; contact.py is the model",
    "world/wrench.py": "a force and a torque",
    "moon/gravity_files.py": "reads files",
}


def classes(source: str) -> list[ast.ClassDef]:
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def acts(node: ast.ClassDef) -> bool:
    """It has a public method beside `init`, so it is more than a record."""
    return any(isinstance(m, ast.FunctionDef) and not m.name.startswith("_") and m.name != "init" for m in node.body)


def untold(source: str) -> list[str]:
    """Public classes that act and have no docstring; the first of a file may rest on the file's, and a state on its model's."""
    acting = [node for node in classes(source) if acts(node) and not node.name.startswith("_")]
    told_by_file = acting[:1] if ast.get_docstring(ast.parse(source)) else []
    return [node.name for node in acting if not ast.get_docstring(node) and node not in told_by_file and not node.name.endswith("State")]


def silent_on_error(source: str) -> bool:
    """There is a class that acts, and no docstring of the file, its classes or its functions says **Model** or **Error**."""
    tellers = (ast.Module, ast.ClassDef, ast.FunctionDef)
    told = "\n".join(ast.get_docstring(node) or "" for node in ast.walk(ast.parse(source)) if isinstance(node, tellers))
    return any(acts(node) for node in classes(source)) and not re.search(r"\*\*(Model|Error)", told)


def test_every_file_and_every_class_that_acts_is_told():
    sources = {place(path): path.read_text(encoding="utf-8") for path in files()}
    assert [name for name, text in sources.items() if text.strip() and not ast.get_docstring(ast.parse(text))] == []
    rooms = {place(path): untold(path.read_text(encoding="utf-8")) for path in files("world", "fsw", "moon")}
    assert {name: found for name, found in rooms.items() if found} == {}


def test_every_model_says_its_error():
    silent = [place(path) for path in files(*MODELLING_ROOMS) if silent_on_error(path.read_text(encoding="utf-8"))]
    assert [name for name in silent if not name.endswith(tuple(NO_PHYSICS))] == []


def test_every_file_excused_from_physics_is_there():
    names = [place(path) for path in files(*MODELLING_ROOMS)]
    assert [excused for excused in NO_PHYSICS if not any(name.endswith(excused) for name in names)] == []


def test_what_is_not_told_is_seen():
    first = '"""A file."""\nclass First:\n    def act(self): ...\n'
    assert untold(first) == []
    assert untold(first + "class Second:\n    def act(self): ...\n") == ["Second"]
    assert silent_on_error(first)
    assert not silent_on_error(first.replace("A file.", "A file. **Error** none."))


def fault_rows() -> dict[str, list[str]]:
    """Cells of the table in docs/faults.md, by the fault's name."""
    lines = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row for row in rows}


def test_every_fault_has_its_line_and_no_line_is_without_a_fault():
    assert list(fault_rows()) == list(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_is_told_as_it_is(name):
    _, what, counted, size, range_, lasting, shown_by = fault_rows()[name]
    named = CATALOGUE[name]
    assert what
    assert counted == (named.units or "-")
    if named.unit:
        assert size == f"{named.size:g} {named.unit}"
        assert range_ == f"{named.low:g} to {named.high:g}"
    else:
        assert (size, range_) == ("-", "-")
    assert lasting == ("to the end" if named.duration_s == float("inf") else f"{named.duration_s:g} s")
    assert shown_by


def test_the_lines_of_command_are_told():
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert all(f"`{line}`" in text for line in COMMAND_LINES)
