#!/usr/bin/env python
"""How often a model that answers as its teacher does is called collapsed. Prints the rates of
docs/suites/teacher.md.

    python scripts/teacher_rates.py RUN [--draws 100] [--questions 16] [--seed 0]

RUN is a run of the suite `teacher` whose model is the teacher, under the full cards
(--student-sees card). Its 2 k replies to a prompt, k of the teacher and k of the model, are draws
from one distribution, so any half of them may be called the model's: each draw splits the replies
to every prompt at random, calibrates validity on one half, and goes through the metrics and the
verdict of a run. With --questions, the run's questions are asked again, each time with a split of
its own, until there are so many. Replies and scores come from the run and the cache; no weights are
loaded.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import load_family
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.pipeline.job import Job
from sfr_eval.pipeline.reference import reference_estimates
from sfr_eval.pipeline.teacher import teacher_reference
from sfr_eval.report.verdict import STYLE, call, finding, variety_measure
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Notes, Results, SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.suites.teacher.reference import TeacherReference
from sfr_eval.types import PromptKey, Sample
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.progress import say

FAMILIES = ("semantic", "style", "quality", "gated")
"""What the verdict reads."""

Replies = Mapping[PromptKey, Sequence[Sample]]


def load(run: Path) -> tuple[Manifest, Job, TeacherReference]:
    """Return a run as it is measured, and its teacher."""
    manifest = Manifest.load(run)
    (suite,) = require_stored_suites(run, manifest)
    samples, cache = RunFolder(run).sealed_samples(), cache_folder()
    teacher = teacher_reference(suite, samples, manifest=manifest, cache=cache)
    if teacher is None:
        raise UserError(f"{run}: has no teacher")
    settings = ScoreSettings.from_flat(manifest.config.stored())
    window = suite.spec.window(settings.token_window)
    context = Context(
        samples=samples,
        suite=suite,
        encoder=Encoder(settings.encoder, cache),
        tokenizer=replace(load_tokenizer(settings.tokenizer), window=window),
        teacher=teacher,
    )
    families = tuple(load_family(name) for name in FAMILIES)
    return manifest, Job(context=context, families=families), teacher


def repeated(job: Job, teacher: TeacherReference, questions: int) -> tuple[Job, TeacherReference]:
    """Return a job with so many questions: those of the run, again and again."""
    suite = job.context.suite
    asked = list(dict.fromkeys(sample.query for sample in job.context.samples))
    names = {f"{asked[n % len(asked)]}~{n}": asked[n % len(asked)] for n in range(questions)}
    larger = replace(
        suite,
        queries={name: suite.queries[query] for name, query in names.items()},
        rows={name: suite.rows[query] for name, query in names.items()},
    )
    samples = [
        replace(sample, query=name)
        for name, query in names.items()
        for sample in job.context.samples
        if sample.query == query
    ]
    replies = {
        (name, persona): [replace(reply, query=name) for reply in own]
        for name, query in names.items()
        for (question, persona), own in teacher.replies.items()
        if question == query
    }
    scores = {
        (name, persona, digest): score
        for name, query in names.items()
        for (question, persona, digest), score in teacher.scores.items()
        if question == query
    }
    more = replace(teacher, replies=replies, scores=scores)
    context = replace(job.context, suite=larger, samples=samples, teacher=more)
    return replace(job, context=context), more


def split(job: Job, teacher: TeacherReference, rng: np.random.Generator) -> Job:
    """Deal the replies to each prompt out anew, half to the model and half to the teacher."""
    pool: dict[PromptKey, list[Sample]] = {key: list(own) for key, own in teacher.replies.items()}
    for reply in job.context.samples:
        pool[reply.prompt_key].append(reply)
    ours: list[Sample] = []
    theirs: dict[PromptKey, list[Sample]] = {}
    for key, replies in pool.items():
        dealt = [
            replace(replies[place], sample_id=f"{'/'.join(key)}/{index}", index=index)
            for index, place in enumerate(rng.permutation(len(replies)))
        ]
        half = len(dealt) // 2
        ours += dealt[:half]
        theirs[key] = dealt[half:]
    dealer = replace(teacher, replies=theirs)
    return replace(job, context=replace(job.context, samples=ours, teacher=dealer, fitted={}))


def measured(job: Job, manifest: Manifest) -> SuiteResults:
    """Measure a draw as a run is measured."""
    results = [result for family in job.families for result in family.compute(job.context)]
    beside = reference_estimates(job, results, cache_folder())
    id = job.context.suite.id
    (suite,) = read_suites(
        manifest,
        Results(
            estimates=tuple(job.estimates(results)),
            notes={r.metric: {id: Notes.model_validate(dict(r.notes))} for r in results if r.notes},
            reference={id: beside.estimates},
            paired={id: beside.differences},
        ),
    )
    return suite


def main() -> None:
    """Print how often each headline and each call was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--questions", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    manifest, job, teacher = load(options.run)
    if options.questions is not None:
        job, teacher = repeated(job, teacher, options.questions)
    rng = np.random.default_rng(options.seed)
    counts: Counter[str] = Counter()
    for _ in range(options.draws):
        suite = measured(split(job, teacher, rng), manifest)
        t = suite.middle_temperature
        counts[f"verdict: {finding(suite).headline}"] += 1
        counts[f"style {call(suite, STYLE, t)}"] += 1
        counts[f"variety {call(suite, variety_measure(suite, t), t)}"] += 1
    for what, count in sorted(counts.items()):
        say(f"{count / options.draws:.1%} {what}")


if __name__ == "__main__":
    main()
