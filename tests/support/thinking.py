"""Tags of thinking, and a reply to read them in."""

from sfr_eval.thinking import ThinkTags
from sfr_eval.types import Sample

TAGS = ThinkTags(open="<think>", close="</think>")


def sample(text: str, *, status: str = "ok", id: str = "s") -> Sample:
    return Sample(
        sample_id=id,
        suite="persona",
        query="q",
        persona="p",
        temperature=1.0,
        index=0,
        seed=1,
        status=status,  # type: ignore[arg-type]
        text=text,
        prompt_tokens=1,
        completion_tokens=1,
    )
