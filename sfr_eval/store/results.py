"""results.json: every estimate of a run, and what stands beside the estimates."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, FailFast, Field, ValidationError

from sfr_eval.errors import UserError
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.against import Against
from sfr_eval.store.manifest import Manifest, PlannedSuite, Record
from sfr_eval.store.unfinished import refuse_unfinished
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate, SliceEstimate
from sfr_eval.util.files import write_atomic
from sfr_eval.util.reading import one_line, refuse_unstorable
from sfr_eval.util.untrusted import plain_bytes, whole_text

FILE = "results.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCounts:
    """How many samples of each status at one temperature; empty ones are ok or truncated too."""

    suite: str
    temperature: float
    persona: str
    total: int
    ok: int
    truncated: int
    refused: int
    unsupported: int
    error: int
    empty: int
    no_content: Annotated[int, Field(exclude_if=lambda count: count == 0)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """Mean cosine of the replies of two personas; None where no query has two replies."""

    personas: tuple[str, ...]
    matrix: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class SweepPoint:
    """The mean of one temperature on the two axes of a sweep."""

    temperature: float
    quality: float
    diversity: float  # higher is more varied
    frontier: bool  # Pareto-optimal among the temperatures


@dataclass(frozen=True, kw_only=True)
class MatchedLevel(CurveEstimate):
    """The diversity at a level of quality, which is a part of the best quality of the sweep."""

    part: float
    level: float


@dataclass(frozen=True, kw_only=True)
class SweepSummary:
    """How much diversity a model has at which quality, over its temperatures."""

    quality: str
    diversity: str
    diversity_is: str  # `the value`, or `1 - value` where lower is better
    points: tuple[SweepPoint, ...]
    hypervolume: CurveEstimate
    matched: tuple[MatchedLevel, ...]
    queries_left_out: int
    signature: Mapping[str, Any]


class EncoderDeviation(Record):
    """How far a fast encoder is from the same one in float32."""

    texts: int = 0
    mean_distance: float | None = None
    mean_distance_float32: float | None = None

    @property
    def of_distance(self) -> float:
        """How far the mean distance moves; 0 where there is none."""
        if self.mean_distance is None or self.mean_distance_float32 is None:
            return 0.0
        return abs(self.mean_distance - self.mean_distance_float32)


class LengthSlope(Record):
    """Points that a judge gives for ten words more."""

    value: float
    low: float
    high: float


class Notes(Record):
    """Facts that a reader needs beside the numbers of one metric. Each metric notes what it has;
    those declared here are read by name, the others are shown."""

    # style probe
    held_out_accuracy: float | None = None
    held_out_low: float | None = None
    chance_accuracy: float | None = None
    reason: str | None = None
    synthetic_labels: bool = False
    exact: bool = False  # no probe: the posterior of a known distribution
    personas_not_measured: list[str] = Field([])
    question_accuracy: float | None = None
    question_low: float | None = None
    unshared_questions: float | None = None  # share of the labelled replies
    labelled_texts_among_replies: float = 0.0
    replies_among_labelled_texts: float = 0.0
    # encoder
    truncated_share: float | None = None
    chunked_share: float | None = None
    unknown_share: float | None = None
    unreadable_share: float | None = None
    foreign_share: float | None = None  # of the letters: in scripts without words
    foreign_scripts: list[str] = Field([])
    foreign_language_share: float | None = None  # of the replies
    foreign_languages: list[str] = Field([])
    encoder_deviation: EncoderDeviation | None = None
    # judges
    votes_asked: int | None = None
    votes_missing: int = 0
    statuses: dict[str, int] = Field({})
    length_slope: LengthSlope | None = None
    alpha_of_votes: dict[str, float | None] = Field({})
    alpha_of_judges: float | None = None
    # programs
    verdict_mode: str = ""
    isolation: str = ""
    programs: int = 0
    without_program: int = 0  # answers
    not_python: int = 0
    missing_packages: dict[str, int] = Field({})  # package -> programs that ended without it
    not_scored: int = 0
    graded_twice: int = 0
    flips: int = 0
    other_mode: str | None = None
    modes_differ: int = 0
    # draws of known answers: temperature -> a row for each prompt, and over all prompts
    answers: dict[str, list[dict[str, Any]]] = Field({})
    answer_laws: dict[str, dict[str, Any]] = Field({})
    # inside of the model: the numbers of a figure each
    profile: dict[str, list[dict[str, Any]]] = Field({})  # temperature -> a row for each layer
    map: dict[str, Any] | None = None
    curve: dict[str, list[dict[str, Any]]] = Field({})  # temperature -> a row for each token range


class Results(Record):
    """All that was measured of a run. Keys that only a newer version knows are ignored."""

    model_config = ConfigDict(extra="ignore")

    format: int = FORMAT
    estimates: Annotated[tuple[Estimate, ...], FailFast()] = ()
    signatures: dict[str, dict[str, Any]] = Field({})  # metric -> how it was measured
    notes: dict[str, dict[str, Notes]] = Field({})  # metric -> suite -> notes
    counts: Annotated[tuple[StatusCounts, ...], FailFast()] = ()
    similarity: dict[str, dict[str, Similarity]] = Field({})  # suite -> temperature, as `%g`
    sweep: dict[str, tuple[SweepSummary, ...]] = Field({})  # suite -> a summary for each pair
    slices: Annotated[tuple[SliceEstimate, ...], FailFast()] = ()  # of code suites
    reference: dict[str, tuple[Estimate, ...]] = Field({}, alias="truth")  # suite -> estimates
    reference_of: dict[str, str] = Field({})  # suite -> whose replies; absent: the benchmark's
    against: dict[str, tuple[Against, ...]] = Field({})  # suite -> references, base model
    paired: dict[str, tuple[Estimate, ...]] = Field({})  # suite -> run minus teacher, by query

    @classmethod
    def load(cls, folder: Path, *, interrupted: bool = False) -> "Results":
        """Read the results of a run folder. Raises UserError if they are missing or damaged, and,
        unless `interrupted` is set, if a measurement was interrupted while it replaced values."""
        file = folder / FILE
        if not interrupted and file.exists():
            refuse_unfinished(folder)
        try:
            content = plain_bytes(file)
            results = cls.model_validate_json(content)
        except FileNotFoundError:
            manifest = Manifest.find(folder)
            shard = manifest and manifest.shard
            if manifest is not None and not (folder / "samples.parquet").exists():
                raise UserError(
                    f"{folder}: no results.json, since its run was not finished; repeat the run "
                    "command, which draws what is missing"
                ) from None
            raise UserError(
                f"{folder}: no results.json; run `sfr-eval score` on it"
                + (f" and on the other shards ({shard})" if shard else "")
            ) from None
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror})") from None
        except ValidationError as error:
            if error.error_count() == 1 and error.errors()[0]["type"] == "json_invalid":
                raise UserError(f"{file}: damaged; run `sfr-eval score {folder}` again") from None
            raise UserError(
                f"{one_line(error, where=f'{file}: ')}; not of this version of sfr-eval: run "
                f"`sfr-eval score {folder}` again"
            ) from None
        refuse_unstorable(content.decode(), where=str(file))
        return results

    def save(self, folder: Path) -> None:
        """Replace the results of a folder, atomically. NaN is refused with a ValueError: undefined
        values are null and have a reason."""
        content = {"format": FORMAT, **self.stored()}
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
        write_atomic(folder / FILE, whole_text(text))


@dataclass(frozen=True, kw_only=True)
class SuiteResults:
    """The results of one suite by metric, temperature and persona, with facts of its manifest."""

    id: str
    title: str
    personas: Mapping[str, str]  # id -> name, in the order of the suite
    temperatures: tuple[float, ...]
    samples: int  # k, for each prompt and temperature
    estimates: Mapping[tuple[str, float, str], Estimate]  # (metric, temperature, persona or "")
    truth: Mapping[tuple[str, str], Estimate]  # (metric, persona or ""); {} without a reference
    notes: Mapping[str, Notes]  # metric -> notes
    similarity: Mapping[float, Similarity]  # by temperature
    slices: tuple[SliceEstimate, ...] = ()
    frontiers: tuple[SweepSummary, ...] = ()
    reference_of: str = ""  # whose replies `truth` is measured of; "" for the benchmark's
    against: tuple[Against, ...] = ()
    paired: Mapping[tuple[str, float], Estimate] = field(default_factory=dict)
    """(metric, temperature) -> run minus teacher, paired by query; {} without a teacher."""
    about: str = ""  # which problems of a code suite

    def at(self, metric: str, temperature: float, persona: str = "") -> Estimate | None:
        """Return the estimate; None where it has no value."""
        estimate = self.estimates.get((metric, temperature, persona))
        return estimate if estimate is not None and estimate.value is not None else None

    def truth_of(self, metric: str, persona: str = "") -> Estimate | None:
        """Return what a model without any collapse gets; None where that is not known."""
        estimate = self.truth.get((metric, persona))
        return estimate if estimate is not None and estimate.value is not None else None

    def notes_of(self, metric: str) -> Notes:
        """Return the notes of a metric, which are empty where it has none."""
        return self.notes.get(metric) or Notes()

    def sweep(self, metric: str) -> dict[float, Estimate]:
        """Return temperature -> estimate over all personas, only where it has a value."""
        estimates = {t: self.at(metric, t) for t in self.temperatures}
        return {t: estimate for t, estimate in estimates.items() if estimate is not None}

    @cached_property
    def metrics(self) -> list[str]:
        """Every metric of the suite, in the order of the results."""
        return list(dict.fromkeys(metric for metric, _, _ in self.estimates))

    @property
    def middle_temperature(self) -> float:
        """The temperature nearest to the model's own distribution."""
        return middle_temperature(self.temperatures)


