"""Programs in lanes: each operation against JAX on drawn numbers and on those that are special, for each width of vector."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from perilune.lanes.calling import Shared
from perilune.lanes.program import TABLE_MIN, program
from perilune.lanes.values import Untranslated
from perilune.scenario import native
from perilune.scenario.native import OPTIONS, NotBuilt, built, lanes, loaded

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")

BATCH = "batch"
LANDERS = 21  # no multiple of any width
DRAWS = np.random.default_rng(5)
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 2.5, -2.5, 1e300, -3e9])
WIDTHS = {2: ("-march=x86-64",), 4: ("-march=x86-64-v3",), 8: ("-march=x86-64-v4",)}
# glibc's vectors of functions are good to 4 units in the last place; JAX's own are no better.
TOLERANCE = 16 * np.finfo(float).eps
# The inverse error function is a polynomial in single precision here and there, in another order.
TOLERANCE_SINGLE = 8 * float(np.finfo(np.float32).eps)


def drawn() -> dict[str, np.ndarray]:
    """Arguments of each lander; the first rows are special."""
    x, y = DRAWS.normal(size=(2, LANDERS)) * 3.0
    x[: len(SPECIAL)] = SPECIAL
    y[3 : 3 + len(SPECIAL)] = SPECIAL
    return {
        "x": x,
        "y": y,
        "s": DRAWS.uniform(-1.0, 1.0, LANDERS),
        "f": DRAWS.uniform(-0.9999999, 0.9999999, LANDERS).astype(np.float32),
        "k": DRAWS.integers(-4, 9, LANDERS),
        "n": DRAWS.integers(-(2**31), 2**31 - 1, LANDERS).astype(np.int32),
        "u": DRAWS.integers(0, 2**32 - 1, LANDERS).astype(np.uint32),
        "p": DRAWS.uniform(size=LANDERS) < 0.5,
        "q": DRAWS.uniform(size=LANDERS) < 0.5,
        "v": DRAWS.normal(size=(LANDERS, 4)),
        "m": DRAWS.normal(size=(LANDERS, 3, 3)),
    }


def chosen_by(which, a):
    return lax.cond(which, lambda: (jnp.sin(a.v[0]), a.v[1], a.x), lambda: (a.v[0], jnp.cos(a.v[1]), a.x))


def counted(a, turns, unroll=False):
    """A loop with what stays, what is every lander's own, what all share, and rows in and out."""

    def turn(carry, row):
        total, count, kept, pair = carry
        return (total + row * kept, count + 1, kept, pair[::-1]), (total * 2.0, count)

    rows = jnp.stack([a.v[0]] * turns) * jnp.arange(1.0, turns + 1.0)
    return lax.scan(turn, (a.y, 0, a.s, jnp.stack([a.x, a.s])), rows, reverse=unroll)


