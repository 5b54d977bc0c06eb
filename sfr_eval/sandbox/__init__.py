"""Runs programs that nobody has read: isolation, modes, verdicts."""
