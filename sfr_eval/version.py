"""The version of sfr-eval, said once."""

__version__ = "0.2.0"
