"""Steps and edges with the derivative of what they stand for: the value is the step's, the derivative that of the straight line through it.

A count, a pulse too short to be given and a dead band have a derivative of nought almost everywhere and none at their edges, though over
many cycles what goes in comes out. Values are not touched: a flight is the same flight.

**Invalid when** the argument moves by less than one count, one pulse or the dead band: nothing then comes out for what goes in.
**Reference.** Bengio, Leonard & Courville, arXiv:1308.3432 (2013), who call it the straight-through estimator.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float


@jax.custom_jvp
def whole(number: Float[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """To the nearest whole number; derivative 1."""
    return jnp.round(number)


@whole.defjvp
def _whole_jvp(given: tuple[Any], moved: tuple[Any]) -> tuple[Any, Any]:
    return whole(*given), moved[0]


@jax.custom_jvp
def only_if(flag: Bool[ArrayLike, "*shape"], number: Float[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """The number where the flag is set, else nought; derivative 1 either way."""
    return jnp.where(flag, number, 0.0)


@only_if.defjvp
def _only_if_jvp(given: tuple[Any, Any], moved: tuple[Any, Any]) -> tuple[Any, Any]:
    return only_if(*given), moved[1]


@jax.custom_jvp
def root(square: Float[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """Square root; its derivative at nought, which has none, is nought: a norm of nothing does not spoil what it is multiplied by."""
    return jnp.sqrt(square)


@root.defjvp
def _root_jvp(given: tuple[Any], moved: tuple[Any]) -> tuple[Any, Any]:
    value = root(*given)
    return value, moved[0] * jnp.where(value > 0.0, 0.5 / jnp.where(value > 0.0, value, 1.0), 0.0)
