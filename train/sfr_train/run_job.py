"""Runs a training job: data, model, trainer, final checkpoint."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import transformers

from sfr_eval.errors import UserError
from sfr_eval.util.progress import log, on_terminal
from sfr_train.base_model import check_reply_marks, prepare_base
from sfr_train.base_weights import check_loading, load_base
from sfr_train.data.rows import Tables, load_tables
from sfr_train.data.template_parts import check_template
from sfr_train.data.turns import meet
from sfr_train.job import LoraSettings, TrainingJob
from sfr_train.job_file import JobFile
from sfr_train.loop.sft_config import sft_config
from sfr_train.loop.suite_callback import SuiteCallback
from sfr_train.objectives import trainer_of
from sfr_train.output_folder import (
    FINAL,
    Start,
    check_nobody_trains,
    disk_errors_reported,
    find_start,
    from_first_rank,
    save_whole,
    usable_folder,
    writer,
)
from sfr_train.resolve import resolve_job
from sfr_train.trainer import SFRTrainer

OUTPUT = Path("runs/train")


def run_job(job: TrainingJob, *, find_model: Callable[[str], str] = str) -> Path:
    """Train, save, and return the folder of the plain language model. A finished job is returned as
    it is: no weights are loaded, and no byte changes.

    `find_model` turns the job's model into a folder or Hub id. It is called after settings and data
    have been checked, because it may train a demo model.
    """
    if not on_terminal():
        datasets.disable_progress_bars()  # in a log file they bury the lines that matter
        transformers.utils.logging.disable_progress_bar()
    by_policy = trainer_of(job.objective) == "grpo"
    folder = job.output or OUTPUT / job.name
    arguments = _policy_config(job, folder) if by_policy else sft_config(folder, job.training)
    check_loading(job, arguments)
    if job.output and not os.path.isdir(job.output / FINAL):  # a finished job is only read
        usable_folder(job.output)
    tables = load_tables(job.data)
    meet("read the data")  # nodes that share no file system may need very different times
    if not by_policy:
        arguments.assistant_only_loss = tables.survey.whole  # conversations with several replies
    source = find_model(job.model)
    record = resolve_job(job, arguments=arguments, source=source, tables=tables)
    output = job.output or OUTPUT / f"{job.name}-{record.digest[:8]}"
    arguments.output_dir = str(output)
    if (final := _start(output, record, resume=job.resume, arguments=arguments).final) is not None:
        return final
    _check_evaluation(job, arguments, tables)
    model, tokenizer = load_base(job, source, arguments=arguments)
    if not by_policy and arguments.assistant_only_loss:
        check_reply_marks(tokenizer, name=job.model)
    for line in prepare_base(model, tokenizer, name=job.model, adapter=job.lora is not None):
        if arguments.process_index == 0:
            log(line)
    check_template(tokenizer, parts=tables.survey.uses, options=job.data.template, name=job.model)
    build = _policy_trainer if by_policy else _sfr_trainer
    with _target_modules_reported(job):
        trainer = build(job, model=model, tokenizer=tokenizer, arguments=arguments, tables=tables)
    trainer.record = record
    if job.evaluation is not None:
        values = job.evaluation.model_dump()
        folder = output / "evaluations"
        trainer.add_callback(SuiteCallback(folder=folder, log=trainer.log_apart, **values))
    with (
        disk_errors_reported(output),
        writer(output, record, resume=job.resume, arguments=arguments) as start,
    ):
        if start.final is None:
            last = start.checkpoint
            trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
            save_whole(trainer, output / FINAL, dtype=job.save_dtype)
    return output / FINAL


def _start(output: Path, record: JobFile, *, resume: bool, arguments: Any) -> Start:
    """Return where the job begins, as the first rank sees the folder."""

    def look() -> Start:
        start = find_start(output, record, resume=resume)
        if start.final is None:
            usable_folder(output)
            check_nobody_trains(output)
        else:
            log(f"output {output}: this job is finished; nothing is left to train")
        return start

    return from_first_rank(look, arguments=arguments)


def _check_evaluation(job: TrainingJob, arguments: Any, tables: Tables) -> None:
    """Raise UserError for an evaluation without rows, or a suite run that never comes."""
    evaluates = arguments.eval_strategy != "no"
    if evaluates and tables.validation is None:
        raise UserError(
            "training.eval_strategy: there are no rows to evaluate on; set data.validation or "
            "data.validation_file"
        )
    if job.evaluation is not None and job.evaluation.every is None and not evaluates:
        raise UserError("evaluation: set `every`, or training.eval_strategy, or it never runs")


@contextmanager
def _target_modules_reported(job: TrainingJob) -> Iterator[None]:
    """Turn peft's error about lora.target_modules into a user's."""
    try:
        yield
    except ValueError as error:
        if job.lora is None or not str(error).startswith("Target modules"):
            raise
        raise UserError(f"lora.target_modules: {str(error).splitlines()[0]}") from None


def _sfr_trainer(
    job: TrainingJob, *, model: Any, tokenizer: Any, arguments: Any, tables: Tables
) -> Any:
    return SFRTrainer(
        model=model,
        args=arguments,
        train_dataset=tables.train,
        eval_dataset=tables.validation,
        processing_class=tokenizer,
        objective=job.objective,
        schedule=job.schedule,
        targets=job.targets,
        lm_head=job.lm_head,
        save_head=job.save_head,
        average=job.average,
        peft_config=_adapter(job.lora) if job.lora else None,
    )


def _policy_config(job: TrainingJob, folder: Path) -> Any:
    from sfr_train.policy.build import job_config  # imports vLLM, which takes as long as all else

    return job_config(job, folder)


def _policy_trainer(
    job: TrainingJob, *, model: Any, tokenizer: Any, arguments: Any, tables: Tables
) -> Any:
    from sfr_train.policy.build import policy_trainer

    return policy_trainer(
        model=model,
        tokenizer=tokenizer,
        arguments=arguments,
        objective=job.objective,
        train=tables.train,
        validation=tables.validation or (),
        peft_config=_adapter(job.lora) if job.lora else None,
    )


def _adapter(lora: LoraSettings) -> Any:
    from peft import LoraConfig

    modules = lora.target_modules
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type="CAUSAL_LM",
    )
