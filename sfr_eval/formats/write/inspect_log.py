"""inspect's logs: one .eval a suite and temperature, the k replies to a prompt as epochs.

Written by inspect_ai itself (extra `inspect`). What it has no field for goes into `metadata`, since
unknown fields are dropped when a log is read.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.formats.read.inspect_log import need_inspect
from sfr_eval.formats.write.source import Cell, Source, estimate_row
from sfr_eval.types import Estimate, Prompt, PromptKey, Sample
from sfr_eval.util.files import atomic_path
from sfr_eval.version import __version__

if TYPE_CHECKING:
    from inspect_ai.log import (
        EvalLog,
        EvalResults,
        EvalSample,
        EvalSampleReductions,
        EvalScore,
        EvalSpec,
    )
    from inspect_ai.model import GenerateConfig, ModelOutput

SCORER = "sfr_eval"
_STOP = {"ok": "stop", "truncated": "max_tokens"}


def write(source: Source, output: Path) -> list[Path]:
    """Write `<suite>_t<temperature>.eval` into `output`; returns the files."""
    need_inspect("export --format inspect")
    from inspect_ai.log import write_eval_log

    output.mkdir(parents=True, exist_ok=True)
    files = []
    for cell in source.cells():
        file = output / f"{cell.name}.eval"
        log = make_log(source, cell)
        with atomic_path(file) as temporary:
            # inspect would take the temporary file's ending for another kind of log.
            write_eval_log(log, str(temporary), format="eval")
        files.append(file)
    return files


def make_log(source: Source, cell: Cell) -> "EvalLog":
    """One suite at one temperature."""
    from inspect_ai.log import EvalLog

    log = EvalLog(
        status="success",
        eval=_spec(source, cell),
        results=_results(cell),
        samples=list(_samples(source, cell)),
    )
    log.reductions = _reductions(cell)  # given to EvalLog it is a TypeError in 0.3.285
    return log


def inspect_id(prompt: PromptKey) -> str:
    """Id of a prompt in inspect: a name of a file inside the log, so without a slash."""
    query, persona = prompt
    return (f"{query}@{persona}" if persona else query).replace("/", "_")


def _spec(source: Source, cell: Cell) -> "EvalSpec":
    from inspect_ai.log import EvalConfig, EvalDataset, EvalSpec

    identity, config = source.manifest.identity, source.manifest.config
    return EvalSpec(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=f"sfr_eval/{cell.suite.id}",
        task_display_name=cell.name,
        task_version=source.manifest.part(cell.suite.id).version,
        task_id=_id(source, cell.name),
        run_id=_id(source, ""),
        dataset=EvalDataset(
            name=cell.suite.id,
            samples=len(cell.samples),
            sample_ids=[inspect_id(prompt) for prompt in cell.samples],
            shuffled=False,
        ),
        model=f"{identity.engine or 'unknown'}/{source.model}",
        model_base_url=config.base_url[0] if config.base_url else None,
        model_generate_config=_generate_config(source, cell),
        config=EvalConfig(epochs=max(1, cell.k), epochs_reducer=[], limit=config.limit),
        packages={"sfr-eval": __version__},
        metadata={
            "sfr_eval": {
                "suite": cell.suite.id,
                "temperature": cell.temperature,
                "origin": source.origin,
                "identity": identity.stored(),
                "undefined": dict(cell.undefined),
                "estimates": [
                    estimate_row(e)
                    for e in source.estimates()
                    if (e.suite, e.temperature) == (cell.suite.id, cell.temperature)
                ],
            }
        },
    )


def _id(source: Source, what: str) -> str:
    text = f"{source.manifest.model.fingerprint}\0{source.folder.path.name}\0{what}"
    return hashlib.sha256(text.encode()).hexdigest()[:22]


def _generate_config(source: Source, cell: Cell) -> "GenerateConfig":
    from inspect_ai.model import GenerateConfig

    fields = source.sampling(cell.suite.id)
    stop = fields.pop("stop", None)
    named = ("top_p", "top_k", "frequency_penalty", "presence_penalty", "max_tokens")
    known = {name: fields.pop(name) for name in named if name in fields}
    return GenerateConfig(
        temperature=cell.temperature,
        stop_seqs=None if stop is None else list(stop),
        extra_body=fields or None,  # min_p and repetition_penalty have no name here
        **known,
    )


def _samples(source: Source, cell: Cell) -> "Iterator[EvalSample]":
    for key, samples in cell.samples.items():
        prompt = source.prompts[cell.suite.id, *key]
        for sample in samples:
            scores = {
                m: v[sample.sample_id] for m, v in cell.by_sample.items() if sample.sample_id in v
            }
            yield _sample(
                source, prompt, sample, {m: v for m, v in scores.items() if source.wants(m)}
            )


def _sample(
    source: Source, prompt: Prompt, sample: Sample, scores: Mapping[str, float]
) -> "EvalSample":
    from inspect_ai.log import EvalError, EvalSample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelUsage
    from inspect_ai.scorer import Score

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    asked = [kinds[message.role](content=message.content) for message in prompt.messages]
    output = _output(source, sample)
    failed = sample.status in ("error", "unsupported")
    usage = ModelUsage(
        input_tokens=sample.prompt_tokens,
        output_tokens=sample.completion_tokens,
        total_tokens=sample.prompt_tokens + sample.completion_tokens,
    )
    return EvalSample(
        id=inspect_id(sample.prompt_key),
        epoch=sample.index + 1,
        input=asked,
        target="",
        messages=[*asked, *(choice.message for choice in output.choices)],
        output=output,
        scores={metric: Score(value=value) for metric, value in scores.items()} or None,
        metadata={
            "query": sample.query,
            "persona": sample.persona,
            "temperature": sample.temperature,
            "status": sample.status,
            "sample_id": sample.sample_id,
            "index": sample.index,
            "seed": sample.seed,
            "prompt_tokens": sample.prompt_tokens,
            "completion_tokens": sample.completion_tokens,
        },
        model_usage={output.model: usage},
        error=(
            EvalError(
                message=sample.error or sample.status,
                traceback=sample.error,
                traceback_ansi=sample.error,
            )
            if failed
            else None
        ),
    )


def _output(source: Source, sample: Sample) -> "ModelOutput":
    from inspect_ai.model import (
        ChatCompletionChoice,
        ChatMessageAssistant,
        ModelOutput,
        ModelUsage,
    )

    if sample.status not in (*_STOP, "refused"):
        return ModelOutput(model=source.model)
    choice = ChatCompletionChoice(
        message=ChatMessageAssistant(content=sample.text, model=source.model),
        stop_reason=_STOP.get(sample.status, "content_filter"),
    )
    return ModelOutput(
        model=source.model,
        choices=[choice],
        completion=sample.text,
        usage=ModelUsage(
            input_tokens=sample.prompt_tokens,
            output_tokens=sample.completion_tokens,
            total_tokens=sample.prompt_tokens + sample.completion_tokens,
        ),
    )


def _results(cell: Cell) -> "EvalResults":
    from inspect_ai.log import EvalResults

    rows = [sample for samples in cell.samples.values() for sample in samples]
    answered = sum(sample.status in ("ok", "truncated", "refused") for sample in rows)
    return EvalResults(
        total_samples=len(rows),
        completed_samples=answered,
        scores=[_score(cell, estimate) for estimate in cell.estimates.values()],
    )


def _score(cell: Cell, estimate: Estimate) -> "EvalScore":
    from inspect_ai.log import EvalMetric, EvalScore

    numbers = {
        "mean": estimate.value,
        "stderr": cell.standard_errors.get(estimate.metric),
        "lower": estimate.low,
        "upper": estimate.high,
    }
    return EvalScore(
        name=estimate.metric,
        scorer=SCORER,
        metrics={
            name: EvalMetric(name=name, value=value)
            for name, value in numbers.items()
            if value is not None
        },
        metadata={
            "signature": estimate.signature,
            "method": estimate.method,
            "n": estimate.n,
            "k": estimate.k,
            "undefined": estimate.undefined,
            "higher_is_better": estimate.higher_is_better,
        },
    )


def _reductions(cell: Cell) -> "list[EvalSampleReductions]":
    """The value of each prompt, where a metric has one: measures of a set belong to no epoch."""
    from inspect_ai.log import EvalSampleReductions, EvalSampleScore

    return [
        EvalSampleReductions(
            scorer=metric,
            samples=[
                EvalSampleScore(value=value, sample_id=inspect_id(prompt))
                for prompt, value in values.items()
            ],
        )
        for metric, values in cell.by_prompt.items()
        if metric in cell.estimates
    ]
