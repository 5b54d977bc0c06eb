"""Makes the stored row of a request, in the same way for every engine."""

from sfr_eval.types import Request, Sample, Status

_STATUS: dict[str, Status] = {"stop": "ok", "length": "truncated", "content_filter": "refused"}


def finished_row(
    request: Request,
    *,
    text: str,
    finish_reason: str | None,
    prompt_tokens: int,
    completion_tokens: int,
) -> Sample:
    """Return the row of a completion. An unknown finish reason gives an error row, not a guess."""
    status = _STATUS.get(finish_reason or "")
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
        text=text,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        error=" ".join(error.split())[:500],
    )
