from dataclasses import replace

from sfr_eval.report.scoreboard import scoreboard
from sfr_eval.store.against import Against, AgainstRow
from sfr_eval.store.manifest import Manifest, PlannedSuite
from sfr_eval.store.results import Results, SuiteResults, read_suites
from tests.support.report_data import estimate

T = (0.5, 1.0)


def suite(**more: object) -> SuiteResults:
    rows = [
        row
        for t in T
        for row in (
            estimate("embed_distance", 0.3 * t, temperature=t),
            estimate("style_strength", 0.5, temperature=t),
            estimate("length", 12.0, temperature=t),
            estimate("truncation_rate", 0.1, temperature=t),
            estimate("query_accuracy", None, temperature=t),
        )
    ]
    manifest = Manifest(plan=(PlannedSuite(suite="persona"),))
    (one,) = read_suites(manifest, Results(estimates=tuple(rows), **more))
    return one


def test_the_board_has_what_was_measured_nearest_to_one() -> None:
    board = scoreboard(suite())
    assert board.temperature == 1.0
    assert [(card.role, card.metric) for card in board.cards] == [
        ("variety", "embed_distance"),
        ("style", "style_strength"),
        ("length", "length"),
    ]
    assert board.cards[0].text == "0.300 ± 0.010"
    assert board.cut is not None
    assert board.cut.value == 0.1


def test_another_temperature_may_be_named() -> None:
    assert scoreboard(suite(), temperature=0.5).cards[0].estimate.value == 0.15


def test_a_difference_comes_with_interval_and_words() -> None:
    row = AgainstRow(
        metric="embed_distance",
        temperature=1.0,
        delta=-0.1,
        low=-0.2,
        high=-0.05,
        words="less varied",
    )
    against = Against(kind="base model", name="base", rows=(row,))
    board = scoreboard(suite(against={"persona": (against,)}))
    (difference,) = board.cards[0].differences
    assert (difference.name, difference.words) == ("base", "less varied")
    assert difference.text == "-0.10 [-0.20, -0.05]"
    assert board.cards[1].differences == ()


def test_what_was_not_measured_says_how_to_get_it() -> None:
    undefined = {("oracle_valid", 1.0, ""): estimate("oracle_valid", None)}
    board = scoreboard(replace(suite(), estimates={**suite().estimates, **undefined}))
    assert [place.role for place in board.places] == ["variety", "style", "quality", "length"]
    (missing,) = board.missing
    assert (missing.role, missing.how) == ("quality", "undefined: no reply with text")
    lexical = {("self_bleu_4_fixed", 1.0, ""): estimate("self_bleu_4_fixed", None)}
    single = replace(suite(), samples=1, estimates=lexical)
    assert scoreboard(single, temperature=1.0).missing[0].how.startswith("needs two replies")
    bare = replace(suite(), samples=1, estimates={})
    assert {place.role: place.how for place in scoreboard(bare, temperature=1.0).missing} == {
        "variety": "needs two replies to a prompt: --samples 2 or more",
        "style": "the suite has no personas",
        "quality": "--judge MODEL scores it; relevance in --metrics needs no judge",
        "length": "add text to --metrics",
    }


def test_the_reference_is_apart_where_intervals_share_no_value() -> None:
    far = replace(suite(), truth={("embed_distance", ""): estimate("embed_distance", 0.5)})
    (difference,) = scoreboard(far).cards[0].differences
    assert (difference.text, difference.arrow) == ("-0.200", "▼")
    assert (difference.words, difference.tone) == ("intervals apart", "bad")
    near = replace(suite(), truth={("embed_distance", ""): estimate("embed_distance", 0.3)})
    (difference,) = scoreboard(near).cards[0].differences
    assert (difference.text, difference.arrow) == ("0.000", "")
    assert (difference.words, difference.tone) == ("intervals overlap", "none")


def test_the_cut_is_said_in_percent_and_marked_if_large() -> None:
    board = scoreboard(suite())
    assert (board.cut_text, board.much_cut) == ("10 % cut", False)
    much = replace(board, cut=estimate("truncation_rate", 0.256))
    assert (much.cut_text, much.much_cut) == ("26 % cut", True)
    assert replace(board, cut=estimate("truncation_rate", 0.004)).cut_text == "0.4 % cut"
    assert replace(board, cut=None).cut_text == ""
