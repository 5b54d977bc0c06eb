"""Measures the cost of SFR over cross-entropy, and what encoding each text only once saves.

Step time: the same model, data and batch in one process, alternating blocks of steps, the median of
each block, and the ratio of the best blocks; targets are encoded beforehand. On a GPU also peak
memory, for a Qwen2.5-0.5B-shaped model in bfloat16 at 1,024 tokens.

    python benchmarks/train.py                    demo model, CPU
    python benchmarks/train.py --device cuda      0.5B, GPU
    python benchmarks/train.py --only encoding
    python benchmarks/train.py --only encoding --file programs.jsonl --field code
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--only", choices=["step", "encoding"])
    parser.add_argument("--file", type=Path, help="JSONL, one text a line, to encode instead")
    parser.add_argument("--field", default="code", help="of --file: where the text is")
    parser.add_argument("--rounds", type=int, default=3, help="of encoding, the best counts")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="in a block, the first is left out")
    arguments = parser.parse_args()
    found = {}
    if arguments.only != "encoding":
        found["step"] = step_cost(arguments)
    if arguments.only != "step":
        found["encoding"] = encoding_cost(arguments)
    print(json.dumps(found))


def world_chats(rows: int) -> tuple[Any, list[Any]]:
    from sfr_train.data.world_text import persona_chats

    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    world = PersonaWorld.load(find_suite("persona"))
    return world, list(persona_chats(world, rows=rows, seed=0))


def step_cost(arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    with tempfile.TemporaryDirectory() as folder:
        trainers = {name: make_trainer(name, arguments, Path(folder)) for name in ("ce", "sfr")}
        blocks: dict[str, list[float]] = {name: [] for name in trainers}
        memory: dict[str, float] = {}
        for _ in range(arguments.blocks):
            for name, (trainer, clock) in trainers.items():
                if arguments.device == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                    before = torch.cuda.memory_allocated()
                clock.seconds.clear()
                trainer.train()
                blocks[name].append(statistics.median(clock.seconds[1:]))
                if arguments.device == "cuda":
                    own = torch.cuda.max_memory_allocated() - before
                    memory[name] = max(memory.get(name, 0.0), own / 2**30)
    best = {name: min(found) for name, found in blocks.items()}
    pairs = [s / c for s, c in zip(blocks["sfr"], blocks["ce"], strict=True)]
    print(
        f"step: ce {best['ce'] * 1e3:.1f} ms, sfr {best['sfr'] * 1e3:.1f} ms, ratio of best "
        f"{best['sfr'] / best['ce']:.3f}, block by block {', '.join(f'{p:.3f}' for p in pairs)}"
    )
    if memory:
        print(f"peak memory above the models: {memory}, ratio {memory['sfr'] / memory['ce']:.3f}")
    return {"seconds": best, "ratio": best["sfr"] / best["ce"], "ratios": pairs, "GiB": memory}


def make_trainer(name: str, arguments: argparse.Namespace, folder: Path) -> tuple[Any, Any]:
    import datasets
    import torch
    import transformers
    from sfr_train.demo.initial_model import new_model, train_tokenizer
    from sfr_train.demo.recipe import NewModel
    from sfr_train.trainer import SFRTrainer
    from trl import SFTConfig

    transformers.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    world, chats = world_chats(320)
    gpu = arguments.device == "cuda"
    tokenizer = train_tokenizer(chats, world, vocabulary=4608)
    torch.manual_seed(0)
    if gpu:
        config = transformers.Qwen2Config(
            vocab_size=151_936,
            hidden_size=896,
            intermediate_size=4864,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
            tie_word_embeddings=True,
        )
        model = transformers.Qwen2ForCausalLM(config)
        for row in chats:  # replies of about a thousand tokens
            row["completion"] = [
                {"role": "assistant", "content": " ".join([row["completion"][0]["content"]] * 24)}
            ]
    else:
        sizes = NewModel(vocabulary=4608, hidden_size=192, layers=2, intermediate_size=512)
        model = new_model(sizes, tokenizer)
    targets = {"k": 256, "stride": 32} if gpu else {"k": 12, "stride": 3, "minimum": 4}
    head = {"name": "sfr"} if gpu else {"name": "sfr", "width": 256, "time_size": 64}
    clock = make_clock(gpu)
    trainer = SFRTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(folder / name),
            max_steps=arguments.steps,
            per_device_train_batch_size=8 if gpu else 16,
            max_length=1024 if gpu else None,
            bf16=gpu,
            use_cpu=not gpu,
            gradient_checkpointing=False,
            logging_steps=10,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=gpu,
        ),
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
        objective=head if name == "sfr" else "ce",
        targets={**targets, "scale": "standardise", "last_prompt": True},
        cache=folder / "cache",
        callbacks=[clock],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer, clock


def make_clock(gpu: bool) -> Any:
    import torch
    from transformers import TrainerCallback

    clock = time.perf_counter if gpu else time.process_time

    class Clock(TrainerCallback):
        """Measures seconds per step: loading, both passes, optimizer. On a CPU they are CPU
        seconds of this process, which depend least on other load; use one thread."""

        def __init__(self) -> None:
            self.seconds: list[float] = []
            self._last = 0.0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._last = clock()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if gpu:
                torch.cuda.synchronize()
            now = clock()
            self.seconds.append(now - self._last)
            self._last = now

    return Clock()


def encoding_cost(arguments: argparse.Namespace) -> dict[str, Any]:
    """Compare the library's `encode` of all segments in one call with the target cache. Texts: the
    demo's training chats, with few repeats; four replies per prompt of a collapsed model, as in
    self-distillation or rejection sampling; a field of a given file."""
    import datasets
    from sfr_train.demo.initial_model import train_tokenizer
    from sfr_train.targets.segments import TargetSettings
    from sfr_train.targets.text_encoder import SentenceEncoder

    datasets.disable_progress_bars()
    world, chats = world_chats(48)
    tokenizer = train_tokenizer(world_chats(256)[1], world, vocabulary=4608)
    settings = TargetSettings(k=12, stride=3, minimum=4, last_prompt=True)
    encoder = SentenceEncoder(settings)
    encoder.encode(["loaded and warm"] * 64)
    rng = np.random.default_rng(0)
    collapsed = world.dialed(cross=0.3, within=0.8)
    replies = {
        "demo": (tokenizer, [chat["completion"][0]["content"] for chat in chats]),
        "collapsed": (
            tokenizer,
            [
                collapsed.sample(card.id, query.id, rng)
                for query in world.queries[:2]
                for card in world.personas
                if not card.held_out
                for _ in range(4)
            ],
        ),
    }
    if arguments.file is not None:
        lines = [json.loads(line) for line in arguments.file.read_text("utf-8").splitlines()]
        found = [str(line[arguments.field]) for line in lines]
        as_chats: list[Any] = [{"text": [{"role": "assistant", "content": text}]} for text in found]
        own = train_tokenizer(as_chats, world, vocabulary=8192)
        replies = {arguments.file.stem: (own, found)}
    return {
        name: encoding_of(
            name, texts, tokenizer=by, settings=settings, encoder=encoder, rounds=arguments.rounds
        )
        for name, (by, texts) in replies.items()
    }


def encoding_of(
    name: str, replies: list[str], *, tokenizer: Any, settings: Any, encoder: Any, rounds: int
) -> dict[str, Any]:
    import datasets
    from sfr_train.targets.cached import load_or_build
    from sfr_train.targets.segments import segments

    rows, texts = [], []
    for reply in replies:
        ids = np.asarray(tokenizer(reply + "<|im_end|>")["input_ids"])
        rows.append({"input_ids": ids, "labels": ids})
        found = segments(ids, settings)
        pieces = [ids[a:b] for a, b in zip(found.starts, found.stops, strict=True)]
        decoded = tokenizer.batch_decode(pieces, skip_special_tokens=True)
        texts += [text for text in decoded if text.strip()]
    data = datasets.Dataset.from_list(rows)
    # CPU time of this process, which depends least on other load.
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(rounds):
        started = time.process_time()
        expected = encoder.encode_plainly(texts)
        seconds["plain"].append(time.process_time() - started)
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            targets = load_or_build(
                data, tokenizer=tokenizer, settings=settings, cache=Path(folder), encoder=encoder
            )
            seconds["ours"].append(time.process_time() - started)
            given = targets.embeddings(np.arange(targets.counts.states))
    given /= np.linalg.norm(given, axis=1, keepdims=True)
    cosine = float((given * expected).sum(axis=1).min())
    assert cosine > 1 - 1e-5, f"{name}: not the library's embeddings (cosine {cosine})"
    best = {kind: min(found) for kind, found in seconds.items()}
    counts = {"segments": len(texts), "texts": targets.counts.texts, **tokens_of(texts, encoder)}
    print(
        f"encoding {name}: {counts}: plain {best['plain']:.2f} CPU s, ours {best['ours']:.2f} s, "
        f"{best['plain'] / best['ours']:.2f} times as fast, least cosine {cosine:.7f}"
    )
    return {**counts, "seconds": best, "ratio": best["plain"] / best["ours"], "cosine": cosine}


def tokens_of(texts: list[str], encoder: Any) -> dict[str, int]:
    """Count what the encoder computes: tokens with the library's padding (batches of 64, sorted by
    characters), tokens of all segments, tokens of the segments that differ for the encoder."""
    ids = encoder._model[0].tokenizer(texts)["input_ids"]
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    parts = [[len(ids[i]) for i in order[at : at + 64]] for at in range(0, len(order), 64)]
    return {
        "tokens padded": sum(max(part) * len(part) for part in parts),
        "tokens": sum(map(len, ids)),
        "tokens that differ": sum(map(len, set(map(tuple, ids)))),
    }


if __name__ == "__main__":
    main()
