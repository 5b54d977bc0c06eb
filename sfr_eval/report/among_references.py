"""How a run's replies lie among the reference replies, in words."""

from collections.abc import Iterator

from sfr_eval.report.numbers import Interval, p_text
from sfr_eval.store.results import SuiteResults


def among_references(suite: SuiteResults, t: float) -> Iterator[str]:
    """Yield how much of the references is covered, how much of the run they support, and whether
    the two differ; what the references' own source would get stands beside it."""
    for metric, words in (
        ("reference_coverage", "Replies reach {} of the references' neighbourhoods"),
        ("reference_support", "{} of the replies lie in the neighbourhood of a reference"),
    ):
        value, expected = suite.at(metric, t), suite.at(f"{metric}_expected", t)
        if value is None:
            continue
        beside = ""
        if expected is not None and expected.value is not None:
            beside = f" (replies from the references' own source: {expected.value:.0%})"
        yield f"{words.format(Interval.of(value).percent())}{beside}."
    energy = suite.at("reference_energy", t)
    p = _p_value(suite, t)
    if energy is not None and p is not None:
        differ = "replies and references differ in meaning"
        if p >= 0.05:
            differ = "no difference in meaning is shown"
        yield (
            f"Energy distance to the references {Interval.of(energy).rounded()}, p {_is(p)} "
            f"by exchanging replies and references within prompts: {differ}."
        )


def _is(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def _p_value(suite: SuiteResults, t: float) -> float | None:
    values = (suite.notes_of("reference_energy").model_extra or {}).get("p_value_holm", {})
    p = values.get(f"{t:g}") if isinstance(values, dict) else None
    return float(p) if isinstance(p, int | float) else None
