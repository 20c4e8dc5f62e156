"""All operations that the translator has words for: a table from the name of each to what writes it in C."""

from typing import Any

from perilune.lanes import arithmetic, arrangement, sums
from perilune.lanes.control import Emitter, Lowered, Translator
from perilune.lanes.loops import Scan
from perilune.lanes.writer import Writer


def _same(writer: Writer, params: dict, *operands: Lowered) -> list[Any]:
    """Across a batch of one lander, and for what only tells the compiler something."""
    return list(operands)


TABLE: dict[str, Emitter] = {
    **{name: arithmetic.plain(name) for name in arithmetic.PLAIN},
    **{name: arithmetic.comparison(name) for name in arithmetic.COMPARISONS},
    "div": arithmetic.divide,
    "is_finite": arithmetic.is_finite,
    "convert_element_type": arithmetic.convert,
    "integer_pow": arithmetic.integer_power,
    "round": arithmetic.rounded,
    "select_n": arithmetic.select,
    "clamp": arithmetic.clamp,
    "reshape": arrangement.reshape,
    "squeeze": arrangement.squeeze,
    "expand_dims": arrangement.expand_dims,
    "broadcast_in_dim": arrangement.broadcast_in_dim,
    "transpose": arrangement.transpose,
    "slice": arrangement.slice_,
    "rev": arrangement.rev,
    "concatenate": arrangement.concatenate,
    "stack": arrangement.stack,
    "split": arrangement.split,
    "iota": arrangement.iota,
    "dynamic_slice": arrangement.dynamic_slice,
    "dynamic_update_slice": arrangement.dynamic_update_slice,
    "gather": arrangement.gather,
    "scatter": arrangement.scatter(adds=False),
    "scatter-add": arrangement.scatter(adds=True),
    "reduce_sum": sums.reduction("add"),
    "reduce_prod": sums.reduction("mul"),
    "reduce_max": sums.reduction("max"),
    "reduce_min": sums.reduction("min"),
    "reduce_or": sums.reduction("or"),
    "reduce_and": sums.reduction("and"),
    "dot_general": sums.dot_general,
    **dict.fromkeys(("optimization_barrier", "pmax", "pmin", "psum", "copy", "copy_p", "stop_gradient"), _same),
}

TRANSLATOR = Translator(TABLE)
TABLE.update(
    {
        "cond": TRANSLATOR.cond,
        "scan": Scan(TRANSLATOR),
        "jit": TRANSLATOR.call("jaxpr"),
        "closed_call": TRANSLATOR.call("call_jaxpr"),
        "custom_jvp_call": TRANSLATOR.call("call_jaxpr"),
        "custom_vjp_call": TRANSLATOR.call("call_jaxpr"),
        "custom_vmap_call": TRANSLATOR.call("call"),
    }
)
