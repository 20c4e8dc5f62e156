"""Navigation: an error-state Kalman filter of seventeen states, its gates and its models of the sensors."""
