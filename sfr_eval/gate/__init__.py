"""The regression gate: what is asked, a small baseline, one verdict, and the files CI reads."""
