"""What the settings of all objectives have that learn from the model's own samples."""

from collections.abc import Iterator
from contextlib import contextmanager

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

    @property
    def by_micro_batch(self) -> bool:
        """False: rewards are those of groups."""
        return False


@contextmanager
def encoder_as_setting() -> Iterator[None]:
    """Rename --encoder in the encoder's errors: a job has a setting instead."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace("--encoder", "objective.encoder", 1)) from None


def encoder_fingerprint(name: str | None) -> str:
    """Return the digest of an encoder's files. Raises UserError if it is not there."""
    from sfr_eval.embeddings.encoder import Encoder
    from sfr_eval.util.assets import cache_folder

    with encoder_as_setting():
        return Encoder(name, cache_folder()).fingerprint


def no_loss_on_data(name: str) -> UserError:
    """Return the error for whoever wants its loss on given text."""
    return UserError(
        f"objective {name}: is no loss on given text, it learns from the model's own samples; "
        "train it with a job (sfr-eval train)"
    )
