"""The catalogue: one TOML file a mission, with its sources and with what was observed."""
