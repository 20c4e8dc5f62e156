"""The corrector: it finds, it takes the least change, and it says what misses."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest

from perilune.trajectory.correct import Corrected, Scaling, by_way_of, corrected, with_jacobian
from perilune.trajectory.refusal import CorrectionError

UNIT = Scaling("the test", (1.0, 1.0), ("first [m]", "second [m]"), (1e-9, 1e-9))


def test_two_equations_are_solved():
    solve = with_jacobian(lambda x, case: jnp.stack([x[0] ** 2 + x[1] ** 2 - case, x[0] - x[1]]))
    found = corrected(solve, np.array([3.0, 0.5]), jnp.asarray(2.0), UNIT)
    assert found.controls == pytest.approx([1.0, 1.0], abs=1e-9)
    assert found.steps < 20


def test_the_jacobian_is_exact_and_has_targets_along_its_rows():
    solve = with_jacobian(lambda x, case: jnp.stack([x[0] * x[1], jnp.sin(x[0]), x[2]]))
    value, slope = solve(jnp.array([0.3, 2.0, 1.0]), None, 3.0)
    assert np.asarray(value) == pytest.approx([0.6, np.sin(0.3), 1.0])
    assert np.asarray(slope) == pytest.approx(np.array([[2.0, 0.3, 0.0], [np.cos(0.3), 0.0, 0.0], [0.0, 0.0, 1.0]]))


def test_with_more_controls_than_targets_the_change_is_the_smallest():
    solve = with_jacobian(lambda x, case: jnp.stack([x[0] + x[1] - 1.0]))
    found = corrected(solve, np.zeros(2), None, Scaling("the test", (1.0, 1.0), ("sum",), (1e-9,)))
    assert found.controls == pytest.approx([0.5, 0.5], abs=1e-9)


def test_no_solution_is_told_with_what_misses():
    solve = with_jacobian(lambda x, case: jnp.stack([x[0] ** 2 + 1.0, x[1]]))
    with pytest.raises(CorrectionError, match=r"the test does not converge; it misses first \[m\] by 1"):
        corrected(solve, np.array([0.7, 0.2]), None, UNIT)


def test_not_a_number_is_no_solution():
    solve = with_jacobian(lambda x, case: jnp.stack([jnp.sqrt(x[0] - 10.0), x[1]]))
    with pytest.raises(CorrectionError, match="by nan"):
        corrected(solve, np.zeros(2), None, UNIT)


def test_a_narrow_valley_that_bends_is_followed_by_correcting_a_step_and_not_by_shortening_it():
    # As of weeks in orbit: the arc, known to 1e-6 rad, bends by a radian with the change that the other condition asks for.
    solve = with_jacobian(lambda x, case: jnp.stack([14.0 * x[1] + x[0] ** 2, x[0] - 1.0]))
    found = corrected(solve, np.zeros(2), None, Scaling("the test", (1.0, 1.0), ("arc [rad]", "height"), (1e-6, 1e-4)))
    assert found.controls == pytest.approx([1.0, -1.0 / 14.0], abs=1e-4)
    assert found.steps < 4


def within(reach: float, tried: list[float]):
    """A search that leads no farther than `reach` from where it starts: the solution of a share is that share."""

    def solve(share: float, start: np.ndarray) -> Corrected:
        tried.append(share)
        if share - float(start[0]) > reach:
            raise CorrectionError("too far")
        return Corrected(np.array([share]), 0.0, 1)

    return solve


def test_what_is_found_at_once_takes_no_shares():
    tried: list[float] = []
    assert by_way_of(within(1.0, tried), np.zeros(1)).controls == [1.0]
    assert tried == [1.0]


def test_what_is_too_far_is_found_in_shares_none_of_them_tried_twice_from_one_place():
    tried: list[float] = []
    assert by_way_of(within(0.2, tried), np.zeros(1)).controls == [1.0]
    assert len(set(tried)) >= 5 and all(one != other for one, other in pairwise(tried))


def test_where_small_shares_lead_nowhere_the_last_miss_is_told():
    with pytest.raises(CorrectionError, match="too far"):
        by_way_of(within(0.001, []), np.zeros(1))
