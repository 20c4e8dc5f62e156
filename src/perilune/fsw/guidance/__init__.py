"""Guidance: braking to a gate, approach to a target, vertical descent."""
