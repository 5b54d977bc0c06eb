"""Measures hidden states and token statistics beside a plain forward pass of the same replies.

The replies are sentences of the persona benchmark's reference distribution, joined to between 20
and 200 tokens, after their prompts. Plain is the checkpoint in transformers: batches of similar
lengths, padded, logits at every position, nothing computed from them. Ours is the whole of what
`--metrics geometry,tokens` adds for one reading of one checkpoint: tokenization, loading, hidden
states of five layers, entropy and log-probability of each reply token, files. Both sides load the
model, and use a GPU where there is one, in bfloat16; the sides take turns. Prints seconds of each
repeat and, as JSON, the best ones and the ratio. Run:
python benchmarks/states.py --model FOLDER [--replies 96] [--repeats 3]
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLAIN_BATCHES = (4, 16)  # rows; the faster is compared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a checkpoint, as SmolLM2-135M-Instruct")
    parser.add_argument("--replies", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    suite, replies = made(arguments.replies)
    sides: dict[str, Callable[[], object]] = {
        f"batches of {rows}": lambda rows=rows: plain(arguments.model, suite, replies, rows)
        for rows in PLAIN_BATCHES
    }
    sides["ours"] = lambda: ours(arguments.model, suite, replies)
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(arguments.repeats):
        for name, side in sides.items():
            seconds[name].append(timed(side))
            print(name, seconds[name][-1], file=sys.stderr, flush=True)
    best = {
        name: {kind: min(row[kind] for row in rows) for kind in ("wall", "cpu")}
        for name, rows in seconds.items()
    }
    fastest = {
        kind: min(row[kind] for name, row in best.items() if name != "ours")
        for kind in ("wall", "cpu")
    }
    print(json.dumps({
        "model": Path(arguments.model).name,
        "replies": len(replies),
        "best": best,
        "ratio_wall": round(best["ours"]["wall"] / fastest["wall"], 3),
        "ratio_cpu": round(best["ours"]["cpu"] / fastest["cpu"], 3),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }))  # fmt: skip


def made(count: int) -> tuple[Any, list[Any]]:
    """Return a suite, and replies to its prompts, four to each."""
    import numpy as np

    from sfr_eval.suites.suite import load_suite
    from sfr_eval.types import Sample

    suite = load_suite("persona")
    assert suite.world is not None
    world, rng = suite.world.dialed(), np.random.default_rng(0)
    prompts = [(query, persona) for query in suite.queries for persona in suite.personas]
    replies = []
    for number in range(count):
        query, persona = prompts[number // 4 * 7 % len(prompts)]
        text = ""
        while len(text.split()) < rng.integers(15, 150):
            text += world.sample(persona, query, rng) + " "
        replies.append(
            Sample(
                sample_id=str(number),
                suite=suite.id,
                query=query,
                persona=persona,
                temperature=1.0,
                index=number % 4,
                seed=0,
                status="ok",
                text=text.strip(),
                prompt_tokens=0,
                completion_tokens=0,
            )
        )
    return suite, replies


def plain(model: str, suite: Any, replies: list[Any], rows: int) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    gpu = torch.cuda.is_available()
    device, dtype = ("cuda", torch.bfloat16) if gpu else ("cpu", torch.float32)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).to(device).eval()
    prompts = {(p.query, p.persona): p.messages for p in suite.prompts()}
    ids = []
    for reply in replies:
        turns = [{"role": m.role, "content": m.content} for m in prompts[reply.prompt_key]]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids.append(tokenizer(text + reply.text, add_special_tokens=False)["input_ids"])
    ids.sort(key=len)
    for start in range(0, len(ids), rows):
        batch = ids[start : start + rows]
        width = max(map(len, batch))
        padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in batch])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
        with torch.inference_mode():
            network(input_ids=padded.to(device), attention_mask=mask.to(device), use_cache=False)
    if gpu:
        torch.cuda.synchronize()


def ours(model: str, suite: Any, replies: list[Any]) -> None:
    from sfr_eval.models.checkpoint import resolve
    from sfr_eval.models.hidden_states import Forward
    from sfr_eval.settings import EngineSettings

    with tempfile.TemporaryDirectory() as folder:
        forward = Forward(resolve(model), base=None, folder=Path(folder), serving=EngineSettings())
        texts = forward._texts(suite, replies, cards=True, thoughts={})
        forward._states(forward._checkpoint, "one", texts)


def timed(side: Callable[[], object]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    side()  # which leaves nothing to a GPU's queue: ours has written its files
    return {
        "wall": round(time.perf_counter() - wall, 2),
        "cpu": round(time.process_time() - cpu, 2),
    }


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
