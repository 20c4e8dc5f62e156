"""Mathematics that both sides of the hull share. Truth is float64: a float32 metre at the Moon's radius is 0.125 m."""

import jax

jax.config.update("jax_enable_x64", True)
