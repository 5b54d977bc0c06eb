"""The reply browser of a report or of a comparison: replies, their quality and their map."""

from collections.abc import Iterable, Mapping, Sequence
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
from sfr_eval.util.untrusted import file_name


def map_file(folder: Path, suite: str) -> Path:
    """Return where the places of a suite's map are kept."""
    return folder / "plots" / f"{file_name(suite)}-reply_map.csv"


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

    page = for_page(
        {manifest.name: samples},
        personas=suite.personas,
        queries=query_texts(folder, manifest, suite.id),
        wanted=wanted(repeated),
        quality=reply_quality([folder], suite.id, metrics=suite.metrics),
        locate=locate,
        space=SPACE // suites,
    )
    stem = map_file(folder, suite.id).stem
    return page | {"map_files": stem if page["map"] else ""}


def browser_over_runs(
    folders: Mapping[str, Path],
    samples: Mapping[str, Sequence[Sample]],
    suite: SuiteResults,
    *,
    queries: Mapping[str, str],
    suites: int,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Return what the macro `browser` takes, of the replies of several runs to the prompts of one
    of their `suites`. There is a map if all replies were embedded alike, and are in the cache."""
    results = [Results.load(folder) for folder in folders.values()]

    def locate(shown: Sequence[Sequence[Sample]]) -> ReplyMap | None:
        signatures = [one.signatures.get(reply_map.METRIC, {}) for one in results]
        if any(signature != signatures[0] for signature in signatures):
            return None
        return reply_map.embedded_map(shown, signatures[0], cache or cache_folder())

    measured = [{row.metric for row in one.estimates if row.suite == suite.id} for one in results]
    return for_page(
        samples,
        personas=suite.personas,
        queries=queries,
        quality=reply_quality(
            list(folders.values()), suite.id, metrics=set.intersection(*measured)
        ),
        locate=locate,
        space=SPACE // suites,
    )
