"""pytest tests/report/test_reply_warnings.py"""

import pytest

from sfr_eval.report.reply_warnings import SHARES, reply_warnings
from sfr_eval.store.results import SuiteResults
from tests.support.report_data import estimate


def suite(**values: tuple[float | None, ...]) -> SuiteResults:
    """Results by metric, one value for each of the temperatures .5, 1 and 1.5."""
    temperatures = (0.5, 1.0, 1.5)
    return SuiteResults(
        id="persona",
        title="",
        personas={},
        temperatures=temperatures,
        samples=8,
        estimates={
            (metric, t, ""): estimate(metric, value, temperature=t)
            for metric, row in values.items()
            for t, value in zip(temperatures, row, strict=True)
        },
        truth={},
        notes={},
        similarity={},
    )


def test_clean_replies_have_no_warning() -> None:
    clean = suite(
        refusal_rate=(0.0, 0.01, 0.0),
        language_mismatch_rate=(None, None, None),
        prompt_copy_rate=(0.0, 0.0, 0.0),
        word_order=(0.5, 0.4, 0.3),
    )
    assert list(reply_warnings(clean)) == []
    assert list(reply_warnings(suite())) == []


@pytest.mark.parametrize(
    ("metric", "word"),
    [
        ("refusal_rate", "refuse to answer"),
        ("language_mismatch_rate", "another language"),
        ("prompt_copy_rate", "repeat their prompt"),
        ("empty_rate", "are empty"),
    ],
)
def test_each_reason_is_named_with_its_share(metric: str, word: str) -> None:
    (line,) = reply_warnings(suite(**{metric: (0.25, 0.25, 0.25)}))
    assert line.startswith("25% of the replies ")
    assert word in line
    assert not list(reply_warnings(suite(**{metric: (0.25, 0.25, 0.25)}), without={metric}))


def test_temperatures_are_named_unless_it_is_all() -> None:
    (line,) = reply_warnings(suite(refusal_rate=(0.0, 0.02, 0.5)))
    assert line.startswith("2% to 50% of the replies at T = 1, 1.5 refuse")
    (line,) = reply_warnings(suite(refusal_rate=(0.1, 0.02, 0.5)))
    assert line.startswith("2% to 50% of the replies refuse")


def test_the_gravest_stands_first() -> None:
    many = (0.5, 0.5, 0.5)
    lines = list(reply_warnings(suite(**dict.fromkeys(SHARES, many), word_order=(0.0, 0.0, 0.0))))
    assert ["refuse" in lines[0], "language" in lines[1], "prompt" in lines[2]] == [True] * 3
    assert "word salad" in lines[-1]


def test_words_without_order_are_named() -> None:
    # The interval is .01 to each side: at 1 its upper end is .04, at .5 it is .06.
    (line,) = reply_warnings(suite(word_order=(0.05, 0.03, 0.0)))
    assert line.startswith("T = 1, 1.5: the order of the words tells nothing")
