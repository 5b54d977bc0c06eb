"""The parts of the experiment `natural.py`."""
