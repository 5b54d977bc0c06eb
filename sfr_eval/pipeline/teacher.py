"""The teacher of a run: draws its replies under the full cards, and has it score everybody's.

Both are kept in the cache, by the teacher's fingerprint and all that it is asked, and resumed: the
replies as a run of their own, the scores row by row (`models/reply_scores.py`).
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from sfr_eval.config import RunConfig, TeacherSettings
from sfr_eval.decoders.decoder import OFF
from sfr_eval.errors import RunError, UserError
from sfr_eval.models.checkpoint import resolve, resolve_teacher
from sfr_eval.models.reply_scores import Messages, ReplyScores
from sfr_eval.pipeline.draw import draw
from sfr_eval.pipeline.job import samples_per_prompt
from sfr_eval.pipeline.measurable import teacher_serving
from sfr_eval.pipeline.preflight import check_model, check_plan, plan_run
from sfr_eval.settings import EngineSettings, SamplingFilters
from sfr_eval.store.manifest import Manifest
from sfr_eval.suites.suite import Suite
from sfr_eval.suites.teacher.reference import (
    Scores,
    StudentScores,
    TeacherReference,
    validity_rule,
)
from sfr_eval.suites.teacher.reply import ReplyText
from sfr_eval.thinking import thoughts
from sfr_eval.types import PromptKey, Sample
from sfr_eval.util.progress import OnProgress, log

SEED = 2_718_281_828_459_045
"""Of no ordinary run, so that the teacher's replies and a run of the teacher are independent."""