CASES = {
    "add": lambda a: a.x + a.y,
    "sub": lambda a: a.x - a.y,
    "mul": lambda a: a.x * a.y,
    "div": lambda a: a.x / a.y,
    "neg abs sign": lambda a: (-a.x, jnp.abs(a.x), jnp.sign(a.x), jnp.abs(a.k), -a.k),
    "max min": lambda a: (jnp.maximum(a.x, a.y), jnp.minimum(a.x, a.y), jnp.maximum(a.x, 0.5), jnp.minimum(0.5, a.x), jnp.maximum(a.k, 2)),
    "clip": lambda a: lax.clamp(-1.0, a.x, 1.0),
    "compare": lambda a: (a.x < a.y, a.x <= a.y, a.x == a.y, a.x != a.y, a.x > a.y, a.x >= a.y, a.k > 3, a.u < jnp.uint32(7), a.n >= 0),
    "flags": lambda a: (a.p & a.q, a.p | a.q, a.p ^ a.q, ~a.p, a.p == a.q, a.p != a.q, a.p & (a.k > 0)),
    "where": lambda a: (jnp.where(a.p, a.x, a.y), jnp.where(a.p, a.k, 3), jnp.where(a.p, a.q, False), jnp.where(a.p, a.u, a.u + 1)),
    "finite": lambda a: (jnp.isfinite(a.x), jnp.isnan(a.x)),
    "roots and powers": lambda a: (jnp.sqrt(a.x), a.x**2, a.x**3, a.x**-2, lax.cbrt(a.s), lax.square(a.s), jnp.abs(a.s) ** a.y),
    "rounding": lambda a: (jnp.floor(a.x), jnp.ceil(a.x), jnp.round(a.x), lax.round(a.x), lax.round(a.s)),
    "circle": lambda a: (jnp.sin(a.s), jnp.cos(a.s), jnp.tan(a.s), jnp.arctan2(a.s, a.v[0]), jnp.arctan(a.x)),
    "inverse circle": lambda a: (jnp.arcsin(a.s), jnp.arccos(a.s)),
    "growth": lambda a: (jnp.exp(a.s), jnp.log(jnp.abs(a.s)), jnp.log1p(a.s), jnp.expm1(a.s), jnp.tanh(a.s), jnp.sinh(a.s), jnp.cosh(a.s)),
    "to integers": lambda a: (a.x.astype(jnp.int32), a.x.astype(jnp.int64), a.k.astype(jnp.int32), a.n.astype(jnp.int64)),
    "from integers": lambda a: (a.k.astype(float), a.n.astype(float), a.u.astype(jnp.float32), a.k.astype(jnp.uint32), a.p.astype(float)),
    "single": lambda a: (a.x.astype(jnp.float32), a.f.astype(float), a.f * jnp.float32(3.0), a.p.astype(jnp.int32)),
    "bits": lambda a: (a.u ^ (a.u >> 16), a.u * jnp.uint32(0x21F0AAAD), a.u << 5, a.n >> 3, a.n << 16, a.k >> 1, a.n & 0xFF, ~a.n),
    "whole division": lambda a: (a.k % 3, lax.rem(a.n, jnp.int32(7)), lax.div(a.k, 2), lax.rem(a.k, a.k - 2)),
    "arranged": lambda a: (a.v.reshape(2, 2).T[::-1], jnp.concatenate([a.v[1:3], a.v[:1]]), jnp.stack([a.x, a.y]), a.v[None, :, None]),
    "sums": lambda a: (jnp.sum(a.m, axis=1), jnp.prod(a.v), jnp.max(a.m), jnp.min(a.v), jnp.any(a.m > 1.0, axis=0), jnp.all(a.v > -1.0)),
    "products": lambda a: (a.m @ a.m, a.m @ a.v[:3], a.v @ a.v, jnp.eye(3) @ a.m, jnp.outer(a.v, a.v)),
    "picked": lambda a: (a.v[jnp.clip(a.k, 0, 3)], jnp.asarray([3.0, 1.0, 2.0])[a.k % 3], lax.dynamic_slice(a.v, (a.k,), (2,))),
    "put": lambda a: (a.v.at[2].set(a.x), a.v.at[a.k].add(1.0), a.v.at[jnp.abs(a.k) % 4].set(a.y), a.m.reshape(9).at[4].add(2.0)),
    "branch of a lane": lambda a: chosen_by(a.p, a),
    "branch of all": lambda a: chosen_by(a.shared[0] > 0.0, a),
    "branch in a branch": lambda a: lax.cond(a.p, lambda: chosen_by(a.q, a)[0], lambda: chosen_by(a.x > 0.0, a)[1]),
    "short loop": lambda a: counted(a, 3),
    "loop": lambda a: counted(a, 90),
    "loop backwards": lambda a: counted(a, 90, True),
    "loop of all": lambda a: lax.scan(lambda c, r: (c * 0.5 + r, c), a.shared[1], jnp.arange(100.0) * a.shared[0])[0] * a.s,
    "table": lambda a: (a.table[jnp.abs(a.k) * 100], lax.dynamic_slice(a.table, (a.k + TABLE_MIN,), (1,)), a.table[a.tick]),
    "shared": lambda a: (a.shared[0] * a.x, jnp.sin(a.shared[1]) + a.s, jnp.where(a.shared[0] > 1.0, a.x, a.y), a.shared @ a.v[:2]),
    "tick": lambda a: (a.tick * 0.1 + a.s, (a.tick % 5 == 0) & a.p, a.tick % a.steps),
}
SINGLE = {"erf_inv": lambda a: lax.erf_inv(a.f), "normal": lambda a: jnp.sqrt(jnp.float32(2.0)) * lax.erf_inv(a.f * 0.99)}


