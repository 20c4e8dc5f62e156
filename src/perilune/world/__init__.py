"""The truth: what the lander is and what happens to it. Flight software never sees this package."""
