"""Checkpoints and what is inside: weights, templates, hidden states."""
