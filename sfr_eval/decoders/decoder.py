"""Decoders: the filters and penalties of sampling, where their values come from, their names.

A decoder is what turns a checkpoint's distribution into the one that is drawn from, temperature
apart. Its name is made here alone: `min_p=0.05`, or "" where all filters and penalties are off.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.settings import SamplingFilters
from sfr_eval.temperature import parse_temperatures
from sfr_eval.types import Sampling
from sfr_eval.util.reading import one_line

FILTERS = tuple(name for name in SamplingFilters.model_fields if name != "stop")
"""The fields of a decoder, which are the axes of a sweep."""
OFF: Mapping[str, float] = {
    name: value for name, value in asdict(Sampling(temperature=1.0)).items() if name in FILTERS
}
MAX_DECODERS = 64
NO_FILTERS = "no filters"
"""How the decoder without a name is called where others stand beside it."""

Point = dict[str, float]
"""axis -> value: one decoder of a sweep"""


@dataclass(frozen=True, kw_only=True)
class SamplingChoice:
    """What a run says about its decoder: its own fields, and whether those that neither it nor the
    suite names are off (`neutral`) or as in the checkpoint's generation_config (`model`)."""

    chosen: SamplingFilters = field(default_factory=SamplingFilters)
    policy: Literal["neutral", "model"] = "neutral"
    generation_config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def left_out(self) -> dict[str, Any]:
        """What generation_config sets, changes sampling, and no engine here applies."""
        return not_applied(self.generation_config) if self.policy == "model" else {}

    def sampling(self, *, max_tokens: int, suite: SamplingFilters) -> Sampling:
        """Return every field that will be sent: the run's, else the suite's, else the policy's."""
        named = self.generation_config if self.policy == "model" else {}
        given = {**applied(named).given(), **suite.given(), **self.chosen.given()}
        return Sampling(temperature=1.0, max_tokens=max_tokens, **given)


def applied(generation_config: Mapping[str, Any]) -> SamplingFilters:
    """Return what a generation_config.json sets of the fields that our engines serve. Raises
    UserError for a value that they do not take."""
    names = {"stop_strings": "stop"} | {name: name for name in FILTERS}
    given = {names[n]: v for n, v in generation_config.items() if n in names and v is not None}
    try:
        return SamplingFilters.model_validate(given)
    except ValidationError as error:
        raise UserError(
            f"--sampling model: generation_config.json: {one_line(error, where='')}; correct it, "
            "or use --sampling neutral"
        ) from None


def not_applied(generation_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a generation_config.json that change what is drawn and that no engine
    here applies, unknown names included. Temperature and length are the run's own."""
    return {
        name: value
        for name, value in generation_config.items()
        if name not in _HARMLESS
        and name not in ("stop_strings", *FILTERS)
        and not name.startswith("_")
        and value is not False
        and value not in (None, [], {}, "")
        and value != _NEUTRAL.get(name)
    }


_RUNS_OWN = (
    "temperature", "do_sample", "max_new_tokens", "max_length", "max_time", "num_return_sequences",
)  # fmt: skip
_TOKENS = ("eos_token_id", "bos_token_id", "pad_token_id", "decoder_start_token_id")
"""Engines read the end tokens themselves; the others begin or fill a prompt."""
_COMPUTING = (
    "transformers_version", "use_cache", "cache_implementation", "cache_config",
    "return_legacy_cache", "output_scores", "output_logits", "output_attentions",
    "output_hidden_states", "return_dict_in_generate", "low_memory", "prefill_chunk_size",
    "disable_compile", "compile_config", "continuous_batching_config", "is_assistant",
    "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold",
    "assistant_early_exit", "assistant_lookbehind", "target_lookbehind",
    "prompt_lookup_num_tokens", "max_matching_ngram_size", "trust_remote_code", "chat_format",
    "max_window_size",
)  # fmt: skip
"""How it is computed and what is returned, not what is drawn."""
_HARMLESS = frozenset((*_RUNS_OWN, *_TOKENS, *_COMPUTING))
_NEUTRAL: Mapping[str, Any] = {
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "encoder_repetition_penalty": 1.0,
    "num_beams": 1,
    "num_beam_groups": 1,
    "length_penalty": 1.0,
    "diversity_penalty": 0.0,
    "penalty_alpha": 0.0,
    "min_length": 0,
    "min_new_tokens": 0,
    "guidance_scale": 1.0,
}
"""The values at which settings of transformers have no effect."""


def decoder_label(sampling: Mapping[str, Any]) -> str:
    """Return the name of the decoder with these sampling fields: `min_p=0.05, top_p=0.9`, or "" if
    all filters and penalties are off."""
    values = {name: sampling.get(name, off) for name, off in OFF.items()}
    return ", ".join(_assignment(n, v) for n, v in values.items() if v != OFF[n])


def point_label(point: Point) -> str:
    """Return the name of a decoder's folder within its sweep, values that are off included."""
    return "+".join(_assignment(name, value) for name, value in point.items())


def _assignment(name: str, value: Any) -> str:
    number = isinstance(value, int | float)  # else as some imported file states it
    return f"{name}={value:.10g}" if number else f"{name}={value}"


def refuse_greedy(sampling: Sampling, *, samples: int) -> None:
    """Raise UserError for filters that leave one token, where several samples are to be drawn."""
    one_left = {"top_k": sampling.top_k == 1, "min_p": sampling.min_p == 1}
    for name, greedy in one_left.items():
        if greedy and samples > 1:
            raise UserError(
                f"{name} 1 with {samples} samples: keeps one token at each step, so all are copies "
                "of one text, which reads as total collapse; use --samples 1 or another value"
            )


def swept(texts: Sequence[str] | str) -> dict[str, tuple[float, ...]]:
    """Parse `min_p=0,0.05,0.1` or `top_p=0.8:1:0.1`, one text for each axis. Raises ValueError."""
    axes: dict[str, tuple[float, ...]] = {}
    if not isinstance(texts, Sequence):
        raise ValueError("needs a list of axes like min_p=0,0.05,0.1")
    for text in (texts,) if isinstance(texts, str) else texts:
        name, _, values = str(text).partition("=")
        axis = name.strip().replace("-", "_")
        if axis == "temperature":
            raise ValueError(
                f"`{text}`: temperatures are swept by --temperatures {values or '0.6,1.0'}"
            )
        if axis not in FILTERS:
            raise ValueError(f"`{axis}` is not a filter or penalty; {did_you_mean(axis, FILTERS)}")
        if axis in axes:
            raise ValueError(f"{axis} is named twice; write all its values in one list")
        axes[axis] = tuple(dict.fromkeys(_values(axis, values)))
    if math.prod(map(len, axes.values())) > MAX_DECODERS:
        raise ValueError(f"more than {MAX_DECODERS} decoders; sweep fewer values")
    return axes


def checked_sweep(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the axes of a sweep as they were written. Raises ValueError if they are malformed."""
    swept(texts)
    return texts


def points(texts: Sequence[str]) -> Iterator[Point]:
    """Yield the decoders of a sweep, all its axes crossed."""
    axes = swept(texts)
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _values(axis: str, text: str) -> Iterator[float]:
    numbers = parse_temperatures(text)
    if not numbers:
        raise ValueError(f"{axis}: has no value; write {axis}=0,0.05,0.1")
    for number in numbers:
        try:
            valid = SamplingFilters.model_validate({axis: number})
        except ValidationError as error:
            raise ValueError(one_line(error, where="")) from None
        yield getattr(valid, axis)
