"""Mathematics that both sides of the hull share. Truth is float64: a float32 metre at the Moon's radius is 0.125 m."""

import os

import jax

jax.config.update("jax_enable_x64", True)
# A batch never throws: what cannot be computed is not a number. (A program that could throw calls back into Python, and cannot be kept on disk.)
os.environ.setdefault("EQX_ON_ERROR", "nan")
