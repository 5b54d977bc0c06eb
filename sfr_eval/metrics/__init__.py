"""Metrics: rows of one prompt or query in, a number or None with a reason out."""
