"""Many flights of one mission: what the odds are, and why flights fail."""
