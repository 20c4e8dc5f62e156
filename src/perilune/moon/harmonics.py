"""Sums of spherical harmonics without a singularity at the poles.

With (xi, eta, u) the direction, rho = R / r and (xi + i eta)^m in place of cos^m(latitude) exp(i m longitude), the potential is

    V = GM / r  sum_m  X_m Re(xi + i eta)^m + Y_m Im(xi + i eta)^m,    X_m = sum_n rho^n C_nm H_nm(u),   Y_m likewise with S,

where H_nm is the m-th derivative of the normalised Legendre polynomial. Two evaluations of the same sums: unrolled over every
(n, m), which a batch runs ten times faster but whose program grows with the square of the degree, and a scan over the degree
with arrays over the order, whose program does not grow.

**Reference.** Pines, Uniform representation of the gravitational potential and its derivatives, AIAA Journal 11 (1973).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from perilune.math.vector import Vec3
from perilune.types import Scalar, Vector

# Beyond this the unrolled program no longer stays in one fused loop (measured: 151 ns a lander at 16, 2,700 ns at 20).
UNROLLED_DEGREE_MAX = 16

Coefficients = Float[Array, "n n"]


class HarmonicSums(eqx.Module):
    """V r / GM and its slopes along xi, eta, u, and minus its slope along log r."""

    value: Scalar
    slope_xi: Scalar
    slope_eta: Scalar
    slope_u: Scalar
    decay: Scalar


def harmonic_sums(direction: Vec3, rho: Scalar, c: Coefficients, s: Coefficients, degree_min: int) -> HarmonicSums:
    """Terms of degree `degree_min` to that of the coefficients, at a unit vector and radius ratio rho = R / r."""
    evaluate = _unrolled_sums if c.shape[0] - 1 <= UNROLLED_DEGREE_MAX else _scanned_sums
    return evaluate(direction, rho, c, s, degree_min)


# --- unrolled -----------------------------------------------------------------------------------------------------------------


class _MonicScales(NamedTuple):
    """H = `scale` x G, where G_nm = u G_(n-1)m - `back` G_(n-2)m and G_mm = 1: fewest operations; `up` scales G_n(m+1) in dH/du."""

    scale: np.ndarray
    back: np.ndarray
    up: np.ndarray


@cache
def _monic_scales(degree: int) -> _MonicScales:
    a, b, k, diagonal = _recursion(degree)
    scale, back = np.diag(diagonal), np.zeros_like(a)
    for n in range(1, degree + 1):
        scale[n, :n] = a[n, :n] * scale[n - 1, :n]
        back[n, : n - 1] = b[n, : n - 1] * scale[n - 2, : n - 1] / scale[n, : n - 1]
    up = k * np.pad(scale[:, 1:], ((0, 0), (0, 1)))
    return _MonicScales(scale, back, up)


def _unrolled_sums(direction: Vec3, rho: Scalar, c: Coefficients, s: Coefficients, degree_min: int) -> HarmonicSums:
    # G carries rho^(n-m), the powers of xi + i eta carry rho^m: then every G_mm is 1.
    degree = c.shape[0] - 1
    basis = _unrolled_basis(direction.z * rho, rho * rho, degree)
    powers = _powers(direction.x * rho, direction.y * rho, degree)
    columns = _scaled_columns(c, s, degree)
    zero = jnp.zeros_like(rho)
    value, slope_xi, slope_eta, slope_u, decay = zero, zero, zero, zero, zero
    for m, (re, im) in enumerate(powers):
        first = max(m, degree_min)
        x, y, z, w = (_column_sum(column[m], basis, m, first) for column in columns[:4])
        x_up, y_up = (_column_sum(column[m], basis, m + 1, max(m + 1, degree_min)) for column in columns[4:])
        value = value + (x * re + y * im)
        slope_u = slope_u + (x_up * re + y_up * im)
        decay = decay + (z * re + w * im)
        if m > 0:
            re_below, im_below = powers[m - 1]
            slope_xi = slope_xi + m * (x * re_below + y * im_below)
            slope_eta = slope_eta + m * (y * re_below - x * im_below)
    return HarmonicSums(value, slope_xi * rho, slope_eta * rho, slope_u * rho, decay)


def _unrolled_basis(u_rho: Scalar, rho_squared: Scalar, degree: int) -> list[list[Scalar]]:
    back = _monic_scales(degree).back
    basis: list[list[Scalar]] = [[1.0] * (degree + 2) for _ in range(degree + 1)]
    for m in range(degree):
        basis[m + 1][m] = u_rho
        for n in range(m + 2, degree + 1):
            basis[n][m] = u_rho * basis[n - 1][m] - float(back[n, m]) * (rho_squared * basis[n - 2][m])
    return basis


def _powers(xi: Scalar, eta: Scalar, degree: int) -> list[tuple[Scalar, Scalar]]:
    powers: list[tuple[Scalar, Scalar]] = [(1.0, 0.0)]
    for _ in range(degree):
        re, im = powers[-1]
        powers.append((re * xi - im * eta, re * eta + im * xi))
    return powers


def _scaled_columns(c: Coefficients, s: Coefficients, degree: int) -> list[list[list[Array]]]:
    """C and S scaled for X, Y, for the decay (factor n + m + 1) and for the slope along u; indexed [which][m][n]."""
    scales = _monic_scales(degree)
    order_up = np.arange(degree + 1)[:, None] + np.arange(degree + 1)[None, :] + 1.0
    factors = (scales.scale, scales.scale * order_up, scales.up)
    tables = [field * factor for factor in factors for field in (c, s)]
    return [_by_order(table, degree) for table in tables]


def _by_order(table: Coefficients, degree: int) -> list[list[Array]]:
    size = degree + 1
    pieces = [piece.reshape(()) for piece in lax.split(table.T.reshape(-1), [1] * size**2)]
    return [pieces[m * size : (m + 1) * size] for m in range(size)]


def _column_sum(column: Sequence[Array], basis: list[list[Scalar]], order: int, first: int) -> Scalar:
    total: Scalar = 0.0
    for n in range(first, len(column)):
        total = total + column[n] * basis[n][order]
    return total


# --- scanned ------------------------------------------------------------------------------------------------------------------


@cache
def _recursion(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """H_nm = a u H_(n-1)m - b H_(n-2)m, dH_nm/du = k H_n(m+1), and H_mm; all fully normalised."""
    n, m = np.arange(degree + 1.0)[:, None], np.arange(degree + 1.0)[None, :]
    with np.errstate(all="ignore"):
        a = np.where(m < n, np.sqrt((2 * n + 1) * (2 * n - 1) / ((n - m) * (n + m))), 0.0)
        b = np.where(m < n - 1, np.sqrt((2 * n + 1) * (n + m - 1) * (n - m - 1) / ((n - m) * (n + m) * (2 * n - 3))), 0.0)
        k = np.where(m < n, np.sqrt((n - m) * (n + m + 1) * np.where(m == 0, 0.5, 1.0)), 0.0)
        ratio = np.sqrt((2 * m[0] + 1) / np.maximum(2 * m[0], 1.0))
    ratio[: min(2, degree + 1)] = (1.0, np.sqrt(3.0))[: degree + 1]
    return a, b, k, np.cumprod(ratio)


class _Climb(NamedTuple):
    """What the scan over the degree carries: H of the last two degrees, the power of xi + i eta, and the six sums over n."""

    last: Vector
    before: Vector
    power: tuple[Scalar, Scalar]
    sums: tuple[Vector, ...]


def _scanned_sums(direction: Vec3, rho: Scalar, c: Coefficients, s: Coefficients, degree_min: int) -> HarmonicSums:
    degree = c.shape[0] - 1
    a, b, k, diagonal = _recursion(degree)
    order = jnp.arange(degree + 1.0)
    u_rho, rho_squared = direction.z * rho, rho * rho
    wanted = (np.arange(degree + 1) >= degree_min)[:, None]

    def climb(at: _Climb, row: tuple[Array, ...]) -> tuple[_Climb, Any]:
        n, a_n, b_n, k_n, start_n, c_n, s_n = row
        h = a_n * (u_rho * at.last) - b_n * (rho_squared * at.before) + start_n * rho**n
        up = k_n * jnp.append(h[1:], 0.0)
        decay = (n + order + 1.0) * h
        terms = (c_n * h, s_n * h, c_n * decay, s_n * decay, c_n * up, s_n * up)
        re, im = at.power
        power = (re * direction.x - im * direction.y, re * direction.y + im * direction.x)
        return _Climb(h, at.last, power, tuple(a + b for a, b in zip(at.sums, terms, strict=True))), at.power

    zeros = jnp.zeros(degree + 1) * rho
    start = _Climb(zeros, zeros, (jnp.ones_like(rho), jnp.zeros_like(rho)), (zeros,) * 6)
    constants = (jnp.asarray(table) for table in (a, b, k, np.diag(diagonal)))
    rows = (order, *constants, jnp.where(wanted, c, 0.0), jnp.where(wanted, s, 0.0))
    end, (re, im) = lax.scan(climb, start, rows)
    return _summed_over_order(end.sums, re, im, order)


def _summed_over_order(sums: tuple[Vector, ...], re: Vector, im: Vector, order: Vector) -> HarmonicSums:
    x, y, z, w, x_up, y_up = sums
    re_below, im_below = jnp.append(0.0, re[:-1]), jnp.append(0.0, im[:-1])
    return HarmonicSums(
        value=jnp.sum(x * re + y * im),
        slope_xi=jnp.sum(order * (x * re_below + y * im_below)),
        slope_eta=jnp.sum(order * (y * re_below - x * im_below)),
        slope_u=jnp.sum(x_up * re + y_up * im),
        decay=jnp.sum(z * re + w * im),
    )
