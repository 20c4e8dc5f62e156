"""The simulation: one tick, the flight that repeats it, the coast between, and what became of the lander."""
