"""Warnings: what a reader must know about a run before believing its numbers, a line each."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sfr_eval.report.course import beyond_the_encoder
from sfr_eval.report.encoder_warnings import encoder_warnings
from sfr_eval.report.numbers import FEW_QUERIES
from sfr_eval.report.relevance_warnings import relevance_warnings
from sfr_eval.report.reply_warnings import MANY, reply_warnings
from sfr_eval.report.style_warnings import style_warnings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Notes, SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.thinking import answer_text, answers, thoughts, undeclared_tags
from sfr_eval.types import Cell, Sample

SHOWN = 5  # names in a warning
LOST = 0.2
"""Share of the answers without a program, or with one that is not Python, that is said."""
SEVERE = 0.2
"""Share of the replies that are missing, empty or cut, from which warnings are not folded."""
UNEQUAL = 0.10
"""Part of the longer mean length from which a difference is said."""


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One suite of a run, as the warnings read it."""

    suite: SuiteResults
    manifest: Manifest
    drawn: Sequence[Sample]  # with their thinking

    @cached_property
    def samples(self) -> Sequence[Sample]:
        """The answers, without thinking."""
        return answers(self.drawn, self.manifest.thinking)

    @cached_property
    def statuses(self) -> Counter[str]:
        return Counter(sample.status for sample in self.samples)

    def share(self, count: int) -> float:
        return count / max(1, len(self.drawn))


def warnings(suite: SuiteResults, samples: Sequence[Sample], manifest: Manifest) -> list[str]:
    """Return the warnings, the gravest first; none for a complete and clean run."""
    run = _Run(suite=suite, manifest=manifest, drawn=samples)
    return [line for check in CHECKS for line in check(run)]


def folder_warnings(folder: RunFolder) -> list[str]:
    """Return the warnings of a scored run; those of several suites begin with the suite."""
    manifest = Manifest.load(folder.path)
    suites, drawn = read_suites(manifest, folder.read_results()), folder.sealed_samples()
    lines = [
        (suite.id, line)
        for suite in suites
        for line in warnings(suite, [row for row in drawn if row.suite == suite.id], manifest)
    ]
    return [line if len(suites) == 1 else f"{suite}: {line}" for suite, line in lines]


def severe(samples: Sequence[Sample]) -> bool:
    """Return whether so many replies are missing or cut that no number can be read without the
    warnings."""
    whole = sum(sample.status == "ok" and bool(sample.text.strip()) for sample in samples)
    return whole < (1 - SEVERE) * len(samples)


def incomplete(name: str, manifest: Manifest, *, queries: str) -> Iterator[str]:
    """Yield a warning if a run is not complete; it names `--limit` if that was given."""
    if manifest.status != "complete":
        why = f": only the first {queries} were asked" if manifest.config.limit else ""
        yield f"{name} is {manifest.status}{why}."


def _incomplete(run: _Run) -> Iterator[str]:
    queries = run.manifest.part(run.suite.id).queries
    yield from incomplete("This run", run.manifest, queries=f"{queries} queries")
    if run.manifest.imported is not None:
        yield from run.manifest.imported.warnings
    trained, queries = run.manifest.world_queries, len({s.query for s in run.samples})
    if trained is not None and queries > trained and run.manifest.world == run.suite.id:
        yield (
            f"This model's training text was about the first {trained} queries only, and {queries} "
            f"were asked: --limit {trained} asks no others."
        )


def _few_queries(run: _Run) -> Iterator[str]:
    queries = len({sample.query for sample in run.samples})
    if queries < FEW_QUERIES:
        what = "one query was" if queries == 1 else f"{queries} queries were"
        yield (
            f"Only {what} asked: intervals rest on as many values, or are missing, and what is "
            "said of other queries is a guess."
        )


def _without_text(run: _Run) -> Iterator[str]:
    if count := run.statuses["error"]:
        yield f"{count:,} of {len(run.samples):,} " + (
            "replies are failures in the files, or have no text there, and are left out."
            if run.manifest.imported is not None
            else "requests failed and are left out; repeat the run command to draw them again."
        )
    if count := run.statuses["refused"]:
        yield f"{count:,} of {len(run.samples):,} replies were refused and are left out."
    if count := run.statuses["no_content"]:
        yield (
            f"{count:,} of {len(run.samples):,} replies ended without any content and are left "
            "out; if the model reasons before it answers, raise max_tokens."
        )
    errors = {s.temperature: s.error for s in reversed(run.samples) if s.status == "unsupported"}
    for t in sorted(errors):
        yield f"T = {t:g} is unsupported and left empty: {errors[t]}."


def _truncated_or_empty(run: _Run) -> Iterator[str]:
    share = run.share(run.statuses["truncated"])
    if share > MANY:
        yield (
            f"{share:.0%} of the replies were cut at max_tokens; lengths and variety are those of "
            "cut texts."
        )
    share = run.share(sum(s.has_text and not s.text.strip() for s in run.samples))
    if share > MANY:
        cut = all(s.status == "truncated" for s in run.samples if s.has_text and not s.text.strip())
        hint = "; if the model reasons before it answers, raise --max-tokens" if cut else ""
        yield f"{share:.0%} of the replies are empty{hint}."


def _replies(run: _Run) -> Iterator[str]:
    yield from reply_warnings(run.suite, without={"empty_rate"})  # counted above, of all samples


