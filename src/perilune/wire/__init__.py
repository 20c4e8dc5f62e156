"""The only types known on both sides of the hull: what sensors say, what flight software orders, what the radio carries."""
