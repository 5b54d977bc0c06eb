"""pytest tests/report/test_alone.py"""

from collections.abc import Mapping
from dataclasses import replace

from sfr_eval.report.alone import described
from sfr_eval.report.repetitions import repetitions
from sfr_eval.report.verdict import RULES_ALONE, RULES_OF_COMPARISON, finding, rules
from sfr_eval.store.against import Against, AgainstRow
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate
from tests.metrics.conftest import make_sample
from tests.support.report_data import estimate


def suite(values: Mapping[str, float], *, half: float | None = 0.02, k: int = 8) -> SuiteResults:
    estimates: dict[tuple[str, float, str], Estimate] = {
        (metric, 1.0, ""): estimate(metric, value, half) for metric, value in values.items()
    }
    return SuiteResults(
        id="toy",
        title="Toy",
        personas={},
        temperatures=(1.0,),
        samples=k,
        estimates=estimates,
        truth={},
        notes={},
        similarity={},
    )


REPLIES = ["Sure, here is a joke. Ha.", "Sure, here is a joke. Ha.", "No.", "Sure, here is a joke."]


def repeated(texts: list[str]) -> list[str]:
    samples = [make_sample("q", "", index, text) for index, text in enumerate(texts)]
    (found,) = repetitions(samples)
    return list(described(suite({}), 1.0, found)[1])


def test_meanings_and_their_scale() -> None:
    headline, sentences = described(suite({"distinct_k": 2.9, "embed_distance": 0.41}), 1.0, None)
    assert headline == "4 replies to a prompt say 2.90 ± 0.02 different things at T = 1"
    assert sentences == (
        "1 would mean that all say the same, 4 that no two are alike; 8 replies to each prompt "
        "were drawn.",
        "At T = 1 two replies to one prompt lie 0.41 ± 0.02 apart in meaning (0: the same, about "
        "1: nothing in common).",
    )


def test_the_headline_takes_what_was_measured() -> None:
    def headline(**values: float) -> str:
        return described(suite(values), 1.0, None)[0]

    assert headline(embed_distance=0.41).startswith("Two replies to a prompt lie 0.41 ± 0.02")
    assert headline(distinct_2_rarefied=0.4).startswith("40 ± 2 % of the word pairs")
    assert headline(pass_at_1=0.4, embed_distance=0.3).startswith("40 ± 2 % of the programs pass")
    assert headline(length=20) == "Described at T = 1"


def test_copies_and_openings_are_quoted() -> None:
    assert repeated(REPLIES) == [
        "50% of the 4 replies are copies: another reply to the same question is the same text.",
        '50% of all replies are "Sure, here is a joke. Ha.", to one question.',
        '75% of all replies begin with "Sure, here is a joke.", to one question.',
    ]
    assert repeated(["a", "b", "c"]) == [
        "Of the 3 replies, no two to the same question are the same text."
    ]


def test_a_long_text_is_cut() -> None:
    lines = repeated(["word " * 50] * 3)
    assert any('word word..."' in line for line in lines)
    assert max(map(len, lines)) < 160


def test_one_question_has_no_interval_and_says_so() -> None:
    headline, sentences = described(suite({"embed_distance": 0.4}, half=None), 1.0, None)
    assert headline == "Two replies to a prompt lie 0.40 apart in meaning at T = 1"
    assert "lie 0.40 (no interval) apart" in sentences[0]


# Beside what a run is compared with


ROW = AgainstRow(metric="embed_distance", temperature=1.0, role="variety")
PEOPLE = Against(name="the references", tone="bad", headline="a against the references: less",
                 sentences=("one.",), temperature=1.0, rows=(ROW,))  # fmt: skip
BASE = Against(kind="base model", name="b", tone="good", headline="a against b: more",
               sentences=("two.",), temperature=1.0, rows=(ROW,))  # fmt: skip
REFUSED = Against(kind="base model", name="b", headline="Not compared with b",
                  sentences=("other k.",))  # fmt: skip


def test_alone_a_run_is_described_and_the_way_is_shown() -> None:
    run = suite({"embed_distance": 0.4})
    said = finding(run)
    assert said.tone == "none"
    assert "--references FILE" in said.sentences[-1]
    assert "--base-run RUN" in said.sentences[-1]
    assert rules(run) == RULES_ALONE


def test_the_references_come_first_and_the_base_next() -> None:
    run = replace(suite({"embed_distance": 0.4}), against=(PEOPLE, BASE))
    said = finding(run)
    assert (said.tone, said.headline) == ("bad", PEOPLE.headline)
    assert said.sentences == ("one.", "a against b: more.", "two.")
    assert rules(run) == RULES_OF_COMPARISON


def test_a_refused_comparison_leaves_the_description() -> None:
    said = finding(replace(suite({"embed_distance": 0.4}), against=(REFUSED,)))
    assert said.headline.startswith("Two replies to a prompt")
    assert said.sentences[-2:] == ("Not compared with b.", "other k.")
