"""Filters and penalties of sampling: who sets them, what a decoder is called, sweeps, presets."""
