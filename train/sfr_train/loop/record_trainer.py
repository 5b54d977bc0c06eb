"""A trainer of a job: it writes beside weights what trained them, and ends where the job ends."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_train.job_file import JobFile
from sfr_train.loop.random_states import random_states_kept
from sfr_train.model_card import write_record

if TYPE_CHECKING:
    from transformers import Trainer
else:
    Trainer = object  # a base of its own would come before TRL's trainers


class RecordTrainer(Trainer):  # type: ignore[misc,unused-ignore]
    """Mixin of the trainers of a job, before TRL's in the order of bases."""

    record: JobFile | None = None

    def _run_epoch(self, **arguments: Any) -> None:
        """Train an epoch. After a resume at the last step the Trainer would take one more."""
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return
        super()._run_epoch(**arguments)

    def evaluate(self, *arguments: Any, **named: Any) -> Any:
        """Evaluate. A job then draws on as if it had not, even to the loader's own seed: how often
        it is evaluated changes no weights."""
        if self.record is None:
            return super().evaluate(*arguments, **named)
        with random_states_kept():
            return super().evaluate(*arguments, **named)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save a checkpoint into an empty folder: what a kill has left in it may be of another
        job."""
        if self.record is not None:
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            if self.args.should_save:
                shutil.rmtree(folder, ignore_errors=True)
            self.accelerator.wait_for_everyone()
        super()._save_checkpoint(model, trial)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model, and beside it the record of its job."""
        super().save_model(output_dir, _internal_call)
        if self.record is not None and self.args.should_save:
            write_record(self.record, Path(output_dir or self.args.output_dir))

    def create_model_card(self, *arguments: Any, **named: Any) -> None:
        """Write TRL's card only without a record, which has a card of its own."""
        if self.record is None:
            super().create_model_card(*arguments, **named)
