"""Perilune flies a robotic lunar landing before anyone flies it for real."""
