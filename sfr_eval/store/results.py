"""results.json read back: one suite's estimates, and how an estimate is written in a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest, PlannedSuite
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate


@dataclass(frozen=True, kw_only=True)
class SuiteResults:
    """All that results.json and the manifest say about one suite."""

    id: str
    title: str
    personas: Mapping[str, str]  # id -> name, in the order of the suite
    temperatures: tuple[float, ...]
    samples: int  # k, for each prompt and temperature
    estimates: Mapping[tuple[str, float, str], Estimate]  # (metric, temperature, persona or "")
    truth: Mapping[tuple[str, str], Estimate]  # (metric, persona or ""); empty without a truth
    notes: Mapping[str, Mapping[str, Any]]  # metric -> notes
    counts: tuple[Mapping[str, Any], ...]
    similarity: Mapping[float, Mapping[str, Any]]  # temperature -> personas, matrix
    slices: tuple[Mapping[str, Any], ...] = ()  # estimates of parts of the queries: by, group, ...
    frontiers: tuple[Mapping[str, Any], ...] = ()  # summaries of the sweep, see metrics/sweep.py

    def at(self, metric: str, temperature: float, persona: str = "") -> Estimate | None:
        """The estimate, or None where there is no defined value."""
        found = self.estimates.get((metric, temperature, persona))
        return found if found is not None and found.value is not None else None

    def truth_of(self, metric: str, persona: str = "") -> Estimate | None:
        """What a model without any collapse gets; None where that is not known."""
        found = self.truth.get((metric, persona))
        return found if found is not None and found.value is not None else None

    def sweep(self, metric: str) -> dict[float, Estimate]:
        """Temperature -> estimate over all personas, only where it is defined."""
        found = {t: self.at(metric, t) for t in self.temperatures}
        return {t: estimate for t, estimate in found.items() if estimate is not None}

    @property
    def metrics(self) -> list[str]:
        """Every metric of the suite, in the order of the results."""
        return list(dict.fromkeys(metric for metric, _, _ in self.estimates))

    @property
    def middle_temperature(self) -> float:
        """The temperature nearest to the model's own distribution."""
        return nearest(self.temperatures, OWN_TEMPERATURE)


def read_suites(manifest: Manifest, results: Mapping[str, Any]) -> list[SuiteResults]:
    """Every suite of the run that has results; UserError if they are of another version."""
    try:
        return [_suite(part, results) for part in manifest.plan if _scored(part, results)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"results.json: not of this version of sfr-eval ({type(error).__name__}: {error}); "
            "run `sfr-eval score` on the run again"
        ) from None


def _scored(part: PlannedSuite, results: Mapping[str, Any]) -> bool:
    return any(row["suite"] == part.suite for row in results["estimates"])


def _suite(part: PlannedSuite, results: Mapping[str, Any]) -> SuiteResults:
    name = part.suite
    rows = [Estimate(**row) for row in results["estimates"] if row["suite"] == name]
    truth = [Estimate(**row) for row in results.get("truth", {}).get(name, [])]
    return SuiteResults(
        id=name,
        title=part.title or name,
        personas={card.id: card.name for card in part.personas},
        temperatures=tuple(sorted({row.temperature for row in rows})),
        samples=max(row.k for row in rows),
        estimates={(row.metric, row.temperature, row.persona): row for row in rows},
        truth={(row.metric, row.persona): row for row in truth},
        notes={
            metric: of_suite[name]
            for metric, of_suite in results.get("notes", {}).items()
            if name in of_suite
        },
        counts=tuple(row for row in results.get("counts", []) if row["suite"] == name),
        slices=tuple(row for row in results.get("slices", []) if row["suite"] == name),
        frontiers=tuple(results.get("sweep", {}).get(name, ())),
        similarity={
            float(t): matrix for t, matrix in results.get("similarity", {}).get(name, {}).items()
        },
    )
