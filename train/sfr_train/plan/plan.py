"""`train RECIPE --dry-run`: steps, memory a GPU, texts to encode and hours, without weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers

from sfr_eval.errors import UserError
from sfr_eval.util.assets import cache_folder
from sfr_train.base_model import check_reply_marks
from sfr_train.base_tokenizer import load_tokenizer
from sfr_train.base_weights import check_loading, weight_dtype
from sfr_train.data.rows import load_tables
from sfr_train.data.template_parts import check_template
from sfr_train.data.tokens import Tokenization
from sfr_train.job import TrainingJob
from sfr_train.loop.sft_config import sft_config
from sfr_train.objectives import read_objective, trainer_of
from sfr_train.objectives.base import Sizes
from sfr_train.plan.memory import Layout, Part, Setting, memory
from sfr_train.plan.rows import RowStatistics, micro_batch, row_statistics, steps
from sfr_train.plan.sizes import ModelSizes, model_sizes
from sfr_train.resolve import base_config
from sfr_train.targets.counts import Counts

RATE = 400e12  # FLOP a second and GPU: 40 % of an H100's 989e12 in bfloat16 (data sheet)
ENCODER_RATE = 150e12  # of an encoder, on the same GPU


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """GPUs, the memory by which one is called (a card of "80 GB" has 80 GiB), and a measured rate
    of training, if there is one."""

    gpus: int = 8
    memory: float = 80.0
    tokens_per_second: float | None = None  # of one GPU

    @property
    def usable(self) -> float:
        """Bytes that a process can use: an H100 of 80 GiB reports 79.2."""
        return 0.99 * self.memory * 2**30


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """The targets, of `tokens` tokens each. parameters, size: of the encoder and of a row; None if
    it is not here. stored_as: dtype on the disk."""

    counts: Counts
    tokens: int
    parameters: int | None
    size: int | None
    stored_as: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a job will need on some hardware."""

    job: TrainingJob
    sizes: ModelSizes
    rows: RowStatistics
    steps: int
    setting: Setting
    encoding: Encoding | None
    hardware: Hardware
    epochs: float

    def memory(self, layout: Layout) -> tuple[Part, ...]:
        """Return the parts of one GPU's memory."""
        return memory(self.sizes, self.setting, layout=layout)

    @property
    def trained_tokens(self) -> float:
        """Tokens that pass through the model over all epochs."""
        return self.rows.tokens * self.epochs

    @property
    def flops_a_token(self) -> float:
        """2 P forward, 4 P backward (2 P with frozen weights), 2 P more for recomputation."""
        backward = 2 if self.setting.adapter else 4
        return (2 + backward + 2 * self.setting.checkpointing) * self.sizes.parameters

    @property
    def tokens_per_second(self) -> float:
        """Of one GPU, as measured or by the assumed rate."""
        given = self.hardware.tokens_per_second
        return given if given is not None else RATE / self.flops_a_token

    @property
    def hours(self) -> float:
        """Of training, on all GPUs together, without evaluations and checkpoints."""
        return self.trained_tokens / (self.tokens_per_second * self.hardware.gpus) / 3600


