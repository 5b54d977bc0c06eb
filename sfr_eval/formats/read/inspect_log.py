"""inspect's `.eval` logs: the epochs of a sample are the replies to one prompt.

inspect_ai itself (extra `inspect`) reads them, one sample at a time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sfr_eval.errors import UserError, brief_error
from sfr_eval.formats.read.mapping import Prompts
from sfr_eval.formats.read.reply import UNSTATED_TEMPERATURE, Reading, Reply, checked_text
from sfr_eval.formats.read.source import LOG_SUFFIXES, Source
from sfr_eval.types import TEXT_STATUSES, Status
from sfr_eval.util.zip_file import refuse_zip_bomb

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import GenerateConfig

NAME = "inspect"
_STATUS: Mapping[str, Status] = {
    "stop": "ok",
    "tool_calls": "ok",
    "unknown": "ok",
    "max_tokens": "truncated",
    "model_length": "truncated",
    "content_filter": "refused",
}
OWN_FACTS = ("sample_id", "seed", "index", "prompt_tokens", "completion_tokens")
"""What our export adds to the metadata of a sample, beside the prompt, temperature and status."""
INSPECT_FIELDS = ("top_p", "top_k", "frequency_penalty", "presence_penalty", "max_tokens")
"""Sampling fields that have the same name here and in inspect."""


def need_inspect(what: str) -> None:
    """Raise UserError unless inspect_ai can be imported."""
    try:
        import inspect_ai.log  # noqa: F401
    except ImportError as error:
        remedy = "pip install 'sfr-eval[inspect]'"
        raise UserError(f"{what}: needs inspect_ai ({error}); {remedy}") from None


def looks_like(source: Source) -> bool:
    """Return whether this is a log: `.eval`, or JSON as --log-format json writes it."""
    if source.kind == "log":
        return True
    log = source.document
    return isinstance(log, Mapping) and {"version", "status", "eval"} <= set(log)


def read(source: Source, prompts: Prompts) -> Reading:
    """Read all replies of a log. Raises UserError for replies from inspect's cache."""
    file = source.file
    log = _header(file)
    config = log.eval.model_generate_config.merge(log.plan.config)
    temperature = UNSTATED_TEMPERATURE if config.temperature is None else config.temperature
    replies: list[Reply] = []
    seen: set[tuple[Any, ...]] = set()
    for sample in _samples(file, log):
        where = f"{file}: sample {sample.id}, epoch {sample.epoch}"
        said = (sample.id, sample.epoch, *(choice.message.text for choice in sample.output.choices))
        if said in seen:
            raise UserError(f"{where}: is in the log twice with the same reply; remove one")
        seen.add(said)
        _refuse_cached(sample, log.eval.model, where=where)
        query, persona = prompts.find(
            sample.model_dump(include={"id", "input", "target", "metadata"}),
            sample.metadata or {},
            messages=_messages(sample),
            names=(str(sample.id),),
            where=where,
        )
        replies += _replies(sample, query, persona, float(temperature), where=where)
    if not replies:
        raise UserError(f"{file}: has no samples")
    return Reading(
        file=file,
        format=NAME,
        replies=replies,
        model=log.eval.model,
        sampling=_sampling(config),
        origin=dict(_own_block(log).get("origin", {})),
        warnings=tuple(_warnings(file, log, config)),
    )


def _warnings(file: Path, log: "EvalLog", config: "GenerateConfig") -> Iterator[str]:
    if log.status != "success":
        yield f"{file.name} is the log of an evaluation that ended as `{log.status}`."
    if config.temperature is None:
        yield (
            "The log does not state its sampling temperature (the provider's default); it is taken "
            "as 1."
        )
    if config.seed is not None and (log.eval.config.epochs or 1) > 1:
        yield (
            f"All epochs were sent the seed {config.seed}: equal replies may come from the seed, "
            "not from the model."
        )


def own_suite(source: Source) -> str | None:
    """Return the suite that our export wrote into a log; None for other logs."""
    block = _own_block(_header(source.file))
    return str(block["suite"]) if "suite" in block else None


