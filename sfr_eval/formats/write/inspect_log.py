"""inspect's logs: an .eval file for each task, with the k replies to a prompt as epochs.

inspect_ai itself (extra `inspect`) writes them. What has no field there goes into `metadata`, since
unknown fields are dropped when a log is read.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.formats.read.inspect_log import need_inspect
from sfr_eval.formats.write.source import ExportSource, Task
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
    from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage

SCORER = "sfr_eval"
_STOP = {"ok": "stop", "truncated": "max_tokens"}


def write(source: ExportSource, output: Path) -> list[Path]:
    """Write `<suite>_t<temperature>.eval` files to `output` and return them."""
    need_inspect("export --format inspect")
    from inspect_ai.log import write_eval_log

    output.mkdir(parents=True, exist_ok=True)
    files = []
    for task in source.tasks():
        file = output / f"{task.name}.eval"
        log = make_log(source, task)
        with atomic_path(file) as temporary:
            # By its ending, inspect would take the temporary file for another kind of log.
            write_eval_log(log, str(temporary), format="eval")
        files.append(file)
    return files


def make_log(source: ExportSource, task: Task) -> "EvalLog":
    """Return the log of one task."""
    from inspect_ai.log import EvalLog

    log = EvalLog(
        status="success",
        eval=_spec(source, task),
        results=_results(task),
        samples=list(_samples(source, task)),
    )
    log.reductions = _reductions(task)  # EvalLog of 0.3.285 raises TypeError if it is given there
    return log


def inspect_id(prompt: PromptKey) -> str:
    """Return the id of a prompt in inspect. It names a file inside the log, so it has no slash."""
    query, persona = prompt
    return (f"{query}@{persona}" if persona else query).replace("/", "_")


def _spec(source: ExportSource, task: Task) -> "EvalSpec":
    from inspect_ai.log import EvalConfig, EvalDataset, EvalSpec

    identity, config = source.manifest.identity, source.manifest.config
    return EvalSpec(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=f"sfr_eval/{task.suite.id}",
        task_display_name=task.name,
        task_version=source.manifest.part(task.suite.id).version,
        task_id=_id(source, task.name),
        run_id=_id(source, ""),
        dataset=EvalDataset(
            name=task.suite.id,
            samples=len(task.samples),
            sample_ids=[inspect_id(prompt) for prompt in task.samples],
            shuffled=False,
        ),
        model=f"{identity.engine or 'unknown'}/{source.model}",
        model_base_url=config.base_url[0] if config.base_url else None,
        model_generate_config=_generate_config(source, task),
        config=EvalConfig(epochs=max(1, task.k), epochs_reducer=[], limit=config.limit),
        packages={"sfr-eval": __version__},
        metadata={
            "sfr_eval": {
                "suite": task.suite.id,
                "temperature": task.temperature,
                "origin": source.origin,
                "identity": identity.stored(),
                "undefined": dict(task.undefined),
                "estimates": [
                    asdict(e)
                    for e in source.estimates()
                    if (e.suite, e.temperature) == (task.suite.id, task.temperature)
                ],
            }
        },
    )


def _id(source: ExportSource, what: str) -> str:
    text = f"{source.manifest.model.fingerprint}\0{source.folder.path.name}\0{what}"
    return hashlib.sha256(text.encode()).hexdigest()[:22]


def _generate_config(source: ExportSource, task: Task) -> "GenerateConfig":
    from inspect_ai.model import GenerateConfig

    fields = source.sampling(task.suite.id)
    stop = fields.pop("stop", None)
    named = ("top_p", "top_k", "frequency_penalty", "presence_penalty", "max_tokens")
    own_fields = {name: fields.pop(name) for name in named if name in fields}
    return GenerateConfig(
        temperature=task.temperature,
        stop_seqs=None if stop is None else list(stop),
        extra_body=fields or None,  # min_p and repetition_penalty have no field here
        **own_fields,
    )


def _samples(source: ExportSource, task: Task) -> "Iterator[EvalSample]":
    for key, samples in task.samples.items():
        prompt = source.prompts[task.suite.id, *key]
        for sample in samples:
            scores = {
                metric: values[sample.sample_id]
                for metric, values in task.by_sample.items()
                if sample.sample_id in values
            }
            yield _sample(source, prompt, sample, scores)


def _sample(
    source: ExportSource, prompt: Prompt, sample: Sample, scores: Mapping[str, float]
) -> "EvalSample":
    from inspect_ai.log import EvalError, EvalSample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser
    from inspect_ai.scorer import Score

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    messages = [kinds[message.role](content=message.content) for message in prompt.messages]
    output = _output(source, sample)
    failed = sample.status in ("error", "unsupported")
    return EvalSample(
        id=inspect_id(sample.prompt_key),
        epoch=sample.index + 1,
        input=messages,
        target="",
        messages=[*messages, *(choice.message for choice in output.choices)],
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
        model_usage={output.model: _usage(sample)},
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


def _output(source: ExportSource, sample: Sample) -> "ModelOutput":
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput

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
        usage=_usage(sample),
    )


def _usage(sample: Sample) -> "ModelUsage":
    from inspect_ai.model import ModelUsage

    return ModelUsage(
        input_tokens=sample.prompt_tokens,
        output_tokens=sample.completion_tokens,
        total_tokens=sample.prompt_tokens + sample.completion_tokens,
    )


def _results(task: Task) -> "EvalResults":
    from inspect_ai.log import EvalResults

    rows = [sample for samples in task.samples.values() for sample in samples]
    answered = sum(sample.status in ("ok", "truncated", "refused") for sample in rows)
    return EvalResults(
        total_samples=len(rows),
        completed_samples=answered,
        scores=[_score(task, estimate) for estimate in task.estimates.values()],
    )


def _score(task: Task, estimate: Estimate) -> "EvalScore":
    from inspect_ai.log import EvalMetric, EvalScore

    numbers = {
        "mean": estimate.value,
        "stderr": task.standard_errors.get(estimate.metric),
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


def _reductions(task: Task) -> "list[EvalSampleReductions]":
    """Return the value of each prompt, where a metric has one: measures of a set belong to no
    epoch."""
    from inspect_ai.log import EvalSampleReductions, EvalSampleScore

    return [
        EvalSampleReductions(
            scorer=metric,
            samples=[
                EvalSampleScore(value=value, sample_id=inspect_id(prompt))
                for prompt, value in values.items()
            ],
        )
        for metric, values in task.by_prompt.items()
        if metric in task.estimates
    ]
