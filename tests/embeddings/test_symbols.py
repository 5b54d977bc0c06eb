"""pytest tests/embeddings/test_symbols.py: replies of one emoji, which the encoder cannot read"""

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.embeddings.symbols import has_symbols, spelled
from tests.metrics.conftest import encoder  # noqa: F401  (a fixture)

ROCKET, OCTOPUS, DOG = "\U0001f680", "\U0001f419", "\U0001f436"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ROCKET, "rocket"),
        (f"{ROCKET} {DOG}!", "rocket dog face !"),
        (f"Go{ROCKET}", "Go rocket"),
        ("\u2615", "hot beverage"),
        ("\U0001f44d\U0001f3fd", "thumbs up sign emoji modifier fitzpatrick type-4"),
        ("^_^ `a`", "^_^ `a`"),
        ("日本", "日本"),
        ("", ""),
    ],
)
def test_symbols_have_their_names(text: str, expected: str) -> None:
    assert spelled(text) == expected
    assert has_symbols(text) == (text != expected)


def test_emoji_are_told_apart_and_texts_stay_as_they_are(encoder: Encoder) -> None:  # noqa: F811
    texts = [ROCKET, OCTOPUS, "rocket", f"A rocket goes up into the sky {ROCKET}", "rocket"]
    rows = encoder.encode(texts)
    assert np.array_equal(rows[0], rows[2])
    assert np.array_equal(rows[2], rows[4])
    assert float(rows[0] @ rows[1]) < 0.7
    assert encoder.readable([*texts, "\U0001f9ff" * 3, "ጤና ይስጥልኝ"]).tolist() == [True] * 6 + [False]
    assert not np.array_equal(rows[3], encoder.encode([spelled(texts[3])])[0])
