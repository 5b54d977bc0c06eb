"""lm-eval's `samples_<task>_<stamp>.jsonl`: one line for each document and filter.

A task with two filters has every answer twice, so only the lines of one filter are read. Answers
come from `resps`, which no filter has touched.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Prompts, messages_of
from sfr_eval.formats.read.reply import (
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    checked_text,
    temperature_of,
)
from sfr_eval.formats.read.source import Source
from sfr_eval.types import TEXT_STATUSES, Status
from sfr_eval.util.reading import read_model
from sfr_eval.util.untrusted import plain_text

NAME = "lm-eval"
_STAMP = re.compile(r"_(\d{4}-\d\d-\d\dT[^_]*)\.jsonl$")
_SAMPLING = {
    # lm-eval's names, and those of the engines behind it -> ours
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repetition_penalty": "repetition_penalty",
    "max_gen_toks": "max_tokens",
    "max_new_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "until": "stop",
}


class OwnSample(BaseModel):
    """What our export stores of a completion besides its text."""

    sample_id: str = Field(min_length=1)
    index: int = Field(ge=0)
    seed: int
    status: Status
    error: str = ""
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class OwnBlock(BaseModel):
    """The key `sfr_eval` that our export adds to the arguments of a request."""

    suite: str
    temperature: float = Field(ge=0, allow_inf_nan=False)
    samples: tuple[OwnSample, ...]


class SampleLine(BaseModel, extra="allow"):
    """The fields of a line that are read."""

    doc_id: int
    doc: Any = None
    arguments: Any
    resps: list[Any]
    filter: str = "none"


def looks_like(source: Source) -> bool:
    """Return whether these are lines of such a file."""
    return {"doc_id", "resps", "arguments"} <= set(source.first)


def own_suite(source: Source) -> str | None:
    """Return the suite that our export wrote into a file; None for other files."""
    block = own_block(source.first.get("arguments"))
    return str(block["suite"]) if isinstance(block, Mapping) and block.get("suite") else None


def own_block(arguments: Any) -> Any:
    """Return what our export stores with a prompt; None for files of other tools."""
    call = arguments.get("gen_args_0") if isinstance(arguments, Mapping) else None
    return call.get("sfr_eval") if isinstance(call, Mapping) else None


def read(source: Source, prompts: Prompts) -> Reading:
    """Read all answers of one filter.

    Raises UserError for doubled documents and for unequal numbers of answers, which lm-eval makes
    when several ranks pad their last batch with copies.
    """
    replies: list[Reply] = []
    sampling: dict[str, Any] = {}
    warnings: list[str] = []
    filters: dict[str, None] = {}
    file = source.file
    for where, line in _lines_of_one_filter(source, filters):
        prompt, arguments = _arguments(line.arguments, where=where)
        document = line.doc if isinstance(line.doc, Mapping) else {}
        query, persona = prompts.find(
            line.model_dump(), document, messages=messages_of(prompt), where=where
        )
        temperature, warning = _temperature(arguments, where=where)
        warnings += [warning] if warning else []
        stated = {ours: arguments[name] for name, ours in _SAMPLING.items() if name in arguments}
        if sampling and stated != sampling:
            warnings.append("Documents of one file were sampled with different settings.")
        sampling = sampling or stated
        fields = own_block(line.arguments)
        block = None if fields is None else read_model(OwnBlock, fields, where=f"{where}: sfr_eval")
        replies += _replies(line.resps, block, query, persona, temperature, where=where)
    if not replies:
        raise UserError(f"{file}: has no answers")
    _refuse_unequal(file, replies)
    if len(filters) > 1:
        warnings.append(
            f"{file.name} has answers under {len(filters)} filters; only the lines of "
            f"`{next(iter(filters))}` were read, so that none counts twice."
        )
    if not any(reply.sample_id for reply in replies):
        warnings.append(
            "lm-eval does not say which replies were cut at max_tokens: all count as complete."
        )
    summary = _results_beside(file)
    return Reading(
        file=file,
        format=NAME,
        replies=replies,
        model=str(summary.get("model_name") or ""),
        sampling=sampling,
        origin=_origin(summary),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _lines_of_one_filter(
    source: Source, filters: dict[str, None]
) -> Iterator[tuple[str, SampleLine]]:
    """Yield (where, line) for the first filter of a file. `filters` collects all their names."""
    numbers: dict[int, str] = {}
    for where, loaded in source.rows():
        line = read_model(SampleLine, loaded, where=where)
        filters[line.filter] = None
        if line.filter != next(iter(filters)):
            continue
        if line.doc_id in numbers:
            raise UserError(
                f"{where}: doc_id {line.doc_id} was already in line {numbers[line.doc_id]}, under "
                f"the same filter `{line.filter}`: the rows are doubled; remove one of them"
            )
        numbers[line.doc_id] = where.rpartition(":")[2]
        yield where, line


def _arguments(arguments: Any, *, where: str) -> tuple[str, Mapping[str, Any]]:
    """Return (prompt, generation settings) of the only request of a document."""
    if isinstance(arguments, Mapping):
        calls = [list(call.values()) for call in arguments.values() if isinstance(call, Mapping)]
    elif isinstance(arguments, list):  # releases before 0.4.3
        calls = [call for call in arguments if isinstance(call, list)]
    else:
        calls = []
    if len(calls) != 1 or not calls[0]:
        raise UserError(
            f"{where}: arguments: {len(calls)} requests for one document; only tasks that "
            "generate text once can be imported"
        )
    prompt, *rest = calls[0]
    if isinstance(prompt, list) and len(prompt) == 1:  # a chat, as lm-eval writes it
        (prompt,) = prompt
    settings = rest[0] if rest and isinstance(rest[0], Mapping) else {}
    return prompt if isinstance(prompt, str) else json.dumps(prompt), settings


def _temperature(arguments: Mapping[str, Any], *, where: str) -> tuple[float, str]:
    """Return (temperature, warning or ""). lm-eval decodes greedily unless it is told to sample."""
    stated = temperature_of(arguments.get("temperature"), where=where)
    if stated is not None:
        return (0.0 if arguments.get("do_sample") is False else stated), ""
    if arguments.get("do_sample"):
        return (
            UNSTATED_TEMPERATURE,
            "The file says that it was sampled, but not at which temperature; it is taken as 1.",
        )
    return 0.0, ""


def _replies(
    resps: list[Any],
    block: OwnBlock | None,
    query: str,
    persona: str,
    temperature: float,
    *,
    where: str,
) -> Iterator[Reply]:
    texts = resps[0] if len(resps) == 1 else resps
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"{where}: resps: not a list of texts (log-likelihoods, or several requests); only "
            "generated text can be imported"
        )
    facts: dict[str, Any] = {"where": where, "query": query, "persona": persona}
    texts = [checked_text(text, where=where) for text in texts]
    if block is None:
        for text in texts:
            yield Reply(**facts, temperature=temperature, status="ok", text=text)
        return
    expected = sum(sample.status in TEXT_STATUSES for sample in block.samples)
    if expected != len(texts):
        raise UserError(
            f"{where}: resps holds {len(texts)} texts where sfr_eval.samples has {expected}; "
            "export the run again, or remove the key sfr_eval"
        )
    remaining = iter(texts)
    for sample in block.samples:
        text = next(remaining) if sample.status in TEXT_STATUSES else ""
        yield Reply(**facts, **sample.model_dump(), temperature=block.temperature, text=text)


def _refuse_unequal(file: Path, replies: list[Reply]) -> None:
    counts = Counter(reply.where for reply in replies)
    usual = Counter(counts.values()).most_common(1)[0][0]
    for where, count in counts.items():
        if count != usual:
            raise UserError(
                f"{where}: {count} answers where most documents have {usual}; with several ranks "
                "lm-eval repeats the last request to fill a batch: evaluate with one rank, or cut "
                "resps to the requested number"
            )


def _results_beside(file: Path) -> Mapping[str, Any]:
    """Return results_<stamp>.json of the same evaluation; {} if it is not beside the samples."""
    stamp = _STAMP.search(file.name)
    if stamp is None:
        return {}
    try:
        results = file.with_name(f"results_{stamp[1]}.json")
        loaded = json.loads(plain_text(results))
    except (OSError, ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _origin(summary: Mapping[str, Any]) -> dict[str, Any]:
    config = summary.get("config")
    block = config.get("sfr_eval") if isinstance(config, Mapping) else None
    origin = dict(block["origin"]) if isinstance(block, Mapping) and "origin" in block else {}
    if summary.get("chat_template_sha"):
        origin.setdefault("chat_template_sha", str(summary["chat_template_sha"]))
    return origin
