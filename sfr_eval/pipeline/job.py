"""One suite's samples and the metric families that read them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from sfr_eval.judges.error_rates import corrected_estimates
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import FAMILIES, NEED_NO_ENCODER, Family, load_family
from sfr_eval.metrics.normal_text import normal_text
from sfr_eval.metrics.table import headlines, shown_ks
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.stats.slices import slice_estimates
from sfr_eval.store.results import StatusCounts
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Estimate, MetricResult, Sample, SliceEstimate, Status
from sfr_eval.util.progress import OnProgress


@dataclass(frozen=True)
class Job:
    """What is measured of one suite."""

    context: Context
    families: tuple[Family, ...]

    def estimates(
        self,
        results: Sequence[MetricResult],
        *,
        known: Mapping[str, Sequence[Estimate]] | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Estimate]:
        """Return the estimates of each metric, those corrected for a judge's errors at the end.
        Those that are `known`, by metric, are not computed again."""
        k, personas = samples_per_prompt(self.context.samples), self.context.suite.personas
        report = on_progress or (lambda *_: None)
        estimates: list[Estimate] = []
        for done, result in enumerate(results):
            report(f"intervals {self.context.suite.id} {result.metric}", done, len(results))
            found = (known or {}).get(result.metric)
            estimates += all_estimates(result, k, personas) if found is None else found
        report("intervals", len(results), len(results))
        if judged := self.context.judged:
            estimates += corrected_estimates(estimates, judged.errors)
        return estimates

    def slices(self, results: Sequence[MetricResult]) -> list[SliceEstimate]:
        """Return pass@k by difficulty, platform and month, for the k that are shown, and the
        headlines by category."""
        suite, k = self.context.suite, samples_per_prompt(self.context.samples)
        shown = {*headlines(), *(f"pass_at_{shown_k}" for shown_k in shown_ks(k))}
        facets = suite.facets
        return [
            row
            for result in results
            if result.metric in shown and result.unit != "set"  # which has no single query
            for row in slice_estimates(result, k, facets)
        ]

    def counts(self) -> Iterator[StatusCounts]:
        """Count samples by status and temperature. `empty` ones are ok or truncated, too."""
        for temperature in sorted({sample.temperature for sample in self.context.samples}):
            rows = [row for row in self.context.samples if row.temperature == temperature]
            status = Counter(sample.status for sample in rows)
            yield StatusCounts(
                suite=self.context.suite.id,
                temperature=temperature,
                persona="",
                total=len(rows),
                **{name: status[name] for name in get_args(Status)},
                empty=sum(
                    sample.has_text and not normal_text(sample.text).strip() for sample in rows
                ),
            )


def suite_families(
    suite: Suite,
    names: Sequence[str] | None,
    *,
    judged: bool,
    rewarded: bool = False,
    referenced: bool = False,
) -> tuple[Family, ...]:
    """Return the families of a suite in table order; `names` None takes those that it lists, and
    with any of them that reads embeddings also whether replies answer their questions at all, and
    the variety of their beginnings."""
    if names is None:
        names, where = suite.spec.metrics, f"{suite.folder / 'suite.yaml'}: metrics:"
        loaded = {name: load_family(name, where=where) for name in names}
        if suite.code is None and suite.math is None and not NEED_NO_ENCODER.issuperset(names):
            loaded["relevance"] = load_family("relevance")
            loaded["windows"] = load_family("windows")
    else:
        loaded = {name: load_family(name) for name in names}
    # Reference replies are compared in meaning, where anything is.
    referenced = referenced and not NEED_NO_ENCODER.issuperset(loaded)
    wanted_families = {"judge": judged, "reward": rewarded, "references": referenced}
    for name, wanted in wanted_families.items():
        if wanted:
            loaded[name] = load_family(name)
    return tuple(loaded[name] for name in FAMILIES if name in loaded)


def samples_per_prompt(samples: Sequence[Sample]) -> int:
    """Return k, the largest number of samples of one prompt at one temperature."""
    prompts = Counter(sample.cell for sample in samples)
    return max(prompts.values(), default=0)
