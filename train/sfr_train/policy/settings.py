"""What the settings of all objectives have that learn from the model's own samples."""

from pydantic import Field

from sfr_eval.errors import UserError
from sfr_train.settings import Settings


class PolicySettings(Settings):
    """Base of the settings of an objective on sampled replies."""

    generations: int = Field(8, ge=2, description="replies to each prompt")

    @property
    def needs(self) -> None:
        """It reads no future of the data."""
        return


def no_loss_on_data(name: str) -> UserError:
    """Return the error for whoever wants its loss on given text."""
    return UserError(
        f"objective {name}: is no loss on given text, it learns from the model's own samples; "
        "train it with a job (sfr-eval train)"
    )
