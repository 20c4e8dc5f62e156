"""The flight-dynamics desk: orbits that lead to where the lander is to go."""
