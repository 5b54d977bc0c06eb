"""The primary family: the few measures about which a comparison decides, declared before looking.

A suite may name them in suite.yaml, a user in --primary. What is not named is chosen by rule
(`comparison.family`), from what was measured and never from the values.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.reading import one_line


class PrimaryFamily(BaseModel):
    """One measure of variety, of style, of quality and of form, and the temperature that they are
    read at. None leaves the choice to the rule; `none` leaves the role out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variety: str | None = None
    style: str | None = None
    quality: str | None = None
    form: str | None = None
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `variety=embed_distance,quality=judge_rel,temperature=1`. Raises UserError."""
        values = dict(part.strip().partition("=")[::2] for part in text.split(","))
        for name, value in values.items():
            if name not in cls.model_fields:
                known = did_you_mean(name, cls.model_fields)
                raise UserError(f"--primary {text}: `{name}` is not part of the family; {known}")
            if not value:
                raise UserError(f"--primary {text}: {name} has no value; write {name}=VALUE")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UserError(one_line(error, where=f"--primary {text}: ")) from None

    def over(self, other: "PrimaryFamily") -> "PrimaryFamily":
        """Return this family with what it leaves open taken from another."""
        return other.model_copy(update=self.model_dump(exclude_none=True))
