"""Attitude control and the sharing out of thrust and torque among engines and thrusters."""
