"""Checkpoints: their weights, chat templates and hidden states."""
