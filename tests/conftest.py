"""What all tests share: compiled programs are kept between runs, and examples are drawn without a clock."""

from pathlib import Path

import jax
from hypothesis import settings

CACHE = Path(__file__).parents[1] / ".cache" / "jax"

jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

# Compilation makes the first example slow; a deadline would fail it for that.
settings.register_profile("perilune", deadline=None, derandomize=True)
settings.load_profile("perilune")