OWN = drawn()


class Arguments:
    def __init__(self, shared, own, tick):
        self.shared, self.table, self.steps = shared
        self.__dict__.update(zip(OWN, own, strict=True))
        self.tick = tick


SHARED = [np.array([1.5, -0.7]), np.arange(TABLE_MIN, dtype=np.int64) ** 2, np.asarray(7)]
TICK = 12


def results(shared, own, state, tick):
    cases = {**CASES, **SINGLE}
    return [jnp.asarray(leaf) for case in cases.values() for leaf in jax.tree.leaves(case(Arguments(shared, own, tick)))]


def shapes(arrays, cut=0):
    return [jax.ShapeDtypeStruct(array.shape[cut:], array.dtype) for array in arrays]


@pytest.fixture(scope="module")
def own():
    return list(OWN.values())


@pytest.fixture(scope="module")
def expected(own):
    rows = jax.jit(jax.vmap(lambda *row: results([jnp.asarray(s) for s in SHARED], row, None, jnp.asarray(TICK))))(*own)
    return [np.asarray(row) for row in rows]


@pytest.fixture(scope="module")
def text(own, expected):
    return program(results, shapes(SHARED), shapes(own, 1), shapes(expected, 1), BATCH)


@pytest.fixture(scope="module", params=WIDTHS)
def flown(request, text, own, expected):
    """By case; skipped where the processor has no such vectors."""
    if request.param > lanes():
        pytest.skip(f"this processor has no vectors of {request.param}")
    library = loaded(built(text, request.param, (*OPTIONS, *WIDTHS[request.param])))
    state = [np.zeros_like(row) for row in expected]
    library.fly(Shared(SHARED), own, state, np.arange(LANDERS), range(TICK, TICK + 1))
    return by_case(state), by_case(expected)


def by_case(leaves) -> dict[str, list[np.ndarray]]:
    rest = iter(leaves)
    arguments = Arguments([jnp.asarray(s) for s in SHARED], [jnp.asarray(row[0]) for row in OWN.values()], jnp.asarray(TICK))
    return {
        name: [next(rest) for _ in jax.tree.leaves(jax.eval_shape(lambda case=case: case(arguments)))]
        for name, case in {**CASES, **SINGLE}.items()
    }


@pytest.mark.parametrize("case", [*CASES, *SINGLE])
def test_an_operation_is_as_in_jax(flown, case):
    ours, theirs = (each[case] for each in flown)
    assert len(ours) > 0
    for one, other in zip(ours, theirs, strict=True):
        if one.dtype.kind == "f":
            within = TOLERANCE_SINGLE if case in SINGLE else TOLERANCE
            np.testing.assert_allclose(one, other, rtol=within, atol=within)
        else:
            np.testing.assert_array_equal(one, other)


def small(shared, own, state, tick):
    """A state that moves about, changes for some and stays for others, over several ticks."""
    (x, n, v), (a,) = state, own
    n, x = lax.cond(x > a, lambda: (n + 1, x - a * 0.5), lambda: (n, x))
    x = jnp.where(x < 3.0, x + 0.1 * shared[0] + 1e-3 * tick, x)
    return [x, n, jnp.stack([v[1], v[2], v[0] + x])]


@pytest.fixture(scope="module")
def walk():
    state = [DRAWS.normal(size=LANDERS), np.zeros(LANDERS, np.int64), DRAWS.normal(size=(LANDERS, 3))]
    own = [np.abs(DRAWS.normal(size=LANDERS)) + 0.2]
    library = loaded(built(program(small, shapes([np.asarray(2.0)]), shapes(own, 1), shapes(state, 1), BATCH)))

    def go(who, ticks):
        now = [leaf.copy() for leaf in state]
        library.fly(Shared([np.asarray(2.0)]), own, now, np.asarray(who), ticks)
        return now

    return go, state, own


