"""pytest tests/report/test_encoder_warnings.py"""

import pytest

from sfr_eval.report.encoder_warnings import encoder_warnings, unreadable
from sfr_eval.store.results import EncoderDeviation, Notes


@pytest.mark.parametrize(
    ("unknown", "foreign", "said"),
    [
        (None, None, []),
        (0.02, 0.02, []),
        (0.4, None, ["40% of the characters are unknown"]),  # as emoji
        (1.0, 1.0, ["100% of the characters are unknown"]),  # as Ethiopic: said once
        (None, 1.0, ["100% of the letters belong to scripts"]),  # as Cyrillic
        (0.3, 1.0, ["30% of the characters are unknown", "100% of the letters belong"]),
    ],
)
def test_what_an_encoder_cannot_read_is_said_with_the_way_out(
    unknown: float | None, foreign: float | None, said: list[str]
) -> None:
    notes = Notes(unknown_share=unknown, foreign_share=foreign, foreign_scripts=["Cyrillic"])
    lines = list(unreadable(notes))
    assert [line.startswith(start) for line, start in zip(lines, said, strict=True)] == [
        True
    ] * len(said)
    assert all("--encoder multilingual" in line for line in lines)
    assert list(encoder_warnings(notes)) == lines


def test_a_language_is_said_once() -> None:
    german = Notes(foreign_language_share=0.5, foreign_languages=["de"])
    (line,) = unreadable(german)
    assert line.startswith("50% of the replies are in a language (de)")
    russian = Notes(
        foreign_share=1.0,
        foreign_scripts=["Cyrillic"],
        foreign_language_share=1.0,
        foreign_languages=["ru"],
    )
    assert len(list(unreadable(russian))) == 1


@pytest.mark.parametrize(("distance", "said"), [(0.5005, False), (0.503, True), (None, False)])
def test_a_deviation_is_said_where_it_moves_a_distance(distance: float | None, said: bool) -> None:
    deviation = EncoderDeviation(texts=128, mean_distance=distance, mean_distance_float32=0.5)
    lines = list(encoder_warnings(Notes(encoder_deviation=deviation)))
    assert lines == (
        [
            "Embeddings deviate from float32: on 128 texts the mean distance is 0.5030, in float32 "
            "0.5000."
        ]
        if said
        else []
    )