def _length(run: _Run) -> Iterator[str]:
    """Warn of a mean length that differs from the reference distribution's by more than a tenth."""
    t = run.suite.middle_temperature
    model, reference = run.suite.at("length", t), run.suite.truth_of("length")
    if model is None or reference is None or not model.value or not reference.value:
        return
    low, high = sorted((model.value, reference.value))
    if low < (1 - UNEQUAL) * high:
        yield (
            f"T = {t:g}: the replies have {model.value:.3g} words on average, those of "
            f"{run.suite.reference_of or 'the reference distribution'} {reference.value:.3g}; "
            "shorter replies read as more varied."
        )


def undeclared_thinking(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield that replies hold thinking which no tags declare, and the tags that do."""
    thinking = undeclared_tags(samples) if samples else None
    if thinking is not None and thinking[0] > MANY:
        share, tags = thinking
        yield (
            f"{share:.0%} of the replies hold {tags.open} or {tags.close}: thinking is "
            "measured as part of the answer; "
            f"`sfr-eval score RUN --think-tags '{tags.name}'` leaves it out."
        )


def _thinking(run: _Run) -> Iterator[str]:
    tags = run.manifest.thinking
    if tags is None:
        yield from undeclared_thinking(run.drawn)
        return
    share = run.share(len(thoughts([s for s in run.drawn if s.has_text], tags)))
    if share:
        yield (
            f"{share:.0%} of the replies begin with thinking, up to {tags.close}; it is left "
            "out of all numbers and of the replies below (samples.parquet keeps it)."
        )
    endless = run.share(sum(s.has_text and not answer_text(s.text, tags).whole for s in run.drawn))
    if endless > MANY:
        yield (
            f"{endless:.0%} of the replies never end their thinking; they count as "
            "truncated, mostly without an answer: raise --max-tokens."
        )


def _no_variety(run: _Run) -> Iterator[str]:
    """Warn of a single reply to each prompt, and of replies of which no two differ."""
    prompts: dict[Cell, list[str]] = {}
    for sample in run.samples:
        if sample.has_text and sample.temperature > 0:
            prompts.setdefault(sample.cell, []).append(sample.text)
    for t in sorted({temperature for temperature, _, _ in prompts}):
        several = [texts for key, texts in prompts.items() if key[0] == t and len(texts) > 1]
        if (
            len(several) > 1
            and all(len(set(texts)) == 1 for texts in several)
            and (
                any(
                    texts[0].strip() for texts in several
                )  # empty replies have a warning of their own
            )
        ):
            yield (
                f"T = {t:g}: all replies to a prompt are the same text, for each of "
                f"{len(several):,} prompts: a collapsed model, or an engine that is greedy in "
                "secret or answers from a cache; `sfr-eval doctor --model` tells which."
            )
    if run.suite.samples < 2:
        yield "One reply per prompt: what compares replies to one prompt is undefined."


def _grading(run: _Run) -> Iterator[str]:
    notes = run.suite.notes_of("pass_at_1")
    if "none" in notes.isolation.split(", "):
        yield "Programs were run without isolation (--unsafe-code)."
    if notes.not_scored:
        yield (
            f"{notes.not_scored:,} programs could not be graded and are left out, not counted "
            "as wrong; score the run again."
        )
    yield from programs_lost(notes)
    if notes.flips:
        yield (
            f"{notes.flips:,} of {notes.graded_twice:,} programs that were graded twice got "
            "another verdict: the machine is too busy for its time limits."
        )
    if notes.modes_differ:
        yield (
            f"The verdict mode matters for {notes.modes_differ:,} of {notes.programs:,} "
            f"programs: {notes.verdict_mode} is shown, {notes.other_mode} differs there."
        )


def programs_lost(notes: Notes) -> Iterator[str]:
    """Yield that answers failed for another reason than a wrong program: they hold none, or its
    packages are missing."""
    answers = max(1, notes.programs + notes.not_scored)
    for count, what in (
        (notes.without_program, "answers hold no program"),
        (notes.not_python, "programs are not Python"),
    ):
        if count / answers > LOST:
            yield (
                f"{count:,} of {answers:,} {what}; they count as wrong. Read some: was the "
                "--prompt-form this one, and are the replies whole?"
            )
    if notes.missing_packages:
        count = sum(notes.missing_packages.values())
        packages = sorted(notes.missing_packages.items(), key=lambda item: (-item[1], item[0]))
        names = ", ".join(f"{name} {n:,}" for name, n in packages[:SHOWN])
        names += ", ..." if len(packages) > SHOWN else ""
        yield (
            f"{count:,} of {notes.programs:,} programs failed since the sandbox lacks what they "
            f"import ({names}); they count as wrong."
        )


def _style(run: _Run) -> Iterator[str]:
    yield from style_warnings(run.suite)


def _relevance(run: _Run) -> Iterator[str]:
    yield from relevance_warnings(run.suite)


def _beyond_the_encoder(run: _Run) -> Iterator[str]:
    yield from beyond_the_encoder(run.suite)


def _unread_votes(run: _Run) -> Iterator[str]:
    for metric, notes in run.suite.notes.items():
        votes = notes.votes_asked or 0
        unread = votes - notes.statuses.get("ok", 0)
        if unread / max(1, votes) > MANY:
            yield (
                f"{metric}: {unread:,} of {votes:,} votes have no score; replies without one are "
                "undefined, and the mean is biased if they differ from the others."
            )


def _encoder(run: _Run) -> Iterator[str]:
    yield from encoder_warnings(run.suite.notes_of("embed_distance"))


CHECKS: tuple[Callable[[_Run], Iterator[str]], ...] = (
    _incomplete,
    _few_queries,
    _without_text,
    _truncated_or_empty,
    _length,
    _replies,
    _relevance,
    _thinking,
    _no_variety,
    _grading,
    _style,
    _beyond_the_encoder,
    _unread_votes,
    _encoder,
)
"""By gravity."""
