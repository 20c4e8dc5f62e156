"""Small pieces with plain names."""

import re
import statistics

import pytest
from source_tree import PACKAGE, ROOT, files, functions, place

FILE_LINES_MAX = 400
BODY_LINES_MAX = 60
BODY_LINES_MEDIAN_MAX = 10
ARGUMENTS_MAX = 7
FORBIDDEN_WORDS = {"manager", "helper", "helpers", "util", "utils", "data", "info"}


def texts(*rooms: str) -> dict[str, str]:
    return {place(path): path.read_text(encoding="utf-8") for path in files(*rooms)}


def too_long(sources: dict[str, str]) -> list[str]:
    return [name for name, text in sources.items() if len(text.splitlines()) > FILE_LINES_MAX]


def too_big(sources: dict[str, str]) -> list[str]:
    found = [(name, each) for name, text in sources.items() for each in functions(text)]
    return [f"{name}: {each}" for name, each in found if each.body_lines > BODY_LINES_MAX or each.arguments > ARGUMENTS_MAX]


def words(name: str) -> set[str]:
    """`FlightManager`, `flight_manager` and `flightManager` are all flight and manager."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def named_badly(sources: dict[str, str]) -> list[str]:
    """Forbidden words in the names of files, classes and functions."""
    names = [(name, part.removesuffix(".py")) for name in sources for part in name.split("/")]
    for name, text in sources.items():
        names += [(name, defined) for defined in re.findall(r"^\s*(?:class|def) (\w+)", text, flags=re.MULTILINE)]
    return [f"{place}: {name}" for place, name in names if words(name) & FORBIDDEN_WORDS]


def test_files_are_short():
    tests = {place(path): path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert too_long(texts() | tests) == []


def test_functions_are_small_and_ask_for_little():
    assert too_big(texts()) == []


def test_most_functions_are_very_small():
    lines = [each.body_lines for text in texts().values() for each in functions(text)]
    assert len(lines) > 500
    assert statistics.median(lines) <= BODY_LINES_MEDIAN_MAX


def test_names_say_what_things_are():
    assert named_badly(texts()) == []


@pytest.mark.parametrize(
    ("check", "planted"),
    [
        (too_long, "x = 1\n" * (FILE_LINES_MAX + 1)),
        (too_big, "def f():\n" + "    x = 1\n" * (BODY_LINES_MAX + 1)),
        (too_big, "class A:\n    def f(self, a, b, c, d, *, e, f, g, h): ..."),
        (named_badly, "class FlightManager: ..."),
        (named_badly, "def get_info(): ..."),
    ],
)
def test_what_is_too_big_or_badly_named_is_seen(check, planted):
    assert check({"planted.py": planted}) != []


def test_seven_arguments_beside_self_are_allowed():
    assert too_big({"allowed.py": "class A:\n    def f(self, a, b, c, d, e, f, g): ..."}) == []


def test_rooms_are_not_empty():
    rooms = [path.parent for path in files() if path.name == "__init__.py" and path.parent != PACKAGE]
    assert [room.name for room in rooms if len(list(room.iterdir())) < 2] == []
