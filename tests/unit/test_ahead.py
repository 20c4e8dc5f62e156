"""What the last flight of the same kind asked for comes ahead; a flight without it, or with something else, is the same."""

import pickle
from threading import Event

import equinox as eqx
import jax
import numpy as np
import pytest

from perilune.math.vector import Vec3, vec3
from perilune.moon.frames import selenographic
from perilune.scenario import ahead as ahead_module
from perilune.scenario import executable as executable_module
from perilune.scenario import programs as programs_module
from perilune.scenario.ahead import LIST, Ahead
from perilune.scenario.programs import kept_programs
from perilune.scenario.shelf import Shelf

PLACE = eqx.filter_jit(selenographic)
TWICE = eqx.filter_jit(Vec3.__add__)


@pytest.fixture()
def made(monkeypatch):
    """A word for each program that is traced and compiled."""
    made = []
    compiled = programs_module._compiled
    monkeypatch.setattr(programs_module, "_compiled", lambda *call: made.append("program") or compiled(*call))
    return made


@pytest.fixture()
def fetched(monkeypatch):
    """The names that were loaded before they were asked for."""
    fetched = []
    loaded = Ahead._loaded
    monkeypatch.setattr(Ahead, "_loaded", lambda self, name: fetched.append(name) or loaded(self, name))
    return fetched


def position():
    return vec3((1.2e6, -3.4e5, 1.3e6))


def flown(folder, kind: str, *functions) -> list[bytes]:
    """What a flight that asks for these programs gets."""
    with Ahead(folder, kind) as ahead, kept_programs(ahead) as programs:
        for coming in ahead._coming.values():
            coming.result()
        given = [programs(each, *([position()] * (2 if each is TWICE else 1))) for each in functions]
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(given)]


def test_the_second_flight_of_a_kind_finds_its_programs_on_the_way(tmp_path, made, fetched):
    first = flown(tmp_path, "luna", PLACE)
    assert made == ["program"] and fetched == []
    assert flown(tmp_path, "luna", PLACE) == first
    assert made == ["program"] and len(fetched) == 1
    assert flown(tmp_path, "another", PLACE) == first  # found on the shelf as ever
    assert made == ["program"] and len(fetched) == 1


def test_what_any_flight_of_a_kind_asked_for_comes_for_the_next(tmp_path, fetched):
    flown(tmp_path, "luna", PLACE)
    flown(tmp_path, "luna", TWICE)
    fetched.clear()
    flown(tmp_path, "luna")  # and what nobody asks for is dropped
    assert len(fetched) == 2


def test_damaged_programs_and_lists_are_made_again(tmp_path, made):
    first = flown(tmp_path, "luna", PLACE)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-10])
    assert flown(tmp_path, "luna", PLACE) == first
    assert made == ["program", "program"]


def test_a_program_of_another_call_is_not_taken(tmp_path, made, monkeypatch):
    """If two calls had one name, what is told beside the program would tell them apart."""
    flown(tmp_path, "luna", PLACE)
    strange = pickle.dumps((position(), None))
    loads = executable_module.executable_of
    monkeypatch.setattr(ahead_module, "executable_of", lambda found: loads(found)._replace(told=strange))
    flown(tmp_path, "luna", PLACE)
    assert made == ["program", "program"]


def test_when_a_flight_is_refused_nothing_more_is_loaded(tmp_path, monkeypatch):
    names = tuple(f"program {number}" for number in range(9))
    Shelf(tmp_path).put(LIST, "luna", names)
    refused, begun = Event(), []
    monkeypatch.setattr(Ahead, "_loaded", lambda self, name: begun.append(name) or (refused.wait(60.0) and None))
    with pytest.raises(ValueError, match="refused"), Ahead(tmp_path, "luna") as ahead:
        coming = list(ahead._coming.values())
        raise ValueError("refused")
    assert sum(each.cancelled() for each in coming) == len(names) - len(begun) >= len(names) - 2
    refused.set()