def middle_temperature(temperatures: Iterable[float]) -> float:
    """Return the temperature nearest to the model's own distribution."""
    return nearest(tuple(temperatures), OWN_TEMPERATURE)


def read_suites(manifest: Manifest, results: Results) -> list[SuiteResults]:
    """Return every suite of the plan that has results."""
    suites = (_suite(part, results) for part in manifest.plan)
    return [suite for suite in suites if suite.estimates]


def _suite(part: PlannedSuite, results: Results) -> SuiteResults:
    suite = part.suite
    rows = [row for row in results.estimates if row.suite == suite]
    return SuiteResults(
        id=suite,
        title=part.title or suite,
        about=part.about,
        personas={card.id: card.name for card in part.personas},
        temperatures=tuple(sorted({row.temperature for row in rows})),
        samples=max((row.k for row in rows), default=0),
        estimates={(row.metric, row.temperature, row.persona): row for row in rows},
        truth={(row.metric, row.persona): row for row in results.reference.get(suite, ())},
        notes={metric: notes[suite] for metric, notes in results.notes.items() if suite in notes},
        slices=tuple(row for row in results.slices if row.suite == suite),
        frontiers=results.sweep.get(suite, ()),
        reference_of=results.reference_of.get(suite, ""),
        against=results.against.get(suite, ()),
        paired={(r.metric, r.temperature): r for r in results.paired.get(suite, ())},
        similarity={float(t): value for t, value in results.similarity.get(suite, {}).items()},
    )
