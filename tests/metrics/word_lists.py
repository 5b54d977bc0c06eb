"""Token lists that several tests of the lexical metrics share."""

import numpy as np
from hypothesis import strategies as st

T = [text.split() for text in ("a b c d e", "a b c d f", "a b x y z", "a b c d e g")]
"""The worked example of the lexical metrics."""

token_lists = st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=2, max_size=7)


def zipf_texts(seed: int, count: int, words: int = 30) -> list[list[str]]:
    weights = 1 / np.arange(1, 301)
    drawn = np.random.default_rng(seed).choice(300, p=weights / weights.sum(), size=(count, words))
    return [[str(word) for word in row] for row in drawn]
