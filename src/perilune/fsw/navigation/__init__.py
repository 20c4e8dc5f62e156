"""Navigation: an error-state Kalman filter of sixteen states, its gates and its models of the sensors."""
