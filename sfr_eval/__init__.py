"""sfr-eval: has a fine-tuned language model collapsed, and what did that cost or save?"""

__version__ = "0.1.0"
