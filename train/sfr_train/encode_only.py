"""`train RECIPE --encode-only`: builds the targets of a job, and trains nothing.

Any number of processes, on any number of nodes that share a cache, may do so at once, started by
`accelerate launch` or one by one; each encodes its share. The weights of the model are not loaded.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import transformers

from sfr_eval.errors import UserError
from sfr_eval.util.progress import on_terminal
from sfr_train.base_model import check_reply_marks
from sfr_train.base_tokenizer import load_tokenizer
from sfr_train.data.rows import load_tables
from sfr_train.data.template_parts import check_template
from sfr_train.job import TrainingJob
from sfr_train.loop.sft_config import sft_config
from sfr_train.objectives import read_objective
from sfr_train.trainer import SFRTrainer


def encode_targets(job: TrainingJob, *, find_model: Callable[[str], str] = str) -> Path:
    """Build the targets of a job and return their folder. Raises UserError if its objective has
    none."""
    _, objective = read_objective(job.objective)
    if objective.needs != "embeddings" or job.schedule.weight == 0:
        raise UserError(
            "--encode-only: this job has no targets to encode; its objective "
            + ("has weight 0" if objective.needs == "embeddings" else "reads no embeddings")
        )
    if not on_terminal():
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
    with TemporaryDirectory() as folder:
        arguments = sft_config(Path(folder), job.training)
        tables = load_tables(job.data)
        arguments.assistant_only_loss = tables.survey.whole
        tokenizer = load_tokenizer(
            find_model(job.model),
            name=job.model,
            revision=job.revision,
            template=arguments.chat_template_path,
        )
        if arguments.assistant_only_loss:
            check_reply_marks(tokenizer, name=job.model)
        check_template(
            tokenizer, parts=tables.survey.uses, options=job.data.template, name=job.model
        )
        trainer = SFRTrainer(
            model=_stand_in(tokenizer),
            args=arguments,
            train_dataset=tables.train,
            eval_dataset=tables.validation,  # the held-out future loss has targets, too
            processing_class=tokenizer,
            objective=job.objective,
            schedule=job.schedule,
            targets=job.targets,
        )
    folder_of_targets: Path = trainer.data_collator.targets.folder
    return folder_of_targets


def _stand_in(tokenizer: Any) -> Any:
    """Return the smallest model of this vocabulary: the trainer makes tokens and targets in the
    same way for every model."""
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    return transformers.LlamaForCausalLM(config)
