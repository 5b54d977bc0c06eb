"""Metrics: turn the replies to a prompt or query into a number, or None with a reason."""
