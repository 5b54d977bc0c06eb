from dataclasses import replace

import numpy as np

from sfr_eval.report.paired import assess_paired
from sfr_eval.report.verdict import finding
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.stats.paired_difference import paired_differences
from sfr_eval.store.manifest import Manifest, PlannedSuite
from sfr_eval.store.results import Notes, Results, SuiteResults, read_suites
from sfr_eval.types import Estimate, MetricResult, Value
from tests.support.report_data import estimate

QUERIES, PERSONAS, K = 16, 9, 4
Draw = list[MetricResult]


def difference(low: float | None, high: float | None) -> Estimate:
    return replace(estimate("style_accuracy", 0.0), low=low, high=high)


def test_calls_by_hand() -> None:
    reference = estimate("style_accuracy", 0.6)
    assert assess_paired(difference(-0.2, -0.01), reference, floor=0.1) == "lost"
    assert assess_paired(difference(-0.1, 0.1), reference, floor=0.1) == "kept"
    assert assess_paired(difference(-0.2, 0.1), reference, floor=0.1) == "undecided"  # too wide
    assert assess_paired(difference(0.01, 0.02), reference, floor=0.1) == "kept"


def test_undecided_without_an_interval_or_a_range() -> None:
    reference = estimate("style_accuracy", 0.6)
    assert assess_paired(None, reference, floor=0.1) == "undecided"
    assert assess_paired(difference(None, None), reference, floor=0.1) == "undecided"
    assert assess_paired(difference(-0.1, 0.1), None, floor=0.1) == "undecided"
    assert assess_paired(difference(-0.1, 0.1), reference, floor=0.6) == "undecided"
    assert assess_paired(difference(-0.1, 0.1), reference, floor=0.7) == "undecided"


def drawn(
    rng: np.random.Generator, *, style: float = 0.85, spread: float = 0.8
) -> list[MetricResult]:
    """A run's values for each prompt: style of k replies that are right at random, a distance of
    k (k - 1) / 2 pairs, and valid replies. Some questions are harder than others in every draw."""
    hard = np.random.default_rng(1).uniform(-0.1, 0.1, QUERIES)
    rows: dict[str, list[Value]] = {}
    for query in range(QUERIES):
        for persona in range(PERSONAS):
            numbers = {
                "style_accuracy": rng.binomial(K, style + hard[query]) / K,
                "valid_embed_distance": rng.normal(spread + hard[query], 0.1 / K**0.5),
                "oracle_valid": rng.binomial(K, 0.99) / K,
            }
            for metric, number in numbers.items():
                value = Value(
                    suite="teacher",
                    temperature=1.0,
                    query=str(query),
                    persona=str(persona),
                    value=float(number),
                )
                rows.setdefault(metric, []).append(value)
    return [
        MetricResult(
            metric=metric,
            version="1",
            unit="prompt",
            higher_is_better=True,
            signature={},
            values=values,
            range=(0, 1),
        )
        for metric, values in rows.items()
    ]


def headline(run: Draw, reference: Draw) -> str:
    return finding(beside(run, reference)).headline


def beside(run: Draw, reference: Draw) -> SuiteResults:
    results = Results(
        estimates=tuple(row for one in run for row in all_estimates(one, K, ())),
        reference={"teacher": tuple(row for one in reference for row in all_estimates(one, K, ()))},
        notes={"style_accuracy": {"teacher": Notes(chance_accuracy=1 / PERSONAS)}},
        paired={"teacher": tuple(paired_differences(run, reference))},
    )
    (suite,) = read_suites(Manifest(plan=(PlannedSuite(suite="teacher"),)), results)
    return suite


def test_no_collapse_in_95_of_100_draws_of_the_teacher() -> None:
    rng = np.random.default_rng(0)
    headlines = [headline(drawn(rng), drawn(rng)) for _ in range(300)]
    kept = sum(one.startswith("No collapse") for one in headlines) / len(headlines)
    assert 0.92 <= kept <= 0.98, kept
    assert all(one.startswith(("No collapse", "Partial")) for one in headlines)


def test_the_sentences_say_what_the_paired_test_says() -> None:
    """Each side's own interval is narrow, but how they differ is unknown."""
    rng = np.random.default_rng(0)
    suite = beside(drawn(rng), drawn(rng))
    wide = {key: difference(-0.5, 0.5) for key in suite.paired}
    told = finding(replace(suite, paired=wide))
    assert told.headline.startswith("Undecided")
    assert sum("cannot be called from these intervals" in one for one in told.sentences) == 2


def test_a_loss_of_style_or_of_variety_is_a_collapse() -> None:
    rng = np.random.default_rng(0)
    assert headline(drawn(rng, style=0.3), drawn(rng)).startswith("Style collapse")
    assert headline(drawn(rng, spread=0.3), drawn(rng)).startswith("Loss of variety")
    assert headline(drawn(rng, style=0.3, spread=0.2), drawn(rng)).startswith("Collapse")
