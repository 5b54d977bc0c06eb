"""How a request and what came back become a stored row, the same way for every engine."""

from sfr_eval.types import Request, Sample, Status

_STATUS: dict[str, Status] = {
    "stop": "ok",
    "length": "truncated",
    "content_filter": "refused",
}


def finished_row(
    request: Request,
    *,
    text: str,
    finish_reason: str | None,
    prompt_tokens: int,
    completion_tokens: int,
) -> Sample:
    """A completion. An unknown finish reason is an error row, not a guess."""
    status = _STATUS.get(finish_reason or "")
    if status is None:
        return error_row(request, f"engine ended it with `{finish_reason}`")
    return Sample(
        sample_id=request.sample_id,
        suite=request.prompt.suite,
        query=request.prompt.query,
        persona=request.prompt.persona,
        temperature=request.sampling.temperature,
        index=request.index,
        seed=request.seed,
        status=status,
        text="" if status == "refused" else text,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def error_row(request: Request, message: str) -> Sample:
    """A request that brought no text; it is drawn again when the run is repeated."""
    return _without_text(request, "error", message)


def unsupported_row(request: Request, message: str) -> Sample:
    """A request that the server will not serve at these sampling fields; not drawn again."""
    return _without_text(request, "unsupported", message)


def _without_text(request: Request, status: Status, message: str) -> Sample:
    return Sample(
        sample_id=request.sample_id,
        suite=request.prompt.suite,
        query=request.prompt.query,
        persona=request.prompt.persona,
        temperature=request.sampling.temperature,
        index=request.index,
        seed=request.seed,
        status=status,
        text="",
        prompt_tokens=0,
        completion_tokens=0,
        error=" ".join(message.split())[:500],
    )
