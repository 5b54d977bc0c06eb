"""Makes the stored row of a request, in the same way for every engine."""

from sfr_eval.endpoints.finish import Ended, how_it_ended
from sfr_eval.types import Request, Sample, Status
from sfr_eval.util.untrusted import whole_text

_STATUS: dict[Ended, Status] = {"stop": "ok", "length": "truncated", "content_filter": "refused"}


def finished_row(
    request: Request,
    *,
    text: str,
    finish_reason: str | None,
    prompt_tokens: int,
    completion_tokens: int,
) -> Sample:
    """Return the row of a completion. Where the finish reason is unknown, a text as long as
    max_tokens was cut and any other ended by itself; without a text it is an error row."""
    ended = how_it_ended(finish_reason)
    if ended == "unknown" and text:
        ended = "length" if completion_tokens >= request.sampling.max_tokens else "stop"
    status = _STATUS.get(ended)
    if status is None:
        return error_row(request, f"engine ended it with `{finish_reason}`")
    return _row(
        request,
        status,
        text="" if status == "refused" else text,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def error_row(request: Request, message: str) -> Sample:
    """Return the row of a request without text, which is drawn again when the run is repeated."""
    return _row(request, "error", error=message)


def no_content_row(request: Request, message: str, *, tokens: tuple[int, int]) -> Sample:
    """Return the row of a reply that ended without any text. It is not drawn again: asking until
    text comes would change the distribution. `tokens`: of prompt and completion."""
    prompt, completion = tokens
    return _row(
        request,
        "no_content",
        prompt_tokens=prompt,
        completion_tokens=completion,
        error=message,
    )


def unsupported_row(request: Request, message: str) -> Sample:
    """Return the row of a request that the server does not serve at these sampling fields; it is
    not drawn again."""
    return _row(request, "unsupported", error=message)


def _row(
    request: Request,
    status: Status,
    *,
    text: str = "",
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    error: str = "",
) -> Sample:
    return Sample(
        sample_id=request.sample_id,
        suite=request.prompt.suite,
        query=request.prompt.query,
        persona=request.prompt.persona,
        temperature=request.sampling.temperature,
        index=request.index,
        seed=request.seed,
        status=status,
        text=whole_text(text),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        error=whole_text(" ".join(error.split())[:500]),
    )
