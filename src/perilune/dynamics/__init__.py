"""The equations of motion and propagation, once, as pure functions."""
