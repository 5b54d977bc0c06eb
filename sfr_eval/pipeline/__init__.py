"""The main path of a run, in order: preflight, draw, judge, measure, report."""
