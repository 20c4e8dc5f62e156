"""Perilune flies a robotic lunar landing before anyone flies it for real."""

import os
from typing import TYPE_CHECKING, Any

# A batch never throws: what cannot be computed is not a number. (A program that could throw calls back into Python, and cannot be kept on
# disk.) Equinox looks at it once, when it is imported, so it must be said before any module of ours imports that.
os.environ.setdefault("EQX_ON_ERROR", "nan")

if TYPE_CHECKING:
    from perilune.campaign.campaign import Campaign, campaign
    from perilune.campaign.linear import LinearCovariance, linear_covariance
    from perilune.scenario.flight import Flight, fly
    from perilune.scenario.forces import Forces
    from perilune.scenario.load import load
    from perilune.scenario.propagate import Trajectory, propagate

__all__ = ["Campaign", "Flight", "Forces", "LinearCovariance", "Trajectory", "campaign", "fly", "linear_covariance", "load", "propagate"]

_HOMES = {
    "Campaign": "perilune.campaign.campaign",
    "campaign": "perilune.campaign.campaign",
    "Flight": "perilune.scenario.flight",
    "Forces": "perilune.scenario.forces",
    "LinearCovariance": "perilune.campaign.linear",
    "Trajectory": "perilune.scenario.propagate",
    "fly": "perilune.scenario.flight",
    "linear_covariance": "perilune.campaign.linear",
    "load": "perilune.scenario.load",
    "propagate": "perilune.scenario.propagate",
}


def __getattr__(name: str) -> Any:
    """What is slow to import waits until it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'perilune' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
