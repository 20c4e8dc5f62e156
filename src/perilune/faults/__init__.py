"""Faults are rows of data, applied at seams; models never hear of them."""
