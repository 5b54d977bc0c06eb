"""The sizes of a model and its head, from its configuration alone: parameters exist on the meta
device, without storage."""

from dataclasses import dataclass
from typing import Any

import torch

from sfr_eval.errors import UserError
from sfr_train.job import LoraSettings, TrainingJob
from sfr_train.objectives import read_objective
from sfr_train.objectives.base import Sizes

_OTHER_TARGET = 1024  # D of an encoder that is not here


@dataclass(frozen=True, kw_only=True)
class ModelSizes:
    """Counts of parameters. root: of what lies outside the layers (embeddings, LM head, last norm),
    which FSDP2 gathers as one unit; linear: of linear layers but the LM head; adapter: of LoRA."""

    parameters: int
    root: int
    linear: int
    adapter: int
    head: int
    layers: int
    hidden: int
    intermediate: int
    attention: int  # outputs of q, k and v together
    vocabulary: int

    @property
    def layer(self) -> int:
        """Parameters of one layer."""
        return (self.parameters - self.root) // self.layers


def model_sizes(config: Any, job: TrainingJob, *, target: int | None = None) -> ModelSizes:
    """Return the sizes of a transformers configuration under a job. target: D of the encoder."""
    import transformers

    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    text = config.get_text_config()
    layers = _layers(model)
    inside = sum(p.numel() for layer in layers for p in layer.parameters())
    parameters = sum(p.numel() for p in model.parameters())
    linears = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not model.get_output_embeddings()
    }
    attention = [
        module.out_features
        for name, module in linears.items()
        if name.endswith(("q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value", "c_attn"))
    ]
    return ModelSizes(
        parameters=parameters,
        root=parameters - inside,
        linear=sum(module.weight.numel() for module in linears.values()),
        adapter=_adapter(linears, job.lora) if job.lora else 0,
        head=_head(job, Sizes(text.hidden_size, text.vocab_size, target=target or _OTHER_TARGET)),
        layers=len(layers),
        hidden=text.hidden_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        attention=sum(attention) // len(layers) or 3 * text.hidden_size,
        vocabulary=text.vocab_size,
    )


def _layers(model: Any) -> Any:
    """Return the decoder layers: the longest list of equal modules."""
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m)]
    if not lists:
        raise UserError(f"--dry-run: {type(model).__name__} has no list of layers")
    return max(lists, key=len)


def _adapter(linears: dict[str, Any], lora: LoraSettings) -> int:
    """r (in + out) for each linear layer that LoRA targets."""
    names = lora.target_modules
    wanted = (names,) if isinstance(names, str) else tuple(names)
    return sum(
        lora.r * (module.in_features + module.out_features)
        for name, module in linears.items()
        if names == "all-linear" or name.split(".")[-1] in wanted or name.endswith(wanted)
    )


def _head(job: TrainingJob, sizes: Sizes) -> int:
    """Parameters of the head beside the model, if the objective has one."""
    module, settings = read_objective(job.objective)
    if settings.needs is None or job.schedule.weight == 0:
        return 0
    with torch.device("meta"):
        future = module.build(settings, sizes).future
    head = getattr(future, "head", None)
    return sum(p.numel() for p in head.parameters()) if head is not None else 0
