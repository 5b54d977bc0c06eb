"""lm-eval's files: results_<stamp>.json, and samples_<task>_<stamp>.jsonl a suite and temperature.

Field by field as `lm_eval/result_schema.py` of 0.4.13 has them. What they have no field for stands
under `config.sfr_eval` (results) and `arguments.gen_args_0.sfr_eval` (samples): further keys of a
line must be numbers, and `doc` is hashed to tell whether two models saw the same task.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sfr_eval.formats.write.source import Cell, Source, estimate_row
from sfr_eval.store.manifest import Session
from sfr_eval.types import Prompt, Sample
from sfr_eval.util.files import write_atomic
from sfr_eval.version import __version__

FILTER = "none"
_UNSAFE = re.compile(r'["<>:/|\\?*\[\]]+')


def write(source: Source, output: Path) -> list[Path]:
    """Write below `output`/<model>; returns the files, results first."""
    stamp = datetime.now().isoformat().replace(":", "-")
    folder = output / sanitized(source.model)
    folder.mkdir(parents=True, exist_ok=True)
    cells = list(source.cells())
    lines = {cell.name: list(sample_lines(source, cell)) for cell in cells}
    results = results_content(source, cells, lines)
    files = [folder / f"results_{stamp}.json"]
    write_atomic(files[0], json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False))
    for cell in cells:
        files.append(folder / f"samples_{cell.name}_{stamp}.jsonl")
        content = "".join(
            json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
            for line in lines[cell.name]
        )
        write_atomic(files[-1], content)
    return files


def sanitized(model: str) -> str:
    """The model's name as lm-eval puts it into a path."""
    return _UNSAFE.sub("__", model)


def sample_lines(source: Source, cell: Cell) -> Iterator[dict[str, Any]]:
    """A line for each prompt. Only replies with text are in `resps`: a refused or failed request
    has none, and never becomes an empty one; it stands in the `sfr_eval`
    block."""
    arguments = generation_arguments(source, cell)
    for number, (query, persona) in enumerate(cell.samples):
        samples = cell.samples[query, persona]
        prompt = source.prompts[cell.suite.id, query, persona]
        texts = [sample.text for sample in samples if sample.has_text]
        doc = {
            "query": query,
            "persona": persona,
            "messages": [asdict(message) for message in prompt.messages],
        }
        own = {
            "suite": cell.suite.id,
            "temperature": cell.temperature,
            "samples": [_own(sample) for sample in samples],
        }
        read, target = prompt_text(prompt), ""
        metrics = {
            metric: values[query, persona]
            for metric, values in cell.by_prompt.items()
            if metric in cell.estimates and (query, persona) in values
        }
        yield {
            "doc_id": number,
            "doc": doc,
            "target": target,
            "arguments": {"gen_args_0": {"arg_0": read, "arg_1": arguments, "sfr_eval": own}},
            "resps": [texts],
            "filtered_resps": [texts],
            "filter": FILTER,
            "metrics": list(metrics),
            "doc_hash": _sha256(json.dumps(doc, indent=2, ensure_ascii=False)),
            "prompt_hash": _sha256(read),
            "target_hash": _sha256(target),
            **metrics,
        }


def prompt_text(prompt: Prompt) -> str:
    """The chat as a JSON list of messages, as lm-eval writes what it sends to chat servers."""
    return json.dumps([asdict(message) for message in prompt.messages], ensure_ascii=False)


def generation_arguments(source: Source, cell: Cell) -> dict[str, Any]:
    """lm-eval's generation settings: its own names where it has some, else ours."""
    fields = source.sampling(cell.suite.id)
    found: dict[str, Any] = {"until": list(fields.pop("stop", ()))}
    if "max_tokens" in fields:
        found["max_gen_toks"] = fields.pop("max_tokens")
    return {
        **found,
        "temperature": cell.temperature,
        "do_sample": cell.temperature > 0,
        **fields,
    }


