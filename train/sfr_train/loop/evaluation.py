"""Settings of the small sfr-eval run at each evaluation step, readable without torch."""

from pydantic import Field

from sfr_train.settings import Settings


class EvaluationSettings(Settings):
    """A small run of sfr-eval at each evaluation step, with the transformers engine."""

    suite: str = "persona"
    limit: int = Field(4, ge=1, description="first N queries, each with all personas")
    samples: int = Field(4, ge=2)
    temperature: float = Field(0.7, gt=0, le=2)
    max_tokens: int = Field(96, ge=1)
    metrics: tuple[str, ...] = ("text", "lexical")
