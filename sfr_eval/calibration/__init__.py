"""Calibration of the metrics against synthetic benchmarks with known collapse."""
