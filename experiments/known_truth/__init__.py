"""The parts of the experiment `objectives.py`."""
