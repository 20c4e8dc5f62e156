"""Perilune flies a robotic lunar landing before anyone flies it for real."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perilune.scenario.flight import Flight, fly
    from perilune.scenario.load import load

__all__ = ["Flight", "fly", "load"]

_HOMES = {"load": "perilune.scenario.load", "fly": "perilune.scenario.flight", "Flight": "perilune.scenario.flight"}


def __getattr__(name: str) -> Any:
    """What is slow to import waits until it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'perilune' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