@dataclass(frozen=True, kw_only=True)
class _Run:
    """The run whose replies are compared with the teacher's."""

    suite: Suite
    samples: Sequence[Sample]  # answers without thinking
    manifest: Manifest
    teaching: TeacherSettings
    serving: EngineSettings
    cache: Path
    on_progress: OnProgress | None

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Sampling temperatures of the run."""
        return tuple(sorted({sample.temperature for sample in self.samples}))

    @property
    def prompts(self) -> list[PromptKey]:
        """All prompts of which the run has replies."""
        return list(dict.fromkeys(sample.prompt_key for sample in self.samples))


def teacher_reference(
    suite: Suite,
    samples: Sequence[Sample],
    *,
    manifest: Manifest,
    cache: Path,
    thinks: bool = False,
    on_progress: OnProgress | None = None,
) -> TeacherReference | None:
    """Return the teacher's replies to the prompts of a run, and its scores of them and of the run's
    replies; None for a suite without a teacher. Draws and scores what is missing."""
    stored = manifest.config.stored()
    teaching = TeacherSettings.from_flat(stored)
    if not suite.has_teacher or teaching.teacher is None or not samples:
        return None
    run = _Run(
        suite=suite,
        samples=samples,
        manifest=manifest,
        teaching=teaching,
        serving=EngineSettings.from_flat({**stored, "trust_remote_code": False}),
        cache=cache,
        on_progress=on_progress,
    )
    checkpoint = resolve_teacher(teaching.teacher)
    serving = teacher_serving(run.serving, checkpoint)
    replies = _replies(run, serving=serving)
    texts = [reply for own in replies.values() for reply in own if reply.has_text]
    everybody = [*texts, *(sample for sample in samples if sample.has_text)]
    asked = tuple(suite.personas)
    personas = tuple(id for id, card in suite.cards.items() if not card.held_out or id in asked)
    with closing(
        ReplyScores(checkpoint, serving=serving, cache=cache, on_progress=on_progress)
    ) as scorer:
        scores = _under_cards(
            scorer, suite, everybody, personas, temperature=teaching.teacher_temperature
        )
    return TeacherReference(
        name=teaching.teacher,
        signature={
            "oracle": "teacher",
            "teacher": checkpoint.fingerprint,
            "dtype": scorer.signature["dtype"],
            "temperature": teaching.teacher_temperature,
            "teacher_replies": len(texts),
            "valid": validity_rule(),
        },
        personas=personas,
        replies=replies,
        scores=scores,
        student=_student_scores(run, texts, thinks=thinks),
    )


def _replies(run: _Run, *, serving: EngineSettings) -> Mapping[PromptKey, Sequence[Sample]]:
    """Return the teacher's replies to each prompt of the run, drawn if they are not there yet.
    Raises RunError if some could not be drawn, and UserError for a teacher that thinks first."""
    stored, part = run.manifest.config, run.manifest.part(run.suite.id)
    sampling = run.manifest.identity.sampling_of(run.suite.id)
    config = RunConfig(
        model=run.teaching.teacher or "",
        suite=(str(run.suite.folder),),
        personas=tuple(persona.id for persona in part.personas),
        limit=stored.limit,
        samples=max(run.teaching.teacher_replies or 0, samples_per_prompt(run.samples)),
        temperatures=(run.teaching.teacher_temperature,),
        max_tokens=sampling.get("max_tokens"),
        seed=SEED,
        track=("none",),
        filters=SamplingFilters.model_validate(OFF),
        serving=serving,
        teaching=TeacherSettings(teacher=run.teaching.teacher, student_sees="card"),
    )
    model = check_model(config)
    name = f"{model.subject.checkpoint.short_name}-{plan_run(model, config).digest}"
    output = run.cache / "teacher" / "replies" / name
    ready = check_plan(model, config.model_copy(update={"output": output}))
    log(f"teacher {model.subject.checkpoint.short_name}: its replies under the full cards")
    with ready.folder:
        drawn = draw(ready)
    if drawn.interrupted:
        raise KeyboardInterrupt
    if drawn.failed:
        first = next(sample for sample in drawn.samples if sample.status == "error")
        raise RunError(
            f"--teacher {config.model}: {drawn.failed:,} of its replies failed ({first.error})"
        )
    if thoughts(drawn.samples, drawn.manifest.thinking):
        raise UserError(
            f"--teacher {config.model}: thinks before it answers, so that the probability of an "
            "answer is not known; switch it off with --chat-template-kwargs"
        )
    replies: dict[PromptKey, list[Sample]] = {prompt: [] for prompt in run.prompts}
    for sample in drawn.samples:
        if sample.prompt_key in replies:
            replies[sample.prompt_key].append(sample)
    return replies


def _under_cards(
    scorer: ReplyScores,
    suite: Suite,
    replies: Sequence[Sample],
    personas: Sequence[str],
    *,
    temperature: float,
) -> Scores:
    """Return what the teacher gives to each reply under the card of every persona."""
    texts: dict[str, list[ReplyText]] = {}
    for reply in replies:
        texts.setdefault(reply.query, []).append(ReplyText.of(reply))
    prompts = {(query, id): suite.under_card(query, id) for query, id in product(texts, personas)}
    work: dict[Messages, list[ReplyText]] = {}  # two ids may ask the same
    for (query, _), prompt in prompts.items():
        work.setdefault(prompt, []).extend(texts[query])
    scores = scorer.score(work, temperatures=(temperature,))
    return {
        (query, persona, reply.digest): scores[prompt, reply.digest, temperature]
        for (query, persona), prompt in prompts.items()
        for reply in texts[query]
    }


def _student_scores(run: _Run, teachers: Sequence[Sample], *, thinks: bool) -> StudentScores:
    """Return what the model under test gives to its own replies and to the teacher's, or why that
    is not known."""
    if reason := _why_no_student(run, thinks=thinks):
        return StudentScores(reason=reason)
    messages = {(p.query, p.persona): p.messages for p in run.suite.prompts()}
    work: dict[Messages, list[ReplyText]] = {}
    own = [sample for sample in run.samples if sample.has_text]
    for reply in (*teachers, *own):
        work.setdefault(messages[reply.prompt_key], []).append(ReplyText.of(reply))
    checkpoint = resolve(run.manifest.model.name)
    if checkpoint.fingerprint != run.manifest.model.fingerprint:
        return StudentScores(reason="its checkpoint is no longer the one that wrote the replies")
    with closing(
        ReplyScores(checkpoint, serving=run.serving, cache=run.cache, on_progress=run.on_progress)
    ) as scorer:
        temperatures = tuple(t for t in run.temperatures if t > 0)
        scores = scorer.score(work, temperatures=temperatures)
    return StudentScores(
        scores={
            temperature: {
                (*key, reply.digest): scores[messages[key], reply.digest, temperature]
                for key in run.prompts
                for reply in work.get(messages[key], ())
            }
            for temperature in temperatures
        }
    )


def _why_no_student(run: _Run, *, thinks: bool) -> str:
    if run.manifest.model.kind not in ("folder", "adapter"):
        return "the model's weights are not here, so it cannot score the teacher's replies"
    if thinks:
        return "the model thinks before it answers, so that its probability of an answer is unknown"
    sampling = run.manifest.identity.sampling_of(run.suite.id)
    if sampling.get("stop"):
        return "stop texts end replies elsewhere than the model does"
    if on := [name for name, off in OFF.items() if sampling.get(name, off) != off]:
        return f"the decoder ({', '.join(on)}) makes replies of the teacher impossible or reweighs"
    return ""