def test_ticks_follow_one_another(walk):
    go, state, own = walk
    step = jax.jit(jax.vmap(lambda a, x, n, v, t: small([jnp.asarray(2.0)], [a], [x, n, v], t), in_axes=(0, 0, 0, 0, None)))
    now = [jnp.asarray(leaf) for leaf in state]
    for tick in range(5, 55):
        now = step(jnp.asarray(own[0]), *now, jnp.asarray(tick))
    for ours, theirs in zip(go(range(LANDERS), range(5, 55)), now, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)  # fifty ticks' rounding


def test_a_lander_does_not_depend_on_its_company(walk):
    go, state, _ = walk
    together, order = go(range(LANDERS), range(30)), DRAWS.permutation(LANDERS)
    for who in (order, order[:5], order[:1]):
        flown = go(who, range(30))
        for ours, theirs, before in zip(flown, together, state, strict=True):
            assert ours[who].tobytes() == theirs[who].tobytes()
            others = np.setdiff1d(np.arange(LANDERS), who)
            assert ours[others].tobytes() == before[others].tobytes()


def test_ticks_in_two_goes_are_the_same(walk):
    go, state, own = walk
    library = loaded(built(program(small, shapes([np.asarray(2.0)]), shapes(own, 1), shapes(state, 1), BATCH)))
    now = [leaf.copy() for leaf in state]
    for ticks in (range(7), range(7, 30)):
        library.fly(Shared([np.asarray(2.0)]), own, now, np.arange(LANDERS), ticks)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(now, go(range(LANDERS), range(30)), strict=True))


def test_a_known_zero_is_left_out_and_a_symmetric_matrix_is_worked_out_once():
    def step(shared, own, state, tick):
        P = own[0] @ own[0].T
        return [np.diag([2.0, 1.0, 0.0]) @ (P + P.T)]

    text = program(step, [], [jax.ShapeDtypeStruct((3, 3), float)], [jax.ShapeDtypeStruct((3, 3), float)], BATCH)
    products = text[text.index("static void block") :].count("f64 t")
    assert products == 9 + 6 + 3  # of P, of the sum, of the row that is doubled; a row of ones and one of zeros cost nothing


def test_what_all_share_is_worked_out_once_a_tick():
    def step(shared, own, state, tick):
        return [state[0] * jnp.sin(shared[0] * tick)]

    text = program(step, [jax.ShapeDtypeStruct((), float)], [], [jax.ShapeDtypeStruct((), float)], BATCH)
    tick, block = text.split("static void every")[1].split("static void block")
    assert "sin_f64" in tick
    assert "sin" not in block.split("static void take_own")[0].lower()


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (lambda s, o, x, t: [jnp.sort(x[0])], "sort"),
        (lambda s, o, x, t: [lax.while_loop(lambda c: c[0] < 1.0, lambda c: c + 1.0, x[0])], "while"),
        (lambda s, o, x, t: [x[0].astype(jnp.complex128).real], "complex128"),
    ],
)
def test_what_there_is_no_word_for_is_told(step, word):
    with pytest.raises(Untranslated, match=word):
        program(step, [], [], [jax.ShapeDtypeStruct((3,), float)], BATCH)


def test_a_program_that_cannot_be_built_is_told():
    with pytest.raises(NotBuilt, match="refuses"):
        built("this is not C")


def test_no_compiler_is_told(monkeypatch):
    monkeypatch.setattr(native.shutil, "which", lambda name: None)
    native.compiler.cache_clear()
    with pytest.raises(NotBuilt, match="no C compiler"):
        native.compiler()
    native.compiler.cache_clear()


def test_on_a_gpu_xla_flies(monkeypatch):
    monkeypatch.setattr(native.jax, "default_backend", lambda: "gpu")
    native.compiler.cache_clear()
    with pytest.raises(NotBuilt, match="JAX has a gpu"):
        native.compiler()
    native.compiler.cache_clear()


def test_a_program_of_another_mission_is_refused(walk):
    _, state, own = walk
    library = loaded(built(program(small, shapes([np.asarray(2.0)]), shapes(own, 1), shapes(state, 1), BATCH)))
    with pytest.raises(ValueError, match="another mission"):
        library.fly(Shared([np.zeros(3)]), own, [leaf.copy() for leaf in state], np.arange(2), range(1))
