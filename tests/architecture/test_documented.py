"""Every model says what it is, where it is wrong and what it leaves out; every fault has its line in the documentation."""

import ast
import re
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from source_tree import ROOT, files, place

from perilune.faults.catalogue import CATALOGUE, FAMILIES
from perilune.faults.channels import COMMAND_LINES
from perilune.faults.named import ASSUMED
from perilune.faults.operations import Operation
from perilune.wire.telemetry import Mode

MODELLING_ROOMS = ("world", "moon", "fsw/navigation", "fsw/guidance", "fsw/control")
# Files of those rooms without physics of their own.
NO_PHYSICS = {
    "guidance/guidance.py": "chooses among the laws",
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


@pytest.mark.parametrize("family", FAMILIES)
def test_every_fault_has_its_line_as_the_catalogue_tells_it(family):
    spec = spec_from_file_location("fault_pages", ROOT / "docs" / "fault_pages.py")
    assert spec is not None and spec.loader is not None
    pages = module_from_spec(spec)
    spec.loader.exec_module(pages)
    text = (ROOT / "docs" / "faults" / f"{family}.md").read_text(encoding="utf-8")
    assert text == pages.page(family, text), "run `python docs/fault_pages.py`"
    assert len(text.partition(pages.MARK)[0].split()) > 30  # words that no table holds
    assert all(f"| `{name}` |" in text for name in FAMILIES[family])


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_is_told_in_words(name):
    fault = CATALOGUE[name]
    assert len(fault.about.split()) >= 4
    assert fault.shown == ASSUMED or re.search(r"\d{4}|\(", fault.shown)  # a flight with its year, or who told it


def test_what_can_be_said_of_faults_is_told():
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert all(f"`{line}`" in text for line in COMMAND_LINES)
    assert all(f"`{mode.name.lower()}`" in text for mode in Mode)
    assert all(re.search(rf"\b{operation.name.lower()}\b", text) for operation in Operation)
    assert all(f"faults/{family}.md" in text for family in FAMILIES)
