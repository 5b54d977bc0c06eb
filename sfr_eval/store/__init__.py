"""The run folder: samples, manifest, results."""
