"""Comparisons of made-up rows, for tests of how they are shown."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from sfr_eval.comparison.decision import Call
from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.result import Comparison, Pair, SuiteComparison
from sfr_eval.comparison.summary import summarise
from sfr_eval.metrics.metric import PrimaryRole
from sfr_eval.metrics.table import metric_info

_WORDS = {"gain": "better", "loss": "worse", "inconclusive": "inconclusive: needs 40 questions"}
_METRICS: Mapping[str, str] = {
    "variety": "embed_distance",
    "style": "style_strength",
    "quality": "oracle_valid",
}


def difference(
    delta: float,
    *,
    role: PrimaryRole | None = "variety",
    call: Call = "inconclusive",
    half: float = 0.1,
    metric: str = "",
    **fields: Any,
) -> DifferenceRow:
    """A row whose base has the value 1, with an interval of this half-width."""
    name = metric or _METRICS[role or "variety"]
    info = metric_info(name)
    stated: dict[str, Any] = {
        "suite": "suite",
        "temperature": 1.0,
        "headline": True,
        "higher_is_better": info.higher_is_better if info else None,
        "first": 1.0,
        "second": 1.0 + delta,
        "delta": delta,
        "low": delta - half,
        "high": delta + half,
        "n": 10,
        "unpaired": 0,
        "unequal": 0,
        "words": _WORDS.get(call, ""),
    }
    return DifferenceRow(metric=name, role=role, call=call, **(stated | fields))


def comparison_of(rows: Mapping[str, Sequence[DifferenceRow]]) -> Comparison:
    """Runs against `base`: name -> rows. The runs themselves have no results."""
    pairs = [
        Pair(
            first="base",
            second=name,
            mismatches=(),
            warnings=(),
            suites=(
                SuiteComparison(
                    id="suite",
                    title="A suite",
                    about="",
                    temperatures=(1.0,),
                    rows=tuple(differences),
                    matched=(),
                    unequal=(),
                    missing=(),
                    summary=summarise(differences, first="base", second=name),
                ),
            ),
        )
        for name, differences in rows.items()
    ]
    runs = [SimpleNamespace(label=name, suites={}) for name in ("base", *rows)]
    made = Comparison(
        pairs=tuple(pairs), alpha=0.05, looks=1, margin=0.05, runs=cast(Any, tuple(runs))
    )
    return made
