from dataclasses import replace
from typing import Any

from sfr_eval.report.warnings import severe
from sfr_eval.report.without_replies import without_replies
from sfr_eval.types import Sample
from tests.report.test_scoreboard import suite
from tests.support.report_data import draw, small_suite


def samples(count: int, **changes: Any) -> list[Sample]:
    return [replace(sample, **changes) for sample in draw(small_suite())[:count]]


def test_that_all_requests_failed_is_the_headline() -> None:
    failed = samples(6, status="error", text="", error="401: wrong key")
    found = without_replies(suite(), failed)
    assert found is not None
    assert (found.tone, found.headline) == ("bad", "All 6 requests failed")
    assert found.sentences[0] == "Most often: 401: wrong key"
    assert severe(failed)


def test_several_reasons_are_counted() -> None:
    mixed = samples(4, status="error", text="") + samples(2, status="refused", text="")
    found = without_replies(suite(), mixed)
    assert found is not None
    assert found.headline == "No reply has text: 4 of 6 requests failed"


def test_empty_replies_are_no_replies() -> None:
    found = without_replies(suite(), samples(3, text=" \n"))
    assert found is not None
    assert found.headline == "All 3 replies are empty"


def test_one_reply_with_text_is_enough_for_a_verdict() -> None:
    some = samples(4) + samples(1, status="error", text="")
    assert without_replies(suite(), some) is None
    assert without_replies(suite(), []) is None
    assert not severe(some)
    assert severe(samples(4) + samples(2, status="truncated"))
