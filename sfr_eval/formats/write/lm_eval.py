"""lm-eval's files: results_<stamp>.json, and samples_<task>_<stamp>.jsonl for each task.

Fields are those of `lm_eval/result_schema.py` in 0.4.13. What has no field there goes into
`config.sfr_eval` (results) and `arguments.gen_args_0.sfr_eval` (samples), since further keys of a
line must be numbers and `doc` is hashed to tell whether two models saw the same task.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfr_eval.formats.read.lm_eval import OwnSample
from sfr_eval.formats.write.source import ExportSource, Task
from sfr_eval.formats.write.tables import jsonl
from sfr_eval.store.manifest import Session
from sfr_eval.util.files import write_atomic
from sfr_eval.util.untrusted import file_name, whole_text
from sfr_eval.version import __version__

FILTER = "none"


def write(source: ExportSource, output: Path) -> list[Path]:
    """Write to `output`/<model>. Return the files, results first.

    The stamp is that of the replies, as in lm-eval, so a repetition replaces the files of an export
    that was interrupted.
    """
    tasks = list(source.tasks())
    stamp = f"{source.date:%Y-%m-%dT%H-%M-%S.%f}"
    folder = output / sanitized(source.model)
    folder.mkdir(parents=True, exist_ok=True)
    lines = {task.name: list(sample_lines(source, task)) for task in tasks}
    results = results_content(source, tasks, lines)
    files = [folder / f"results_{stamp}.json"]
    text = json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(files[0], whole_text(text))
    for task in tasks:
        files.append(folder / f"samples_{file_name(task.name)}_{stamp}.jsonl")
        write_atomic(files[-1], jsonl(lines[task.name]))
    return files


def sanitized(model: str) -> str:
    """Return the model's name as lm-eval puts it into a path, without what lm-eval lets through:
    two dots, line feeds, other control characters."""
    return file_name(model)


def sample_lines(source: ExportSource, task: Task) -> Iterator[dict[str, Any]]:
    """Yield a line for each prompt.

    `resps` holds only replies with text. A refused or failed request has none and never becomes an
    empty one; it is in the `sfr_eval` block.
    """
    arguments = generation_arguments(source, task)
    for number, (query, persona) in enumerate(task.samples):
        samples = task.samples[query, persona]
        prompt = source.prompts[task.suite.id, query, persona]
        texts = [sample.text for sample in samples if sample.has_text]
        messages = [asdict(message) for message in prompt.messages]
        doc = {"query": query, "persona": persona, "messages": messages}
        block = {
            "suite": task.suite.id,
            "temperature": task.temperature,
            "samples": [
                {name: getattr(sample, name) for name in OwnSample.model_fields}
                for sample in samples
            ],
        }
        # lm-eval, too, writes the chats that it sends to servers as a JSON list of messages.
        text, target = json.dumps(messages, ensure_ascii=False), ""
        metrics = {
            metric: values[query, persona]
            for metric, values in task.by_prompt.items()
            if metric in task.estimates and (query, persona) in values
        }
        yield {
            "doc_id": number,
            "doc": doc,
            "target": target,
            "arguments": {"gen_args_0": {"arg_0": text, "arg_1": arguments, "sfr_eval": block}},
            "resps": [texts],
            "filtered_resps": [texts],
            "filter": FILTER,
            "metrics": list(metrics),
            "doc_hash": _sha256(json.dumps(doc, indent=2, ensure_ascii=False)),
            "prompt_hash": _sha256(text),
            "target_hash": _sha256(target),
            **metrics,
        }


def generation_arguments(source: ExportSource, task: Task) -> dict[str, Any]:
    """Return the generation settings, under lm-eval's names where it has them."""
    fields = source.sampling(task.suite.id)
    renamed: dict[str, Any] = {"until": list(fields.pop("stop", ()))}
    if "max_tokens" in fields:
        renamed["max_gen_toks"] = fields.pop("max_tokens")
    sampling = {"temperature": task.temperature, "do_sample": task.temperature > 0}
    return {**renamed, **sampling, **fields}


def results_content(
    source: ExportSource, tasks: Sequence[Task], lines: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """Return the content of results_<stamp>.json."""
    identity = source.manifest.identity
    last = source.manifest.last_session or Session()
    seed = identity.seed if isinstance(identity.seed, int) else None
    template = identity.chat_template
    engine = identity.engine or "unknown"
    return {
        "results": {task.name: _task_metrics(task) for task in tasks},
        "group_subtasks": {task.name: [] for task in tasks},
        "configs": {task.name: _task_config(source, task) for task in tasks},
        "versions": {task.name: task.version for task in tasks},
        "n-shot": {task.name: 0 for task in tasks},
        "higher_is_better": {
            task.name: {e.metric: e.higher_is_better for e in task.estimates.values()}
            for task in tasks
        },
        "n-samples": {
            task.name: dict.fromkeys(("original", "effective"), len(task.samples)) for task in tasks
        },
        "config": {
            "model": engine,
            "model_args": {"pretrained": source.model},
            "batch_size": None,
            "batch_sizes": [],
            "device": None,
            "use_cache": None,
            "limit": source.manifest.config.limit,
            "bootstrap_iters": 0,
            "gen_kwargs": None,
            **dict.fromkeys(("random_seed", "numpy_seed", "torch_seed", "fewshot_seed"), seed),
            "sfr_eval": {
                "version": __version__,
                "origin": source.origin,
                "identity": identity.stored(),
                "estimates": [asdict(estimate) for estimate in source.estimates()],
                "counts": [asdict(counts) for counts in source.results.counts],
            },
        },
        "git_hash": "",
        "date": source.date.timestamp(),
        "pretty_env_info": source.manifest.platform,
        "transformers_version": source.manifest.versions.get("transformers", ""),
        "lm_eval_version": f"none: sfr-eval {__version__}",
        "upper_git_hash": None,
        "task_hashes": {name: _task_hash(rows) for name, rows in lines.items()},
        "model_source": engine,
        "model_name": source.model,
        "model_name_sanitized": sanitized(source.model),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": None,
        "chat_template": None,
        "chat_template_sha": None if template == "tokenizer" else template,
        "total_evaluation_time_seconds": last.start_seconds + last.sampling_seconds,
    }


def _task_metrics(task: Task) -> dict[str, Any]:
    row: dict[str, Any] = {"name": task.name, "alias": task.name, "sample_len": len(task.samples)}
    for metric, estimate in task.estimates.items():
        row[f"{metric},{FILTER}"] = estimate.value
        row[f"{metric}_stderr,{FILTER}"] = task.standard_errors.get(metric, "N/A")
        if estimate.low is not None and estimate.high is not None:
            row[f"{metric}_ci_low,{FILTER}"] = estimate.low
            row[f"{metric}_ci_high,{FILTER}"] = estimate.high
    return row


def _task_config(source: ExportSource, task: Task) -> dict[str, Any]:
    return {
        "task": task.name,
        "dataset_name": task.suite.id,
        "output_type": "generate_until",
        "repeats": task.k,
        "num_fewshot": 0,
        "generation_kwargs": generation_arguments(source, task),
        "metric_list": [
            {"metric": e.metric, "higher_is_better": e.higher_is_better, "signature": e.signature}
            for e in task.estimates.values()
        ],
        "metadata": {"version": task.version, "undefined": dict(task.undefined)},
    }


def _task_hash(lines: Sequence[Mapping[str, Any]]) -> str:
    return _sha256("".join(r["doc_hash"] + r["prompt_hash"] + r["target_hash"] for r in lines))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
