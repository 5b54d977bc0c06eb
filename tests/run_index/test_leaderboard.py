"""Ranks: as much order as the intervals tell, and no more."""

import random
from pathlib import Path

from sfr_eval.run_index.leaderboard import differing_settings, leaderboards, rank_ranges
from sfr_eval.run_index.page import render
from sfr_eval.run_index.runs import read_runs
from sfr_eval.run_index.tree import find_tree
from sfr_eval.store.manifest import Manifest
from sfr_eval.types import Estimate
from tests.support.index_data import QUALITY, VARIETY, Value, copy_run
from tests.support.report_data import estimate


def interval(low: float, high: float, metric: str = QUALITY) -> Estimate:
    return estimate(metric, (low + high) / 2, (high - low) / 2)


def texts(*estimates: Estimate) -> list[str]:
    ranks = rank_ranges(dict(enumerate(estimates)))
    return [ranks[number].text if number in ranks else "-" for number in range(len(estimates))]


def test_three_runs_worked_by_hand() -> None:
    # A is ahead of C alone; B overlaps both.
    assert texts(interval(0.7, 0.9), interval(0.5, 0.75), interval(0.4, 0.6)) == [
        "1-2",
        "1-3",
        "2-3",
    ]


def test_intervals_apart_give_a_plain_order() -> None:
    a, b, c = interval(0.7, 0.8), interval(0.5, 0.6), interval(0.3, 0.4)
    assert texts(b, c, a) == ["2", "3", "1"]


def test_where_lower_is_better_the_order_turns() -> None:
    assert texts(interval(0.1, 0.2, VARIETY), interval(0.3, 0.4, VARIETY)) == ["1", "2"]


def test_intervals_that_touch_are_not_apart() -> None:
    assert texts(interval(0.25, 0.5), interval(0.5, 0.75)) == ["1-2", "1-2"]


def test_without_interval_or_direction_there_is_no_rank() -> None:
    assert texts(estimate(QUALITY, 0.5, None), interval(0.1, 0.2)) == ["-", "1"]
    assert texts(interval(30, 31, "length"), interval(40, 41, "length")) == ["-", "-"]


def test_equal_intervals_share_all_places() -> None:
    assert texts(*[interval(0.1, 0.2)] * 4) == ["1-4"] * 4


def test_ranks_hold_every_order_that_the_intervals_allow() -> None:
    """Oracle: values drawn from within the intervals, sorted, never leave the ranks."""
    draw = random.Random(0)
    for _ in range(200):
        ends = [sorted(draw.sample(range(12), 2)) for _ in range(5)]
        ranks = rank_ranges({i: interval(low, high) for i, (low, high) in enumerate(ends)})
        values = {i: draw.uniform(low, high) for i, (low, high) in enumerate(ends)}
        for place, i in enumerate(sorted(values, key=lambda i: -values[i]), start=1):
            assert ranks[i].best <= place <= ranks[i].worst


def test_runs_stand_in_order_of_their_variety(source: Path, tmp_path: Path) -> None:
    found: dict[str, Value] = {
        "a": (0.5, 0.45, 0.55),
        "b": (0.2, 0.15, 0.25),
        "c": (0.22, 0.18, 0.26),
    }
    for name, value in found.items():
        copy_run(source, tmp_path / name, values={(VARIETY, 1.0): value})
    (board,) = leaderboards(read_runs([tmp_path]))
    assert board.suite == "persona"
    assert board.metrics["variety"] == VARIETY
    ranks = {s.row.place: s.ranks["variety"].text for s in board.standings}
    assert list(ranks.items()) == [("b", "1-2"), ("c", "1-2"), ("a", "3")]
    assert "length" not in board.standings[0].ranks


def test_other_settings_are_another_table(source: Path, tmp_path: Path) -> None:
    identity = Manifest.load(source).stored()["identity"]
    cut = {"persona": identity["sampling"]["persona"] | {"min_p": 0.1}}
    for name in ("a", "b", "c"):
        copy_run(source, tmp_path / name)
    for name in ("d", "e"):
        copy_run(source, tmp_path / name, about={"identity": identity | {"sampling": cut}})
    copy_run(source, tmp_path / "alone", about={"identity": identity | {"system_role": "merge"}})
    first, second = leaderboards(read_runs([tmp_path]))
    assert [s.row.place for s in first.standings] == ["a", "b", "c"]
    assert [s.row.place for s in second.standings] == ["d", "e"]
    assert dict(second.distinct) == {"min_p": "0.1"}
    assert dict(first.distinct) == {"min_p": "0.0"}


def test_a_run_that_lacks_replies_has_no_rank(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        copy_run(source, tmp_path / name)
    copy_run(source, tmp_path / "c", about={"status": "partial", "samples": 100})
    (board,) = leaderboards(read_runs([tmp_path]))
    ranks = {s.row.place: bool(s.ranks) for s in board.standings}
    assert ranks == {"a": True, "b": True, "c": False}
    assert board.standings[-1].row.place == "c"


def test_one_run_makes_no_table(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "a")
    assert leaderboards(read_runs([tmp_path])) == []


def test_another_metric_is_named_and_not_taken_apart(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        copy_run(source, tmp_path / name)
    for name, old, new in (
        ("c", VARIETY, "embed_distance"),
        ("d", f"{VARIETY}|version:", f"{VARIETY}|version:other-"),
    ):
        file = tmp_path / name / "results.json"
        file.write_text(file.read_text().replace(old, new))
    a, b, c, d = read_runs([tmp_path])
    assert differing_settings(a, [b]) == {}
    assert differing_settings(c, [a]) == {"variety metric": "embed_distance"}
    assert list(differing_settings(d, [a])) == ["variety version"]


def test_length_splits_no_table(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "a")
    other = copy_run(source, tmp_path / "b") / "results.json"
    other.write_text(other.read_text().replace("length|version:", "length|version:other-"))
    (board,) = leaderboards(read_runs([tmp_path]))
    assert len(board.standings) == 2
    tree = find_tree([tmp_path])
    page = render(tree, read_runs([tmp_path]), folder=tmp_path)
    assert page.count("measured otherwise") == 1
