"""Runs compared with each other, paired by prompt."""