def _own_block(log: "EvalLog") -> Mapping[str, Any]:
    block = (log.eval.metadata or {}).get("sfr_eval")
    return block if isinstance(block, Mapping) else {}


def _header(file: Path) -> "EvalLog":
    need_inspect(f"score {file}")
    from inspect_ai.log import read_eval_log

    try:
        if file.suffix in LOG_SUFFIXES:
            refuse_zip_bomb(file)
        return read_eval_log(str(file), header_only=True, format=_format(file))
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 (of a library that trusts its own files)
        raise UserError(f"{file}: is not an inspect log ({brief_error(error)})") from None


def _samples(file: Path, log: "EvalLog") -> "Iterator[EvalSample]":
    """Yield one sample at a time if the log lists their ids, as logs that inspect wrote do."""
    from inspect_ai.log import read_eval_log, read_eval_log_samples

    try:
        if log.eval.dataset.sample_ids is None:
            whole = read_eval_log(str(file), resolve_attachments=True, format=_format(file))
            yield from whole.samples or ()
            return
        yield from read_eval_log_samples(
            str(file),
            all_samples_required=False,
            resolve_attachments=True,
            format=_format(file),
        )
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 (of a library that trusts its own files)
        raise UserError(f"{file}: a sample cannot be read ({brief_error(error)})") from None


def _format(file: Path) -> Literal["eval", "json"]:
    """Return the form of a log, whatever its name."""
    return "eval" if file.suffix in LOG_SUFFIXES else "json"


def _messages(sample: "EvalSample") -> list[tuple[str, str]]:
    """Return the model's input, with the system message if a solver added one."""
    if isinstance(sample.input, str):
        messages = [("user", sample.input)]
    else:
        messages = [(message.role, message.text) for message in sample.input]
    system = [("system", m.text) for m in sample.messages if m.role == "system"]
    return messages if any(role == "system" for role, _ in messages) else [*system, *messages]


def _refuse_cached(sample: "EvalSample", model: str, *, where: str) -> None:
    for event in sample.events:
        if event.event == "model" and event.cache == "read" and event.model == model:
            raise UserError(
                f"{where}: the reply was read from inspect's cache, not sampled, and is a copy of "
                "an earlier one; evaluate again without caching"
            )


def _replies(
    sample: "EvalSample", query: str, persona: str, temperature: float, *, where: str
) -> Iterator[Reply]:
    facts: dict[str, Any] = {"where": where, "query": query, "persona": persona}
    block = sample.metadata if "sample_id" in (sample.metadata or {}) else {}
    facts |= {name: block[name] for name in OWN_FACTS if name in block}
    facts["temperature"] = float(block.get("temperature", temperature))
    status: Status
    if sample.error is not None or not sample.output.choices:
        why = sample.error.message if sample.error else sample.output.error or "no reply"
        stated = block.get("status")
        status = stated if stated in ("refused", "no_content", "unsupported") else "error"
        line = "" if status == "refused" else " ".join(str(why).split())
        yield Reply(**facts, status=status, text="", error=line)
        return
    usage = sample.output.usage
    if usage is not None and len(sample.output.choices) == 1:
        facts.setdefault("completion_tokens", usage.output_tokens)
        facts.setdefault("prompt_tokens", usage.input_tokens + (usage.input_tokens_cache_read or 0))
    for choice in sample.output.choices:
        status = _STATUS.get(choice.stop_reason, "ok")
        text = choice.message.text if status in TEXT_STATUSES else ""
        yield Reply(**facts, status=status, text=checked_text(text, where=where))


def _sampling(config: "GenerateConfig") -> dict[str, Any]:
    """Return the stated fields under our names; `extra_body` holds those without a field in
    inspect."""
    extra = config.extra_body or {}
    stated = {
        **{name: getattr(config, name) for name in INSPECT_FIELDS},
        "stop": config.stop_seqs,
        **{name: extra.get(name) for name in ("min_p", "repetition_penalty")},
    }
    return {name: value for name, value in stated.items() if value is not None}
