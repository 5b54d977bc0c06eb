"""Runs a training job: data, model, trainer, final checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from trl import SFTConfig

from sfr_eval.errors import UserError
from sfr_eval.util.progress import log, on_terminal
from sfr_train.base_model import check_reply_marks, prepare_base
from sfr_train.data.rows import Tables, load_tables
from sfr_train.data.template_parts import check_template
from sfr_train.job import LoraSettings, TrainingJob
from sfr_train.loop.sft_config import sft_config
from sfr_train.loop.suite_callback import SuiteCallback
from sfr_train.objectives import trainer_of
from sfr_train.output_folder import full_disk_reported, last_checkpoint, save_whole, usable_folder
from sfr_train.policy.build import job_config, policy_trainer
from sfr_train.policy.trainer import PolicyTrainer
from sfr_train.trainer import SFRTrainer


def run_job(job: TrainingJob, *, find_model: Callable[[str], str] = str) -> Path:
    """Train, save, and return the folder of the plain language model.

    `find_model` turns the job's model into a folder or Hub id. It is called after settings and data
    have been checked, because it may train a demo model.
    """
    if not on_terminal():
        datasets.disable_progress_bars()  # in a log file they bury the lines that matter
        transformers.utils.logging.disable_progress_bar()
    output = job.output or Path("runs/train") / job.name
    by_policy = trainer_of(job.objective) == "grpo"
    arguments = job_config(job, output) if by_policy else sft_config(output, job.training)
    usable_folder(output)
    tables = load_tables(job.data)
    # conversations with several replies
    arguments.assistant_only_loss = tables.survey.whole and not by_policy
    model, tokenizer = _load(job, find_model(job.model), arguments=arguments)
    if arguments.assistant_only_loss:
        check_reply_marks(tokenizer, name=job.model)
    for line in prepare_base(model, tokenizer, name=job.model, adapter=job.lora is not None):
        if arguments.process_index == 0:
            log(line)
    check_template(
        tokenizer, parts=tables.survey.uses, options=job.data.template, name=job.model
    )
    build = _policy_trainer if by_policy else _sfr_trainer
    trainer = build(job, model, tokenizer, arguments=arguments, tables=tables)
    if job.evaluation is not None:
        trainer.add_callback(SuiteCallback(trainer, job.evaluation, folder=output / "evaluations"))
    with full_disk_reported(output):
        trainer.train(resume_from_checkpoint=last_checkpoint(output) if job.resume else None)
        save_whole(trainer, output / "final")
    return output / "final"


def _sfr_trainer(
    job: TrainingJob, model: Any, tokenizer: Any, *, arguments: Any, tables: Tables
) -> SFRTrainer:
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


def _policy_trainer(
    job: TrainingJob, model: Any, tokenizer: Any, *, arguments: Any, tables: Tables
) -> PolicyTrainer:
    return policy_trainer(
        model=model,
        tokenizer=tokenizer,
        arguments=arguments,
        objective=job.objective,
        train=tables.train,
        validation=tables.validation or (),
        peft_config=_adapter(job.lora) if job.lora else None,
    )


def _load(job: TrainingJob, source: str, *, arguments: SFTConfig) -> tuple[Any, Any]:
    """Load model and tokenizer; weights of an adapted model may be held in half precision."""
    options: dict[str, Any] = {"revision": job.revision} if job.revision else {}
    options["trust_remote_code"] = False  # unset, transformers would ask on the terminal
    dtype = torch.bfloat16 if arguments.bf16 and job.lora else torch.float32
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
        model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **options)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"model {job.model}: cannot be loaded: {reason}") from None
    template = arguments.chat_template_path
    if template is not None and template.endswith((".jinja", ".j2")) and Path(template).is_file():
        tokenizer.chat_template = Path(template).read_text(encoding="utf-8")  # as TRL will
    if tokenizer.chat_template is None:
        raise UserError(f"model {job.model}: its tokenizer has no chat template; add one")
    return model, tokenizer


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
