"""Values of metrics whose unit is the sample."""

from sfr_eval.types import Sample, Value


def sample_value(reply: Sample, number: float | None, *, reason: str = "") -> Value:
    """Return the value of one reply; `reason` is kept only if the value is undefined."""
    return Value(
        suite=reply.suite,
        temperature=reply.temperature,
        query=reply.query,
        persona=reply.persona,
        sample_id=reply.sample_id,
        value=number,
        reason=reason if number is None else "",
    )
