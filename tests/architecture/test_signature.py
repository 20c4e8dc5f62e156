"""Locks 2 and 6: measurements and uplink are the only way in; no chance, no simulation time, and a tick that only says which task is due."""

import ast
import inspect

import equinox as eqx
import jax
import pytest
from source_tree import files, place

from perilune.fsw.app import FlightSoftware, FswState
from perilune.math.random import Stream, stream_of_seed
from perilune.types import Index, Scalar
from perilune.wire.commands import Commands
from perilune.wire.measurements import Measurements
from perilune.wire.telemetry import Telemetry
from perilune.wire.uplink import Uplink

TRUTH = ("perilune.world", "perilune.faults", "perilune.sim", "perilune.scenario", "perilune.trajectory")


def ways_in(kind: type) -> dict[str, dict[str, object]]:
    """Public methods and what they take."""
    methods = {name: m for name, m in vars(kind).items() if callable(m) and not name.startswith("_")}
    return {
        name: {p.name: p.annotation for p in list(inspect.signature(m).parameters.values())[1:]}
        for name, m in methods.items()
        if not inspect.isclass(m)
    }


def test_there_are_three_ways_in_and_each_takes_what_it_may():
    assert ways_in(FlightSoftware) == {
        "init": {"clock_s": Scalar},
        "wake": {"state": FswState, "measurements": Measurements, "uplink": Uplink},
        "step": {"state": FswState, "measurements": Measurements, "uplink": Uplink, "tick": Index},
    }
    assert inspect.signature(FlightSoftware.step).return_annotation == tuple[FswState, Commands, Telemetry]


def test_another_way_in_is_seen():
    class Open(eqx.Module):
        def step(self, state, measurements, uplink, tick, truth): ...

    assert list(ways_in(Open)["step"]) == ["state", "measurements", "uplink", "tick", "truth"]


def strangers(tree) -> list[str]:
    """Modules within a tree that belong to the truth, and streams of chance."""
    found = []
    for inner in jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, eqx.Module) and x is not tree):
        if isinstance(inner, eqx.Module):
            if isinstance(inner, Stream) or type(inner).__module__.startswith(TRUTH):
                found.append(type(inner).__name__)
            found += strangers(inner)
        elif hasattr(inner, "dtype") and jax.dtypes.issubdtype(inner.dtype, jax.dtypes.prng_key):
            found.append("key")
    return found


def asleep(luna) -> FswState:
    return eqx.filter_eval_shape(luna.mission.fsw.init, 0.0)


def test_neither_truth_nor_chance_is_in_flight_software(luna):
    assert strangers(luna.mission.fsw) == []
    assert strangers(asleep(luna)) == []


def test_planted_truth_and_chance_are_seen(luna):
    mission = luna.mission
    assert strangers(eqx.tree_at(lambda f: f.gate_downrange_m, mission.fsw, stream_of_seed(0))) == ["Stream"]
    assert strangers(eqx.tree_at(lambda f: f.gate_downrange_m, mission.fsw, mission.world.mass)) == ["MassProperties"]
    assert strangers(eqx.tree_at(lambda f: f.gate_downrange_m, mission.fsw, jax.random.key(0))) == ["key"]


def other_uses_of_tick(source: str) -> list[str]:
    """Expressions in which `tick` is anything but the left side of `%`, or handed on as itself."""
    tree = ast.parse(source)
    allowed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            allowed.add(id(node.left))
        if isinstance(node, ast.Call):
            allowed |= {id(argument) for argument in node.args}
    return [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "tick" and id(node) not in allowed]


def test_the_tick_only_says_which_task_is_due():
    found = {place(path): other_uses_of_tick(path.read_text(encoding="utf-8")) for path in files("fsw")}
    assert {name: uses for name, uses in found.items() if uses} == {}


@pytest.mark.parametrize("planted", ["t_s = tick * 0.1", "late = tick > 72000", "state.tick = tick"])
def test_a_tick_taken_for_time_is_seen(planted):
    assert other_uses_of_tick(f"def step(self, state, tick):\n    {planted}\n")