def plan_job(
    job: TrainingJob, hardware: Hardware, *, find_model: Callable[[str], str] = str
) -> Plan:
    """Read the rows and the model's configuration, and compute. Raises UserError as a training
    would for rows, template and settings."""
    if trainer_of(job.objective) != "sft":
        name = job.objective if isinstance(job.objective, str) else job.objective["name"]
        raise UserError(
            f"--dry-run: not for objective {name}, whose tokens the model samples while it trains; "
            "a few steps (--set training.max_steps=2) show what they need"
        )
    arguments = _as_on_gpus(job)
    check_loading(job, arguments)
    tables = load_tables(job.data)
    whole = tables.survey.whole
    source = find_model(job.model)
    config = base_config(source, revision=job.revision, name=job.model)
    tokenizer = load_tokenizer(
        source, name=job.model, revision=job.revision, template=arguments.chat_template_path
    )
    if whole:
        check_reply_marks(tokenizer, name=job.model)
    check_template(tokenizer, parts=tables.survey.uses, options=job.data.template, name=job.model)
    how = Tokenization(
        tokenizer=tokenizer,
        chat_template=_marked(tokenizer) if whole else None,
        completion_only=bool(arguments.completion_only_loss),
        assistant_only=whole,
        limit=arguments.max_length,
        keep_end=arguments.truncation_mode == "keep_end" and not arguments.packing,
    )
    _, objective = read_objective(job.objective)
    encoded = objective.needs == "embeddings" and job.schedule.weight > 0
    statistics = row_statistics(tables.train, how, targets=job.targets if encoded else None)
    encoding = _encoding(job, statistics.targets) if statistics.targets else None
    sizes = model_sizes(config, job, target=encoding.size if encoding else None)
    tokens, supervised = micro_batch(statistics, arguments)
    setting = Setting(
        gpus=hardware.gpus,
        weights=weight_dtype(job, arguments).itemsize,
        compute=2 if arguments.bf16 or arguments.fp16 else weight_dtype(job, arguments).itemsize,
        optimizer=_optimizer_bytes(str(arguments.optim.value)),
        adapter=job.lora is not None,
        four_bits=job.loading.load_in_4bit,
        tokens=tokens,
        supervised=supervised,
        checkpointing=bool(arguments.gradient_checkpointing),
        logits=_keeps_logits(job),
        whole_gradients=_whole_gradients(arguments),
        average=job.average is not None and job.average.kind != "wise",  # its base is on the CPU
        base_copy=_base_copy(job),
    )
    count = steps(statistics, arguments, gpus=hardware.gpus)
    batch = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    rows = count * batch * hardware.gpus
    by_steps = rows / statistics.rows if not arguments.packing else arguments.num_train_epochs
    return Plan(
        job=job,
        sizes=sizes,
        rows=statistics,
        steps=count,
        setting=setting,
        encoding=encoding,
        hardware=hardware,
        epochs=by_steps if arguments.max_steps > 0 else arguments.num_train_epochs,
    )


def _as_on_gpus(job: TrainingJob) -> Any:
    """Return the SFTConfig that the job has on a GPU, wherever this runs."""
    training = {"bf16": not job.training.get("fp16"), "gradient_checkpointing": True}
    with TemporaryDirectory() as folder:
        return sft_config(Path(folder), {**training, **job.training, "use_cpu": True})


def _marked(tokenizer: Any) -> str | None:
    """Return the template in which TRL marks replies, None if the tokenizer's own does."""
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return None
    return str(get_training_chat_template(tokenizer))


def _keeps_logits(job: TrainingJob) -> bool:
    if job.lm_head == "supervised" or (
        job.lm_head == "auto" and job.training.get("use_cpu", False)
    ):
        return True
    module, settings = read_objective(job.objective)
    with torch.device("meta"):
        objective = module.build(settings, Sizes(hidden=8, vocabulary=8, target=8))
    return objective.token_loss is not None


def _base_copy(job: TrainingJob) -> int:
    """Return the bytes of a value of the copy that kl_to_base compares with; 0 without one."""
    _, settings = read_objective(job.objective)
    dtype = getattr(settings, "copy_dtype", None)
    if dtype is None or job.lora is not None or job.schedule.weight == 0:
        return 0
    return int(getattr(torch, dtype).itemsize)


def _whole_gradients(arguments: Any) -> bool:
    """Whether accelerate leaves gradients unreduced between the micro-batches of a step."""
    accumulation = arguments.accelerator_config.gradient_accumulation_kwargs or {}
    each = accumulation.get("sync_each_batch", False)
    return arguments.gradient_accumulation_steps > 1 and not each


def _optimizer_bytes(name: str) -> int:
    """Return the bytes of state for a float32 value: two moments, of one byte each in 8 bits; one
    for SGD with momentum; close to none for Adafactor, whose second moment is factored."""
    if "8bit" in name:
        return 2
    if name in ("sgd", "adafactor"):
        return 0
    return 4 if name.startswith("lion") else 8


def _encoding(job: TrainingJob, counts: Counts) -> Encoding:
    from sfr_eval.embeddings.encoder import Encoder

    parameters = size = None
    try:
        folder = Encoder(job.targets.encoder, cache_folder())._files.folder
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        with torch.device("meta"):
            model = transformers.AutoModel.from_config(config, trust_remote_code=False)
        parameters, size = sum(p.numel() for p in model.parameters()), int(config.hidden_size)
    except (UserError, OSError, ValueError):
        pass  # said in the plan: the rest does not depend on it
    return Encoding(
        counts=counts,
        tokens=job.targets.k,
        parameters=parameters,
        size=size,
        stored_as=job.targets.stored_as,
    )
