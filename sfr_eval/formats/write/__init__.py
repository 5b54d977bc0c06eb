"""A run folder, written in the formats of other tools."""
