"""Draws from OpenAI-compatible servers: `vllm serve`, OpenAI itself, a fleet of replicas.

The server applies its own chat template and does not show its weights, so the record names the
model and the first server, without a fingerprint. Every sampling field is sent, so no server can
take one from the checkpoint's generation_config.
"""

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from sfr_eval.endpoints.address import Address, reach
from sfr_eval.endpoints.answer import Answer
from sfr_eval.endpoints.fleet import Fleet
from sfr_eval.endpoints.limits import Prices
from sfr_eval.models.prompting import merged_turns
from sfr_eval.samplers.rows import error_row, finished_row, no_content_row, unsupported_row
from sfr_eval.types import Request, Sample
from sfr_eval.util.progress import log

_OFF = {
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""Fields that some servers do not take, and the value at which they have no effect."""


class OpenAISampler:
    """See `sfr_eval.types.Sampler`. One chat request for each sample, each with its own seed."""

    def __init__(
        self,
        address: Address,
        *,
        key: str,
        concurrency: int = 32,
        timeout_seconds: float = 600.0,
        prices: Prices | None = None,
        max_cost: float | None = None,
        system_role: str = "error",
        seed_bits: int | None = None,
        template_variables: Mapping[str, Any] | None = None,
    ) -> None:
        self._merge = system_role == "merge"
        self._unknown_reasons: set[str | None] = set()
        self._extra = (
            {"chat_template_kwargs": dict(template_variables)} if template_variables else {}
        )
        self._fleet = Fleet(
            address.urls,
            key=key,
            model=reach(address, key=key),
            concurrency=concurrency,
            timeout_seconds=timeout_seconds,
            prices=prices,
            max_cost=max_cost,
            seed_bits=63 if seed_bits is None else seed_bits,
        )

    def describe(self) -> Mapping[str, Any]:
        """Engine, servers, tokens and cost of this session, and the fields that were not sent."""
        client = f"openai {importlib.metadata.version('openai')}"
        return {"engine": "openai", "client": client, **self._fleet.facts()}

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield samples as they finish."""
        return self._fleet.map(self._draw, requests)

    def close(self) -> None:
        """Close the connections."""
        self._fleet.close()

    async def _draw(self, request: Request) -> Sample:
        body = {**request_body(request, merge=self._merge), **self._extra}
        optional = {name for name, off in _OFF.items() if body[name] == off}
        answer = await self._fleet.ask(body, optional=optional)
        if answer.outcome == "answered" and answer.ended == "unknown":
            self._name_once(answer.finish_reason)
        return row(request, answer)

    def _name_once(self, reason: str | None) -> None:
        """Tell the user that the server ends replies for a reason that nobody here knows."""
        if reason not in self._unknown_reasons:
            self._unknown_reasons.add(reason)
            shown = f"`{reason[:80]}`" if reason else "none"
            log(
                f"warning: the server gives an unknown finish_reason ({shown}); replies as long as "
                "max_tokens count as truncated, others as complete"
            )


def request_body(request: Request, *, merge: bool) -> dict[str, Any]:
    """Return the chat request without its model, with every sampling field spelled out."""
    fields = asdict(request.sampling)  # which have the API's names
    if stop := fields.pop("stop"):  # servers reject an empty list
        fields["stop"] = list(stop)
    return {
        "messages": merged_turns(request.prompt.messages, merge=merge),
        "seed": request.seed,
        "n": 1,
        "stream": False,
        **fields,
    }


def row(request: Request, answer: Answer) -> Sample:
    """Return the stored row of an answer."""
    if answer.outcome == "failed":
        return error_row(request, answer.error)
    if answer.outcome == "unsupported":
        return unsupported_row(request, answer.error)
    if answer.outcome == "no_content":
        tokens = answer.prompt_tokens, answer.completion_tokens
        return no_content_row(request, answer.error, tokens=tokens)
    return finished_row(
        request,
        text=answer.text,
        finish_reason="content_filter" if answer.outcome == "refused" else answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )
