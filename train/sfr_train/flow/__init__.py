"""Flow matching: paths, heads, random numbers, and the schedule of its weight."""
