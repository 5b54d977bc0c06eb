"""The reply browser of a run's report: its replies, their quality and their map."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sfr_eval.report import reply_map
from sfr_eval.report.repetitions import Repetition, wanted
from sfr_eval.report.replies import for_page
from sfr_eval.report.reply_choice import SPACE
from sfr_eval.report.reply_map import ReplyMap
from sfr_eval.report.reply_quality import reply_quality
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults
from sfr_eval.suites.stored import query_texts
from sfr_eval.types import Sample
from sfr_eval.util.assets import cache_folder


def map_file(folder: Path, suite: str) -> Path:
    """Return where the places of a suite's map are kept."""
    return folder / "plots" / f"{suite}-reply_map.csv"


def browser(
    folder: Path,
    suite: SuiteResults,
    samples: Sequence[Sample],
    *,
    manifest: Manifest,
    results: Results,
    repeated: Iterable[Repetition],
    suites: int,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Return what the macro `browser` takes, of the answers of one of a run's `suites`. The map is
    drawn from the cache of embeddings, else from the file of an earlier report."""

    def locate(shown: Sequence[Sequence[Sample]]) -> ReplyMap | None:
        signature = results.signatures.get(reply_map.METRIC, {})
        drawn = reply_map.embedded_map(shown, signature, cache or cache_folder())
        return drawn or reply_map.stored_map(map_file(folder, suite.id))

    return for_page(
        {manifest.name: samples},
        personas=suite.personas,
        queries=query_texts(folder, manifest, suite.id),
        wanted=wanted(repeated),
        quality=reply_quality([folder], suite.id, metrics=suite.metrics),
        locate=locate,
        space=SPACE // suites,
    )