def results_content(
    source: Source, cells: Sequence[Cell], lines: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """What results_<stamp>.json holds."""
    identity = source.manifest.identity
    last = source.manifest.last_session or Session()
    seed = identity.seed if isinstance(identity.seed, int) else None
    template = identity.chat_template
    return {
        "results": {cell.name: _task_metrics(cell) for cell in cells},
        "group_subtasks": {cell.name: [] for cell in cells},
        "configs": {cell.name: _task_config(source, cell) for cell in cells},
        "versions": {cell.name: _version(source, cell) for cell in cells},
        "n-shot": {cell.name: 0 for cell in cells},
        "higher_is_better": {
            cell.name: {e.metric: e.higher_is_better for e in cell.estimates.values()}
            for cell in cells
        },
        "n-samples": {
            cell.name: {"original": len(cell.samples), "effective": len(cell.samples)}
            for cell in cells
        },
        "config": {
            "model": _model_source(source),
            "model_args": {"pretrained": source.model},
            "batch_size": None,
            "batch_sizes": [],
            "device": None,
            "use_cache": None,
            "limit": source.manifest.config.limit,
            "bootstrap_iters": 0,
            "gen_kwargs": None,
            "random_seed": seed,
            "numpy_seed": seed,
            "torch_seed": seed,
            "fewshot_seed": seed,
            "sfr_eval": {
                "version": __version__,
                "origin": source.origin,
                "identity": identity.stored(),
                "estimates": [estimate_row(estimate) for estimate in source.estimates()],
                "counts": [asdict(counts) for counts in source.results.counts],
            },
        },
        "git_hash": "",
        "date": time.time(),
        "pretty_env_info": source.manifest.platform,
        "transformers_version": source.manifest.versions.get("transformers", ""),
        "lm_eval_version": f"none: sfr-eval {__version__}",
        "upper_git_hash": None,
        "task_hashes": {name: _task_hash(rows) for name, rows in lines.items()},
        "model_source": _model_source(source),
        "model_name": source.model,
        "model_name_sanitized": sanitized(source.model),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": None,
        "chat_template": None,
        "chat_template_sha": None if template == "tokenizer" else template,
        "total_evaluation_time_seconds": last.start_seconds + last.sampling_seconds,
    }


def _task_metrics(cell: Cell) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": cell.name,
        "alias": cell.name,
        "sample_len": len(cell.samples),
    }
    for metric, estimate in cell.estimates.items():
        found[f"{metric},{FILTER}"] = estimate.value
        found[f"{metric}_stderr,{FILTER}"] = cell.standard_errors.get(metric, "N/A")
        if estimate.low is not None and estimate.high is not None:
            found[f"{metric}_ci_low,{FILTER}"] = estimate.low
            found[f"{metric}_ci_high,{FILTER}"] = estimate.high
    return found


def _task_config(source: Source, cell: Cell) -> dict[str, Any]:
    return {
        "task": cell.name,
        "dataset_name": cell.suite.id,
        "output_type": "generate_until",
        "repeats": cell.k,
        "num_fewshot": 0,
        "generation_kwargs": generation_arguments(source, cell),
        "metric_list": [
            {"metric": e.metric, "higher_is_better": e.higher_is_better, "signature": e.signature}
            for e in cell.estimates.values()
        ],
        "metadata": {"version": _version(source, cell), "undefined": dict(cell.undefined)},
    }


def _version(source: Source, cell: Cell) -> str:
    return source.manifest.part(cell.suite.id).version


def _model_source(source: Source) -> str:
    return source.manifest.identity.engine or "unknown"


def _task_hash(lines: Sequence[Mapping[str, Any]]) -> str:
    return _sha256("".join(r["doc_hash"] + r["prompt_hash"] + r["target_hash"] for r in lines))


def _own(sample: Sample) -> dict[str, Any]:
    names = ("sample_id", "index", "seed", "status", "error", "prompt_tokens", "completion_tokens")
    return {name: getattr(sample, name) for name in names}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
