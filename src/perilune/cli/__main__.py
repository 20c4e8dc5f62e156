"""`python -m perilune.cli`."""

from perilune.cli import app

app()
