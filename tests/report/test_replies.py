"""pytest tests/report/test_replies.py"""

from collections.abc import Sequence
from typing import Any

from sfr_eval.report.replies import for_page, replies_address
from sfr_eval.report.reply_choice import MAX_REPLIES
from sfr_eval.report.reply_map import MapPoint, ReplyMap
from sfr_eval.report.reply_quality import Quality
from sfr_eval.types import Sample
from tests.support.reply_data import page_data, prompt, reply

THREE = (
    prompt("q1", ["a b c d e", "a b c d f", "g h i j k"])  # repetition (1/2 + 1/2 + 0) / 3
    + prompt("q2", ["same text here now", "same text here now"])  # 1
    + prompt("q3", ["one of its own", "and quite another one"])  # 0
    + prompt("q4", ["alone"])  # undefined
)


def order(data: dict[str, Any], id: str) -> list[str]:
    runs = len(data["runs"])
    return [data["prompts"][key * runs]["query"] for key in data["orders"][id]]


def test_prompts_are_ordered_by_repetition_with_undefined_ones_last() -> None:
    data = page_data(THREE)
    assert [p.get("repetition") for p in data["prompts"]] == [0.3333, 1.0, 0.0, None]
    assert order(data, "repetition") == ["q2", "q1", "q3", "q4"]
    assert order(data, "variety") == ["q3", "q1", "q2", "q4"]
    assert set(data["orders"]) == {"repetition", "variety"}


def test_the_lowest_quality_comes_first_whichever_way_is_better() -> None:
    values = {(1.0, "q1", "a"): 0.5, (1.0, "q3", "a"): 0.1, (1.0, "q4", "a"): 0.9}
    data = page_data(THREE, quality=Quality(metric="oracle_valid", values=(values,)))
    assert order(data, "quality") == ["q3", "q1", "q4", "q2"]
    assert [p.get("quality") for p in data["prompts"]] == [0.5, None, 0.1, 0.9]
    data = page_data(THREE, quality=Quality(metric="self_bleu_4_fixed", values=(values,)))
    assert order(data, "quality") == ["q4", "q1", "q3", "q2"]


def test_runs_that_disagree_come_first() -> None:
    other = (
        prompt("q1", ["a b c d e", "a b c d f", "g h i j k"])  # as in the first run
        + prompt("q2", ["nothing of that", "is in here"])  # all is different, and varied
        + prompt("q3", ["one of its own", "one of its own"])  # half is shared
    )
    data = page_data(THREE, other)
    assert order(data, "disagreement") == ["q2", "q3", "q1"]
    assert order(data, "gap") == ["q2", "q3", "q1"]
    assert [(p["run"], p["query"]) for p in data["prompts"][:2]] == [(0, "q1"), (1, "q1")]
    assert order(data, "repetition") == ["q2", "q3", "q1"]  # (1 + 0) / 2, (0 + 1) / 2, 1/3


def test_duplicates_are_written_once_and_long_texts_cut() -> None:
    data = page_data(prompt("q", ["same", "other", "same ", "x" * 5000]))
    replies = data["prompts"][0]["replies"]
    assert replies[:3] == [{"text": "same"}, {"text": "other"}, {"same": 1}]
    assert replies[3]["text"].endswith("[cut here; 5,000 characters in all]")


def test_of_many_replies_the_first_are_shown_and_this_is_said() -> None:
    data = page_data([reply(1.0, "q", "a", i) for i in reversed(range(900))])
    (row,) = data["prompts"]
    assert (len(row["replies"]), row["total"]) == (MAX_REPLIES, 900)
    assert row["replies"][0]["text"].endswith(" 0")
    assert (data["shown"], data["total"], data["suite"]) == (MAX_REPLIES, 900, "s")


def test_a_reply_that_is_not_the_next_one_has_its_number() -> None:
    rows = [reply(1.0, "q", "a", i) for i in range(50)]
    data = page_data(rows, wanted={rows[44].sample_id: rows[44].cell})
    last = data["prompts"][0]["replies"][-1]
    assert last == {"n": 45, "text": "1.0 q a 44"}


def test_a_failed_reply_shows_its_error() -> None:
    rows = [reply(1.0, "q", "a", 0, status="error", text="", error="lost"), reply(1.0, "q", "a", 1)]
    (row,) = page_data(rows)["prompts"]
    assert row["replies"][0] == {"status": "error", "text": "lost"}
    assert "repetition" not in row  # one text alone


def test_places_on_the_map_stand_with_their_replies() -> None:
    point = MapPoint(x=0.12345, y=-1.0, echo=True)
    shown: list[Sequence[Sequence[Sample]]] = []

    def locate(runs: Sequence[Sequence[Sample]]) -> ReplyMap:
        shown.append(runs)
        return ReplyMap(points={THREE[1].sample_id: point}, shares=(0.5, 0.25))

    data = page_data(THREE, locate=locate)
    assert [reply.sample_id for reply in shown[0][0]] == [reply.sample_id for reply in THREE]
    assert data["prompts"][0]["replies"][1]["at"] == [0.123, -1.0, 1]
    assert data["map"]["shares"] == [0.5, 0.25]
    assert page_data(THREE)["map"] == {}


def test_every_status_of_the_run_can_be_chosen() -> None:
    rows = [*THREE, reply(1.0, "q1", "a", 3, status="refused", text="")]
    found = for_page({"run": rows}, personas={}, queries={"q1": "Who?"})
    assert found["statuses"] == ["ok", "refused"]
    assert found["queries"]["q1"] == "Who?"
    assert found["personas"] == {"a": "a"}


def test_an_address_is_encoded() -> None:
    assert replies_address("replies-1", persona="a b", text="x&y=\u00e9", temperature=1.0) == (
        "#replies-1?persona=a+b&text=x%26y%3D%C3%A9&temperature=1.0"
    )
