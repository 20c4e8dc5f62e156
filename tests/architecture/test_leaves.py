"""Lock 4: no array of flight software is an array of the world, and nothing opaque hides in it that could hold one."""

import enum

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flown_fleet import fleet_with
from perilune.sim import fly as sim


def buffers(tree) -> dict[int, str]:
    """Path of each array by where its numbers lie in memory."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if isinstance(leaf, jax.Array):
            found[leaf.unsafe_buffer_pointer()] = jax.tree_util.keystr(path)
        elif isinstance(leaf, np.ndarray):
            found[leaf.ctypes.data] = jax.tree_util.keystr(path)
    return found


def shared_arrays(software, truth) -> list[tuple[str, str]]:
    """Pairs of paths that are one array."""
    ours, theirs = buffers(software), buffers(truth)
    return sorted((ours[place], theirs[place]) for place in ours.keys() & theirs.keys())


def opaque_leaves(tree) -> list[str]:
    """Leaves that are no plain arrays or numbers: a function could carry the truth in its closure."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [jax.tree_util.keystr(path) for path, leaf in leaves if not isinstance(leaf, jax.Array | np.ndarray | float | int | bool)]


def static_fields(node) -> list[str]:
    """Fields that are structure and no plain word or number, anywhere in a module."""
    found = []
    for inner in jax.tree.leaves(node, is_leaf=lambda x: isinstance(x, eqx.Module) and x is not node):
        if isinstance(inner, eqx.Module):
            found += static_fields(inner)
    if isinstance(node, eqx.Module):
        for name, field in node.__dataclass_fields__.items():
            if field.metadata.get("static") and not isinstance(getattr(node, name), str | int | float | bool | tuple | enum.Enum | None):
                found.append(f"{type(node).__name__}.{name}")
    return found


def truth_of(mission):
    return (mission.world, mission.limits, mission.start, mission.propellant_kg, mission.faults, mission.tick_s)


def test_flight_software_and_truth_share_no_array(luna):
    assert len(buffers(luna.mission.fsw)) > 100
    assert len(buffers(truth_of(luna.mission))) > 100
    assert shared_arrays(luna.mission.fsw, truth_of(luna.mission)) == []


def test_their_states_share_no_array(luna):
    states = sim.start(fleet_with(luna, [0, 1, 2, 3], {}), jnp.asarray(0))
    assert shared_arrays(states.fsw, (states.world, states.stream)) == []


def test_one_shared_array_is_seen(luna):
    """A builder that hands one gravity table to both, as has happened."""
    coefficients = luna.mission.world.gravity
    leaf = max((leaf for leaf in jax.tree.leaves(coefficients) if isinstance(leaf, jax.Array)), key=lambda leaf: leaf.size)
    leaky = eqx.tree_at(lambda f: f.vehicle.engine_thrust_n, luna.mission.fsw, leaf)
    assert [ours for ours, _ in shared_arrays(leaky, truth_of(luna.mission))] == [".vehicle.engine_thrust_n"]


def test_nothing_in_flight_software_is_opaque(luna):
    assert opaque_leaves(luna.mission.fsw) == []
    assert static_fields(luna.mission.fsw) == []


def test_a_function_that_holds_the_truth_is_seen(luna):
    world = luna.mission.world

    def true_gravity(r_lci_m, clock_s):
        return world.gravity.central_lci_m_s2(r_lci_m)

    leaky = eqx.tree_at(lambda f: f.navigation.gravity.perturbation, luna.mission.fsw, true_gravity)
    assert opaque_leaves(leaky) == [".navigation.gravity.perturbation"]


def test_a_static_field_that_holds_the_truth_is_seen(luna):
    class Sly(eqx.Module):
        truth: object = eqx.field(static=True)

    with pytest.warns(UserWarning, match="set as static"):
        leaky = eqx.tree_at(lambda f: f.gate_downrange_m, luna.mission.fsw, Sly(luna.mission.world))
    assert static_fields(leaky) == ["Sly.truth"]
