"""Array aliases. Shapes stand in the annotation, units in the name (checked while tests run)."""

from typing import TYPE_CHECKING, TypeAlias

from jaxtyping import Array, ArrayLike, Bool, Float, Int, UInt32

if TYPE_CHECKING:
    # A checker of types cannot see shapes; what it needs is that arithmetic between scalars is allowed.
    Scalar: TypeAlias = Array | float
    Flag: TypeAlias = Array | bool
    Index: TypeAlias = Array | int
    Bits: TypeAlias = Array
else:
    Scalar: TypeAlias = Float[ArrayLike, ""]
    Flag: TypeAlias = Bool[ArrayLike, ""]
    Index: TypeAlias = Int[ArrayLike, ""]
    Bits: TypeAlias = UInt32[ArrayLike, ""]

Vector: TypeAlias = Float[Array, " n"]
Matrix: TypeAlias = Float[Array, "n m"]
