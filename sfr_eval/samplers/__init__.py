"""Engines: each turns Requests into Samples as they finish."""
