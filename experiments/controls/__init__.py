"""The parts of the experiment `semantic.py`."""
