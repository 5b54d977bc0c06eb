"""inspect's logs: an .eval file for each task, with the k replies to a prompt as epochs.

inspect_ai itself (extra `inspect`) writes them. What has no field there goes into `metadata`, since
unknown fields are dropped when a log is read.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sfr_eval.formats.read.inspect_log import INSPECT_FIELDS, OWN_FACTS, need_inspect
from sfr_eval.formats.write.source import ExportSource, Task
from sfr_eval.types import Estimate, Prompt, PromptKey, Sample, Status
from sfr_eval.util.files import atomic_path
from sfr_eval.util.untrusted import file_name
from sfr_eval.version import __version__

if TYPE_CHECKING:
    from inspect_ai import log as logs
    from inspect_ai.model import GenerateConfig, StopReason
    from inspect_ai.scorer import Score

SCORER = "sfr_eval"
_STOP: "Mapping[Status, StopReason]" = {
    "ok": "stop",
    "truncated": "max_tokens",
    "refused": "content_filter",
}
"""Why a reply ended, for the statuses of requests that were answered."""


def write(source: ExportSource, output: Path) -> list[Path]:
    """Write `<suite>_t<temperature>.eval` files to `output` and return them."""
    need_inspect("export --format inspect")
    from inspect_ai.log import write_eval_log

    output.mkdir(parents=True, exist_ok=True)
    files = []
    for task in source.tasks():
        files.append(output / f"{file_name(task.name)}.eval")
        with atomic_path(files[-1]) as temporary:
            # By its ending, inspect would take the temporary file for another kind of log.
            write_eval_log(_log(source, task), str(temporary), format="eval")
    return files


def _log(source: ExportSource, task: Task) -> "logs.EvalLog":
    from inspect_ai import log as logs

    log = logs.EvalLog(
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


def _spec(source: ExportSource, task: Task) -> "logs.EvalSpec":
    from inspect_ai import log as logs

    identity, config = source.manifest.identity, source.manifest.config
    return logs.EvalSpec(
        created=source.date.isoformat(timespec="seconds"),
        task=f"sfr_eval/{task.suite.id}",
        task_display_name=task.name,
        task_version=task.version,
        task_id=_id(source, task.name),
        run_id=_id(source, ""),
        dataset=logs.EvalDataset(
            name=task.suite.id,
            samples=len(task.samples),
            sample_ids=[inspect_id(prompt) for prompt in task.samples],
            shuffled=False,
        ),
        model=f"{identity.engine or 'unknown'}/{source.model}",
        model_base_url=config.base_url[0] if config.base_url else None,
        model_generate_config=_generate_config(source, task),
        config=logs.EvalConfig(
            epochs=max(1, task.k), epochs_reducer=[], limit=_count(config.limit)
        ),
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


def _count(limit: int | float | None) -> int | None:
    """Return a limit that is a count, since inspect has no shares."""
    return limit if isinstance(limit, int) else None


def _generate_config(source: ExportSource, task: Task) -> "GenerateConfig":
    from inspect_ai.model import GenerateConfig

    fields = source.sampling(task.suite.id)
    stop = fields.pop("stop", None)
    named = {name: fields.pop(name) for name in INSPECT_FIELDS if name in fields}
    return GenerateConfig(
        temperature=task.temperature,
        stop_seqs=None if stop is None else list(stop),
        extra_body=fields or None,  # min_p and repetition_penalty have no field here
        **named,
    )


def _samples(source: ExportSource, task: Task) -> "Iterator[logs.EvalSample]":
    from inspect_ai.scorer import Score

    for key, samples in task.samples.items():
        prompt = source.prompts[task.suite.id, *key]
        for sample in samples:
            scores = {
                metric: Score(value=values[sample.sample_id])
                for metric, values in task.by_sample.items()
                if sample.sample_id in values
            }
            yield _sample(source, prompt, sample, scores)


def _sample(
    source: ExportSource, prompt: Prompt, sample: Sample, scores: "dict[str, Score]"
) -> "logs.EvalSample":
    from inspect_ai import log as logs
    from inspect_ai import model as models

    kinds = {"system": models.ChatMessageSystem, "user": models.ChatMessageUser}
    messages = [kinds[message.role](content=message.content) for message in prompt.messages]
    usage = models.ModelUsage(
        input_tokens=sample.prompt_tokens,
        output_tokens=sample.completion_tokens,
        total_tokens=sample.prompt_tokens + sample.completion_tokens,
    )
    output, error = models.ModelOutput(model=source.model), None
    if sample.status in _STOP:
        choice = models.ChatCompletionChoice(
            message=models.ChatMessageAssistant(content=sample.text, model=source.model),
            stop_reason=_STOP[sample.status],
        )
        output = models.ModelOutput(
            model=source.model, choices=[choice], completion=sample.text, usage=usage
        )
    else:
        trace = sample.error
        error = logs.EvalError(
            message=trace or sample.status, traceback=trace, traceback_ansi=trace
        )
    names = ("query", "persona", "temperature", "status", *OWN_FACTS)
    return logs.EvalSample(
        id=inspect_id(sample.prompt_key),
        epoch=sample.index + 1,
        input=messages,
        target="",
        messages=[*messages, *(choice.message for choice in output.choices)],
        output=output,
        scores=scores or None,
        metadata={name: getattr(sample, name) for name in names},
        model_usage={source.model: usage},
        error=error,
    )


def _results(task: Task) -> "logs.EvalResults":
    from inspect_ai import log as logs

    rows = [sample for samples in task.samples.values() for sample in samples]
    return logs.EvalResults(
        total_samples=len(rows),
        completed_samples=sum(sample.status in _STOP for sample in rows),
        scores=[_score(task, estimate) for estimate in task.estimates.values()],
    )


def _score(task: Task, estimate: Estimate) -> "logs.EvalScore":
    from inspect_ai import log as logs

    numbers = {
        "mean": estimate.value,
        "stderr": task.standard_errors.get(estimate.metric),
        "lower": estimate.low,
        "upper": estimate.high,
    }
    names = ("signature", "method", "n", "k", "undefined", "higher_is_better")
    return logs.EvalScore(
        name=estimate.metric,
        scorer=SCORER,
        metrics={
            name: logs.EvalMetric(name=name, value=value)
            for name, value in numbers.items()
            if value is not None
        },
        metadata={name: getattr(estimate, name) for name in names},
    )


def _reductions(task: Task) -> "list[logs.EvalSampleReductions]":
    """Return the value of each prompt, where a metric has one: measures of a set belong to no
    epoch."""
    from inspect_ai import log as logs

    return [
        logs.EvalSampleReductions(
            scorer=metric,
            samples=[
                logs.EvalSampleScore(value=value, sample_id=inspect_id(prompt))
                for prompt, value in values.items()
            ],
        )
        for metric, values in task.by_prompt.items()
        if metric in task.estimates
    ]
