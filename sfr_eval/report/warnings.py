"""What a reader must know about a run before believing its numbers, a line each."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sfr_eval.report.pass_at_k import code_cautions
from sfr_eval.report.verdict import chance
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import SuiteResults
from sfr_eval.thinking import ThinkTags, answer_text, answers, thoughts, undeclared
from sfr_eval.types import Sample

MANY = 0.01
"""Share of truncated, empty or cut texts from which a reader should know."""


def cautions(suite: SuiteResults, samples: Sequence[Sample], manifest: Manifest) -> Iterator[str]:
    """Everything that is out of order, the gravest first; nothing for a whole and clean run."""
    tags = manifest.thinking
    drawn, samples = samples, answers(samples, tags)
    if manifest.status != "complete":
        queries = manifest.part(suite.id).queries
        why = f": only the first {queries} queries were asked" if manifest.config.limit else ""
        yield f"This run is {manifest.status}{why}."
    yield from manifest.imported.warnings if manifest.imported else ()
    read, asked = manifest.world_queries, len({sample.query for sample in samples})
    if read is not None and asked > read and manifest.world == suite.id:
        yield (
            f"This model's training text was about the first {read} queries only, and {asked} were "
            f"asked: --limit {read} asks no others."
        )
    total = max(1, len(samples))
    status = Counter(sample.status for sample in samples)
    if status["error"]:
        yield (
            f"{status['error']:,} of {total:,} requests failed and are left out; "
            "repeat the run command to draw them again."
        )
    if status["refused"]:
        yield f"{status['refused']:,} of {total:,} replies were refused and are left out."
    for t in sorted({s.temperature for s in samples if s.status == "unsupported"}):
        why = next(s.error for s in samples if (s.status, s.temperature) == ("unsupported", t))
        yield f"T = {t:g} is unsupported and left empty: {why}."
    if status["truncated"] / total > MANY:
        yield (
            f"{status['truncated'] / total:.0%} of the replies were cut at max_tokens; lengths and "
            "variety are those of cut texts."
        )
    empty = sum(s.has_text and not s.text.strip() for s in samples)
    if empty / total > MANY:
        yield f"{empty / total:.0%} of the replies are empty."
    yield from _thinking_warnings(drawn, tags)
    yield from _greedy_warnings(samples)
    if suite.samples < 2:
        yield "One reply per prompt: what compares replies to one prompt is undefined."
    yield from code_cautions(suite)
    yield from _probe_warnings(suite)
    yield from _judge_warnings(suite)
    encoder = suite.notes_of("embed_distance")
    cut = encoder.truncated_share or 0.0
    if cut > MANY:
        yield f"{cut:.0%} of the texts are longer than the encoder's window and were cut for it."
    parts = encoder.chunked_share or 0.0
    if parts > MANY:
        yield (
            f"{parts:.0%} of the texts are longer than the encoder's window; they stand for the "
            "mean of their parts."
        )
    off = encoder.encoder_deviation
    if off is not None and off.mean_distance is not None:
        yield (
            f"Embeddings are not float32's: on {off.texts} texts the mean distance is "
            f"{off.mean_distance:.4f} where float32 has {off.mean_distance_float32:.4f}."
        )


def _thinking_warnings(drawn: Sequence[Sample], tags: ThinkTags | None) -> Iterator[str]:
    total = max(1, len(drawn))
    if tags is None:
        found = undeclared(drawn)
        if found is not None and found[0] > MANY:
            yield (
                f"{found[0]:.0%} of the replies hold {found[1].open} or {found[1].close}: thinking "
                "is measured as part of the answer; `sfr-eval score RUN --think-tags "
                f"'{found[1].name}'` leaves it out."
            )
        return
    thought = thoughts([sample for sample in drawn if sample.has_text], tags)
    if thought:
        yield (
            f"{len(thought) / total:.0%} of the replies begin with thinking, up to {tags.close}; "
            "it is left out of all numbers and of the replies below (samples.parquet keeps it)."
        )
    endless = sum(s.has_text and not answer_text(s.text, tags).whole for s in drawn)
    if endless / total > MANY:
        yield (
            f"{endless / total:.0%} of the replies never end their thinking; they count as "
            "truncated, mostly without an answer: raise --max-tokens."
        )


def _greedy_warnings(samples: Sequence[Sample]) -> Iterator[str]:
    """Several replies to each of several prompts, and never two different ones."""
    prompts: dict[tuple[float, str, str], list[str]] = {}
    for sample in samples:
        if sample.has_text and sample.temperature > 0:
            prompts.setdefault(sample.cell, []).append(sample.text)
    for t in sorted({temperature for temperature, _, _ in prompts}):
        several = [texts for key, texts in prompts.items() if key[0] == t and len(texts) > 1]
        if len(several) > 1 and all(len(set(texts)) == 1 for texts in several):
            yield (
                f"T = {t:g}: all replies to a prompt are the same text, for each of "
                f"{len(several):,} prompts: a collapsed model, or an engine that is greedy in "
                "secret or answers from a cache; `sfr-eval doctor --model` tells."
            )


def _probe_warnings(suite: SuiteResults) -> Iterator[str]:
    reasons = {
        estimate.reason
        for (metric, _, persona), estimate in suite.estimates.items()
        if metric == "style_accuracy" and not persona and estimate.value is None
    }
    for reason in sorted(reasons):
        yield f"Style is not measured: {reason}."
    notes = suite.notes.get("style_accuracy")
    held_out = None if notes is None else notes.held_out_accuracy
    if notes is not None and held_out is None:
        yield f"The style probe could not be tested: {notes.reason or 'no held-out data'}."
    elif held_out is not None and held_out < 2 * chance(suite):
        yield (
            f"The style probe is weak: {held_out:.0%} on held-out replies (chance "
            f"{chance(suite):.0%}); style numbers say little."
        )


def _judge_warnings(suite: SuiteResults) -> Iterator[str]:
    for metric, notes in suite.notes.items():
        asked = notes.votes_asked or 0
        unread = asked - notes.statuses.get("ok", 0)
        if unread / max(1, asked) > MANY:
            yield (
                f"{metric}: {unread:,} of {asked:,} votes have no score; replies without one are "
                "undefined, and if they are not like the others the mean is off."
            )
