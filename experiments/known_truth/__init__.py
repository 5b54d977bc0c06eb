"""Parts of the experiment `objectives.py`."""
