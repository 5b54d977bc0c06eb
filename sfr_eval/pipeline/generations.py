"""Measures plain lists of generations: no files, no run folder, no model."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.pipeline.measure import measure
from sfr_eval.pipeline.preflight import check_metrics
from sfr_eval.report.notebook import estimates_html, headline_estimates
from sfr_eval.report.numbers import Interval
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.own import METRICS, own_suite
from sfr_eval.suites.spec import QueryRow
from sfr_eval.temperature import OWN_TEMPERATURE
from sfr_eval.types import Estimate, Sample

if TYPE_CHECKING:
    import pandas as pd

SUITE = "generations"
WITHOUT_PROMPTS = tuple(name for name in METRICS if name not in ("relevance", "facts"))
"""Families that do not read what was asked."""
UNKNOWN = "truncation_rate"
"""A plain text does not say whether it was cut."""


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """How varied lists of replies are: every estimate, with its 95 % interval over prompts."""

    estimates: tuple[Estimate, ...]

    def __getitem__(self, metric: str) -> Estimate:
        """Return the estimate of a metric. Raises UserError for one that was not measured."""
        by_metric = {row.metric: row for row in self.estimates}
        if metric not in by_metric:
            raise UserError(f"{metric}: not measured; {did_you_mean(metric, by_metric)}")
        return by_metric[metric]

    @cached_property
    def results(self) -> "pd.DataFrame":
        """A row for each metric: metric, value, low, high, n (prompts), k, higher_is_better, ..."""
        return estimates_frame([asdict(row) for row in self.estimates])

    def __repr__(self) -> str:
        """Return the headline metrics, one on a line."""
        return "\n".join(
            f"{row.metric:28} {Interval.of(row).rounded()}"
            for row in headline_estimates(self.estimates)
        )

    def _repr_html_(self) -> str:
        """Return the headline metrics as a table, for notebooks."""
        return estimates_html(headline_estimates(self.estimates))


def estimates_frame(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Return stored estimates as a table in which an undefined value is NaN."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    return frame.astype({n: "float64" for n in ("value", "low", "high") if n in frame})


def measure_generations(
    replies: Sequence[Sequence[str]],
    *,
    prompts: Sequence[str] | None = None,
    settings: ScoreSettings | None = None,
) -> Results:
    """Return all estimates of lists of replies, one list for each prompt.

    The intervals are over prompts, so one prompt alone has none. Without the texts of the prompts,
    measures that read them are left out. Raises UserError for what is not a list of lists of texts,
    and for another number of prompts than of lists.
    """
    settings = settings or ScoreSettings()
    replies = _checked(replies, prompts)
    if prompts is None and settings.metrics is None:
        settings = settings.model_copy(update={"metrics": WITHOUT_PROMPTS})
    check_metrics(settings)
    texts = [f"prompt {n}" for n in range(1, len(replies) + 1)] if prompts is None else prompts
    rows = [QueryRow(id=str(number), text=text) for number, text in enumerate(texts, start=1)]
    suite = own_suite(rows, id=SUITE, title=SUITE)
    with tempfile.TemporaryDirectory(prefix="sfr-eval-") as folder:
        results = measure(
            list(_samples(replies)),
            [suite],
            folder=RunFolder(Path(folder)),
            manifest=Manifest(name=SUITE),
            settings=settings,
        )
    estimates = tuple(row for row in results.estimates if row.metric != UNKNOWN)
    return results.model_copy(update={"estimates": estimates})


def _checked(replies: Any, prompts: Sequence[str] | None) -> list[list[str]]:
    """Return the lists of replies as lists; any other sequences of texts, such as columns of a
    DataFrame, are as good."""
    shape = "give a list of replies for each prompt: [[reply, reply], [reply, reply]]"
    if isinstance(replies, Mapping):
        raise UserError(
            "diversity: a mapping has no order of prompts; call "
            "se.diversity(list(replies.values()), prompts=list(replies))"
        )
    if isinstance(replies, str) or not isinstance(replies, Iterable):
        raise UserError(f"diversity: {type(replies).__name__} is not a list of replies; {shape}")
    groups = []
    for place, group in enumerate(replies):
        if isinstance(group, str):
            raise UserError(f"diversity: replies[{place}] is a text, not a list of texts; {shape}")
        if not isinstance(group, Iterable):
            what = type(group).__name__
            raise UserError(f"diversity: replies[{place}] is not a list of texts ({what}); {shape}")
        groups.append(list(group))
    for place, group in enumerate(groups):
        for number, text in enumerate(group):
            if not isinstance(text, str):
                what = type(text).__name__
                raise UserError(f"diversity: replies[{place}][{number}] is not a text ({what})")
    if not groups:
        raise UserError(f"diversity: the list is empty; {shape}")
    if not any(groups):
        raise UserError(f"diversity: every list is empty; {shape}")
    if prompts is not None and len(prompts) != len(groups):
        raise UserError(
            f"diversity: {len(prompts):,} prompts for {len(groups):,} lists of replies; give one "
            "prompt for each list"
        )
    return groups


def _samples(replies: Sequence[Sequence[str]]) -> Iterator[Sample]:
    for place, group in enumerate(replies, start=1):
        for index, text in enumerate(group):
            key = f"{SUITE}\0{place}\0{index}\0{text}".encode(errors="surrogatepass")
            yield Sample(
                sample_id=hashlib.sha256(key).hexdigest()[:32],
                suite=SUITE,
                query=str(place),
                persona="",
                temperature=OWN_TEMPERATURE,
                index=index,
                seed=0,
                status="ok",
                text=text,
                prompt_tokens=0,
                completion_tokens=len(text.split()),
            )
