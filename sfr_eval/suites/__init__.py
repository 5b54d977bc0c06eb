"""Suites: their queries and personas, the synthetic benchmark, coding problems."""
