"""Flight software: what runs on board. It knows its sensors and its beliefs, never the world."""
