"""Measures how fast texts are embedded, beside plain `SentenceTransformer.encode` in float32.

Both sides embed the same texts with the same encoder, loaded before, and take turns. Ours writes
its cache, a new one each time. Rates are of CPU time, which other work on the machine disturbs
less; the sum of all products of matrices per text, and the rate of one large product, say how much
of the machine either side uses. Prints one line of JSON.

    python benchmarks/embed.py [--replies FILE] [--texts 1000] [--repeats 3]

FILE is JSON, a list of replies; without it the synthetic benchmark is asked.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=Path, help="JSON list of texts")
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--encoder")
    arguments = parser.parse_args()
    texts = replies(arguments.replies)[: arguments.texts]
    print(json.dumps(measure(texts, encoder=arguments.encoder, repeats=arguments.repeats)))


def replies(file: Path | None) -> list[str]:
    """Return the texts to embed."""
    if file is not None:
        return [str(text) for text in json.loads(file.read_text(encoding="utf-8"))]
    from sfr_eval.plan import Plan, SuitePlan
    from sfr_eval.samplers.world import WorldSampler
    from sfr_eval.suites.suite import load_suite
    from sfr_eval.types import Sampling

    suite = load_suite("persona")
    part = SuitePlan(
        suite=suite,
        prompts=tuple(suite.prompts()),
        temperatures=(1.0,),
        samples=8,
        sampling=Sampling(temperature=1.0),
    )
    plan = Plan(suites=(part,), identity={}, seed=0)
    return [row.text for row in WorldSampler([suite], dials={}).sample(plan.requests())]


def measure(texts: Sequence[str], *, encoder: str | None, repeats: int) -> dict[str, Any]:
    """Return seconds of both sides, how far they are apart, and what the machine can do."""
    import torch

    from sfr_eval.embeddings.encoder import Encoder

    rows: dict[str, Any] = {}
    seconds: dict[str, list[tuple[float, float]]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory() as scratch:
        probe = Encoder(encoder, Path(scratch) / "probe")
        library, loaded = probe.model, probe._model

        def plain() -> Any:
            return library.encode(
                list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
            )

        def ours() -> Any:
            new = Encoder(encoder, Path(scratch) / str(time.monotonic_ns()))
            new.__dict__["_model"] = loaded
            return new.encode(texts)

        sides: dict[str, Callable[[], Any]] = {"plain": plain, "ours": ours}
        for side in sides.values():
            side()  # warm
        for _ in range(repeats):
            for name, side in sides.items():
                before = time.perf_counter(), time.process_time()
                rows[name] = side()
                spent = time.perf_counter() - before[0], time.process_time() - before[1]
                seconds[name].append(spent)
                print(name, spent, file=sys.stderr)
        backend = probe.backend
    tokens = sum(map(len, library.tokenizer(list(texts), truncation=True)["input_ids"]))
    per_token = 2 * sum(
        module.weight.numel() for module in library.modules() if isinstance(module, torch.nn.Linear)
    )
    best = {name: min(cpu for _, cpu in times) for name, times in seconds.items()}
    work = tokens * per_token / 1e9
    return {
        "texts": len(texts),
        "different": len(set(texts)),
        "tokens": tokens,
        "threads": torch.get_num_threads(),
        "backend": backend,
        "seconds_and_cpu_seconds": seconds,
        "texts_per_cpu_second": {name: len(texts) / cpu for name, cpu in best.items()},
        "ratio": best["plain"] / best["ours"],
        "ratios": [p[1] / o[1] for p, o in zip(seconds["plain"], seconds["ours"], strict=True)],
        "gigaflops_a_text": work / len(texts),
        "gigaflops_a_cpu_second": {name: work / cpu for name, cpu in best.items()},
        "product_gigaflops_a_cpu_second": {
            "float32": product_rate(torch.float32),
            "bfloat16": product_rate(torch.bfloat16),
        },
        "largest_difference": float(np.abs(rows["plain"] - rows["ours"]).max()),
        "lowest_cosine": float((rows["plain"] * rows["ours"]).sum(axis=1).min()),
        "mean_distance": {name: mean_distance(found) for name, found in rows.items()},
    }


def product_rate(dtype: Any) -> float:
    """Return billions of operations a CPU second of one large product of matrices."""
    import torch

    size = 1_536
    first, second = (torch.ones(size, size, dtype=dtype) for _ in range(2))
    rates = []
    for _ in range(4):
        started = time.process_time()
        first @ second
        rates.append(2 * size**3 / 1e9 / (time.process_time() - started))
    return max(rates)


def mean_distance(rows: Any) -> float:
    """Return the mean cosine distance of all pairs of different rows."""
    n, total = len(rows), rows.sum(axis=0, dtype=np.float64)
    return 1 - float((total @ total - n) / (n * (n - 1)))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
