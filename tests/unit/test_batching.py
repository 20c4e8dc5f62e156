"""Work done only where it is needed gives what doing it everywhere would give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.batching import SLOTS, computed_once, where_needed

WIDTH = 3 * SLOTS + 5


def halved(x, y):
    """Some work on a shared and an own operand."""
    return jnp.sin(x) * y, {"count": jnp.sum(x)}


def flown(needed, x, y):
    return where_needed(needed, halved, (jnp.zeros(4), {"count": jnp.full((), -1.0)}), x, y)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.4, 1.0])
def test_a_batch_gets_what_each_row_would(share):
    rng = np.random.default_rng(4)
    needed, x, y = jnp.asarray(rng.random(WIDTH) < share), jnp.asarray(rng.normal(size=(WIDTH, 4))), jnp.asarray(2.0)
    got = jax.jit(jax.vmap(flown, in_axes=(0, 0, None)))(needed, x, y)
    wanted = np.where(np.asarray(needed)[:, None], np.sin(x) * 2.0, 0.0)
    np.testing.assert_allclose(got[0], wanted, rtol=1e-15)
    np.testing.assert_allclose(got[1]["count"], np.where(needed, np.sum(x, axis=1), -1.0), rtol=1e-14)


def test_one_lander_alone_takes_a_branch():
    assert float(flown(True, jnp.ones(4), 2.0)[1]["count"]) == 4.0
    assert float(flown(False, jnp.ones(4), 2.0)[1]["count"]) == -1.0


@pytest.mark.parametrize("needed", [True, False])
def test_a_batch_of_one_takes_a_branch_too(needed):
    batch = jax.vmap(flown, in_axes=(0, 0, None))
    given = jnp.asarray([needed]), jnp.arange(4.0)[None], 2.0
    got, wanted = batch(*given), flown(needed, given[1][0], 2.0)
    assert jax.tree.all(jax.tree.map(lambda one, alone: np.array_equal(one[0], alone), got, wanted))
    assert "scatter" not in str(jax.make_jaxpr(batch)(*given))


def test_a_row_does_not_move_with_the_needs_of_others():
    rng = np.random.default_rng(5)
    x = jnp.asarray(rng.normal(size=(WIDTH, 4)))
    alone = jnp.arange(WIDTH) == 7
    batch = jax.jit(jax.vmap(flown, in_axes=(0, 0, None)))
    by_itself, among_all = batch(alone, x, jnp.asarray(2.0)), batch(alone | (x[:, 0] > 0.0), x, jnp.asarray(2.0))
    assert np.array_equal(by_itself[0][7], among_all[0][7])


def test_the_work_is_not_done_where_nobody_needs_it():
    """A loop that would never end is not entered."""

    def endless(x):
        return jax.lax.while_loop(lambda v: v > -1.0, lambda v: v, x)

    got = jax.jit(jax.vmap(lambda needed, x: where_needed(needed, endless, x, x)))(jnp.zeros(WIDTH, dtype=bool), jnp.ones(WIDTH))
    np.testing.assert_array_equal(got, np.ones(WIDTH))


def test_derivatives_pass_forward_through_a_lander():
    _, slope = jax.jvp(lambda x: flown(True, x, 2.0)[0], (jnp.zeros(4),), (jnp.ones(4),))
    np.testing.assert_allclose(slope, 2.0 * np.ones(4))


def test_computing_once_changes_no_bit():
    tree = {"a": jnp.asarray([1.0, -0.3, 1e-300]), "flag": jnp.asarray(True)}
    kept = jax.jit(computed_once)(tree)
    assert all(np.array_equal(kept[k], tree[k]) for k in tree)
    assert np.isnan(float(jax.jit(computed_once)(jnp.asarray(jnp.nan))))
