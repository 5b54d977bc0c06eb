"""Runs `python -m sfr_eval` as `sfr-eval`."""

from sfr_eval.cli import main

if __name__ == "__main__":
    main()
