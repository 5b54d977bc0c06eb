"""Memory of one GPU during a training step, in parts.

Exact: what is held for each parameter. Trainable parameters take their own bytes, as many for the
gradient, and twice as many for AdamW's moments (4 + 4 + 8 in float32); frozen ones their own bytes
alone. FSDP2 divides all of it by the number of GPUs and gathers one unit at a time.

Estimates: activations, logits, and a constant for the CUDA context, NCCL and fragmentation. With
gradient checkpointing a layer keeps its input, and one layer at a time its activations; without it
all layers keep theirs. Inside a layer a token keeps, in the dtype of computation, the inputs and
outputs of two norms (4 H), q, k, v twice and the attention's output (2 A + H), and four values of
width I of a gated MLP; attention matrices are not kept (SDPA, FlashAttention). The measure is that
of 2205.05198, section 4.1, for layers of today.
"""

from dataclasses import dataclass
from typing import Literal

from sfr_train.plan.sizes import ModelSizes

GB = 1e9
CONTEXT = 3 * GB
_PIECE = 2**26 * 4  # bytes of a float32 piece of logits, see loop/token_trainer.py
Layout = Literal["one", "ddp", "fsdp2"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a job holds and computes. weights, compute: bytes of a value; optimizer: bytes of the
    optimizer's state for a trainable value of four bytes; logits: full logits of supervised tokens
    exist; whole_gradients: accumulation keeps them unreduced on every GPU until the step ends;
    average: of weights is kept beside them, in float32; base_copy: bytes of a value of a second,
    frozen model, whole on every GPU."""

    gpus: int
    weights: int = 4
    compute: int = 2
    optimizer: int = 8
    adapter: bool = False
    four_bits: bool = False
    tokens: int  # of a micro-batch
    supervised: int  # tokens of a micro-batch that are learned
    checkpointing: bool = True
    logits: bool = False
    whole_gradients: bool = False
    average: bool = False
    base_copy: int = 0


@dataclass(frozen=True)
class Part:
    """One line of the account: bytes of one GPU."""

    name: str
    size: float


def memory(sizes: ModelSizes, setting: Setting, *, layout: Layout) -> tuple[Part, ...]:
    """Return what one GPU holds at the peak of a step, in parts of bytes."""
    share = setting.gpus if layout == "fsdp2" else 1
    trainable = sizes.adapter if setting.adapter else sizes.parameters
    width = 4 if setting.adapter else setting.weights  # adapters are held in float32
    parts = [
        Part("weights", (_held(sizes, setting) + sizes.adapter * width) / share),
        Part("gradients", trainable * width / share),
        Part("optimizer", trainable * setting.optimizer * width / 4 / share),
        Part("head, its gradients and optimizer", sizes.head * (8 + setting.optimizer) / share),
    ]
    if setting.average:
        parts.append(Part("average of weights", trainable * 4 / share))
    if setting.base_copy:
        parts.append(Part("frozen copy of the base", sizes.parameters * setting.base_copy))
    if layout == "fsdp2":
        # A gathered unit, and its gradients until they are reduced; the next layer is prefetched.
        gradient = 0 if setting.adapter else 1
        parts.append(Part("root unit gathered", sizes.root * setting.compute * (1 + gradient)))
        parts.append(Part("layers gathered", sizes.layer * setting.compute * (2 + gradient)))
        if setting.whole_gradients:
            kept = trainable * (4 if setting.adapter else setting.compute)
            parts.append(Part("unreduced gradients", kept))
    elif setting.compute < setting.weights and not setting.four_bits:
        parts.append(Part("weights in half precision", sizes.parameters * setting.compute))
    if layout == "ddp":
        parts.append(Part("DDP's buckets", (trainable * width + sizes.head * 4)))
    return (
        *parts,
        *_activations(sizes, setting),
        Part("logits", _logits(sizes, setting)),
        Part("CUDA context, NCCL, gaps", CONTEXT),
    )


def total(parts: tuple[Part, ...]) -> float:
    """Return the sum of the parts in bytes."""
    return sum(part.size for part in parts)


def _held(sizes: ModelSizes, setting: Setting) -> float:
    """Bytes of the base model's weights. In four bits a linear layer takes half a byte a value and
    .127 bits for the scales (2305.14314, section 3); the rest is held in float32."""
    if not setting.four_bits:
        return sizes.parameters * setting.weights
    return sizes.linear * (0.5 + 0.127 / 8) + (sizes.parameters - sizes.linear) * 4


def _activations(sizes: ModelSizes, setting: Setting) -> tuple[Part, ...]:
    inside = 5 * sizes.hidden + 2 * sizes.attention + 4 * sizes.intermediate
    layer = setting.tokens * inside * setting.compute
    if not setting.checkpointing:
        return (Part("activations of all layers", sizes.layers * layer),)
    inputs = setting.tokens * sizes.hidden * setting.compute * sizes.layers
    return Part("checkpoints between layers", inputs), Part("activations of a layer", layer)


def _logits(sizes: ModelSizes, setting: Setting) -> float:
    """Logits and their gradients in the dtype of computation, and three pieces in float32; the
    fused head keeps only pieces."""
    full = setting.supervised * sizes.vocabulary
    pieces = 3 * min(_PIECE, full * 4)
    return pieces + (2 * full * setting.compute if setting.logits else 0)
