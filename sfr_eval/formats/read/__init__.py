"""Generations and logs of other tools, imported into a run folder."""
