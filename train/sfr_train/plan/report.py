"""A plan as text."""

import os
from collections.abc import Iterator

from sfr_train.plan.memory import GB, Layout, total
from sfr_train.plan.plan import ENCODER_RATE, RATE, Encoding, Hardware, Plan


def lines(plan: Plan) -> Iterator[str]:
    """Yield the plan as text of at most 80 columns."""
    rows, hardware = plan.rows, plan.hardware
    name = plan.job.name if len(plan.job.name) < 40 else f"{plan.job.name[:37]}..."
    model = os.path.basename(plan.job.model.rstrip("/"))[:36]
    yield f"{name}: {model}, {plan.sizes.parameters / 1e9:,.2f} G parameters"
    if plan.sizes.adapter:
        yield f"adapter: {plan.sizes.adapter / 1e6:,.1f} M parameters"
    if plan.sizes.head:
        yield f"head: {plan.sizes.head / 1e6:,.1f} M parameters"
    sample = "" if rows.sample == rows.rows else f" (from {rows.sample:,} of them)"
    yield f"rows: {rows.rows:,}, {rows.tokens:,} tokens, {rows.learned:,} learned{sample}"
    if rows.cut:
        yield f"  about {rows.cut:,} of them are cut at max_length"
    yield f"steps: {plan.steps:,} on {hardware.gpus} GPUs, {plan.epochs:g} epochs"
    yield ""
    layouts: list[tuple[str, Layout]] = [("one GPU", "one")]
    if hardware.gpus > 1:
        layouts += [("DDP", "ddp"), (f"FSDP2 x {hardware.gpus}", "fsdp2")]
    yield from _table(plan, layouts)
    yield ""
    if plan.encoding is not None:
        yield from _targets(plan.encoding, hardware)
    given = hardware.tokens_per_second is not None
    rate = f"{plan.tokens_per_second:,.0f} tokens/s a GPU"
    yield f"training: {plan.hours:,.1f} h at {rate} {'as given' if given else 'assumed'}"
    if not given:
        yield f"  ({RATE / 1e12:.0f} TFLOP/s a GPU: an H100 at 40 %; --tokens-per-second for yours)"


def _table(plan: Plan, layouts: list[tuple[str, Layout]]) -> Iterator[str]:
    columns = [{p.name: p.size for p in plan.memory(layout)} for _, layout in layouts]
    names = list(dict.fromkeys(name for column in reversed(columns) for name in column))
    last = "CUDA context, NCCL, gaps"
    names = [*(name for name in names if name != last), last]
    yield f"{'memory of one GPU in GB (1e9 bytes)':36}" + "".join(f"{n:>14}" for n, _ in layouts)
    for name in names:
        cells = (f"{c[name] / GB:14,.1f}" if name in c else f"{'':14}" for c in columns)
        yield f"  {name:34}{''.join(cells)}".rstrip()
    sums = [total(plan.memory(layout)) / GB for _, layout in layouts]
    yield f"  {'sum':34}" + "".join(f"{value:14,.1f}" for value in sums)
    room = plan.hardware.usable / GB
    verdicts = ("fits" if value <= 0.95 * room else "tight" if value <= room else "too much"
                for value in sums)  # fmt: skip
    label = f"of {room:.1f} GB ({plan.hardware.memory:g} GiB)"
    yield f"  {label:34}" + "".join(f"{word:>14}" for word in verdicts)
    yield "  exact: weights, gradients, optimizer, head; estimates: the rest"


def _targets(encoding: Encoding, hardware: Hardware) -> Iterator[str]:
    counts = encoding.counts
    yield f"texts to encode: {counts.texts:,} of up to {encoding.tokens} tokens"
    if encoding.parameters is None or encoding.size is None:
        yield "  the encoder is not here: neither cache nor hours are known"
        return
    disk = counts.stored_bytes(encoding.size, stored_as=encoding.stored_as) / GB
    flops = 2.0 * encoding.parameters * encoding.tokens * counts.texts
    hours = flops / (ENCODER_RATE * hardware.gpus) / 3600
    yield f"  cache: {disk:,.2f} GB ({encoding.size} coordinates); {hours:,.2f} h on all GPUs"
    yield f"  ({encoding.parameters / 1e6:,.0f} M parameters at {ENCODER_RATE / 1e12:.0f} TFLOP/s)"
