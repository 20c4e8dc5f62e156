"""Values are never static: other numbers, seeds and faults fly in the program that is there already."""

import equinox as eqx
import jax
import jax.numpy as jnp

from perilune.faults.plan import fault_plan
from perilune.scenario.build import build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.load import load
from perilune.sim import fly as sim


def shape_of(tree) -> list[str]:
    """What makes one program: the tree, and the shape and kind of each leaf; values of what is not an array are in it too."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    told = (f"{leaf.dtype}{leaf.shape}" if eqx.is_array(leaf) else f"{leaf}" for _, leaf in leaves)
    return [f"{jax.tree_util.keystr(path)}: {what}" for (path, _), what in zip(leaves, told, strict=True)]


def test_a_value_made_static_is_seen_as_another_trace():
    traces = []

    @eqx.filter_jit
    def program(lander):
        traces.append("trace")
        return lander["thrust_n"] * 2.0

    for thrust_n in (4750.0, 4800.0):
        program({"thrust_n": jnp.asarray(thrust_n)})
    assert len(traces) == 1
    for thrust_n in (4750.0, 4800.0):
        program({"thrust_n": thrust_n})  # no array: a constant of the program
    assert len(traces) == 3


def test_a_wider_fault_table_is_another_structure(luna):
    wide = eqx.tree_at(lambda m: m.faults, luna.mission, fault_plan((), width=9))
    assert shape_of(wide) != shape_of(luna.mission)


def test_states_are_of_settled_type_from_the_start(luna):
    """A number of unsettled type ("weak") in the first states would make the first chunk a program of its own."""
    fleet = fleet_of(luna.mission, luna.spread, jnp.arange(4))
    states = eqx.filter_eval_shape(sim.start, fleet, jnp.asarray(0))
    assert [jax.tree_util.keystr(path) for path, leaf in jax.tree_util.tree_leaves_with_path(states) if leaf.weak_type] == []


def test_both_flights_of_the_ispace_platform_differ_in_craters_only():
    """Hakuto-R M1 and Resilience: one platform, two dates. What is structure between them: craters with a name."""
    missions = [build(load(name)).mission for name in ("hakuto-r-m1", "resilience")]
    one, other = (set(shape_of(mission)) for mission in missions)
    different = {line.split(":")[0] for line in one ^ other}
    assert len(one & other) > 300
    assert [path for path in different if not path.startswith(".world.terrain.craters")] == []
