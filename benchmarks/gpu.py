"""Measures trainer, encoder and hidden states on a GPU, in less than eight minutes in all.

    python benchmarks/gpu.py > gpu.json
    python benchmarks/gpu.py --tiny        a few numbers of each part, also without a GPU

Each part is a process with a limit of its own, so that one that hangs takes no time from the
others; a part that fails is named with its last line. Trainer: `train.py --only step` with a model
of 0.5B parameters. Encoder: texts a second, beside `encode` of sentence-transformers with the same
model, device and texts. States: `states.py` with a checkpoint of random weights, 24 layers and
151,936 entries, or with --model. Not run on a GPU so far.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import conditions, last_json

HERE = Path(__file__).parent
LIMITS = {"trainer": 180, "encoder": 120, "states": 170}  # seconds; 470 in all
LARGE = {"vocabulary": 151_936, "hidden_size": 896, "layers": 24, "intermediate_size": 4864}
TINY = {"vocabulary": 4608, "hidden_size": 64, "layers": 2, "intermediate_size": 128}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="checkpoint for the states; default: random")
    parser.add_argument("--tiny", action="store_true", help="only whether everything runs")
    parser.add_argument("--part", choices=list(LIMITS), action="append", help="default: all")
    parser.add_argument("--inside", choices=["encoder"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(encoder(200 if arguments.tiny else 20_000)))
        return
    found: dict[str, Any] = {**conditions(), "device": device()}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.part or LIMITS:
            started = time.monotonic()
            limit = LIMITS[name] * (4 if arguments.tiny else 1)  # beside other work, maybe
            found[name] = run(command(name, arguments, Path(scratch)), limit)
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps(found, indent=1))


def device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def command(name: str, arguments: argparse.Namespace, scratch: Path) -> list[str]:
    """Return the command line of a part."""
    tiny: bool = arguments.tiny
    if name == "trainer":
        size = ("--blocks", "1", "--steps", "3") if tiny else ("--blocks", "3", "--steps", "12")
        where = "cpu" if device() == "cpu" else "cuda"
        return [str(HERE / "train.py"), "--only", "step", "--device", where, *size]
    if name == "encoder":
        return [__file__, "--inside", "encoder", *(["--tiny"] if tiny else [])]
    model = arguments.model or random_checkpoint(scratch / "model", TINY if tiny else LARGE)
    size = ("--replies", "8", "--repeats", "1") if tiny else ("--replies", "1024", "--repeats", "2")
    return [str(HERE / "states.py"), "--model", str(model), *size]


def random_checkpoint(folder: Path, sizes: dict[str, int]) -> Path:
    """Write a Qwen3-shaped checkpoint with the demo's tokenizer, whatever its vocabulary."""
    from sfr_train.data.world_text import persona_chats
    from sfr_train.demo.initial_model import new_model, train_tokenizer
    from sfr_train.demo.recipe import NewModel

    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    world = PersonaWorld.load(find_suite("persona"))
    chats = list(persona_chats(world, rows=1000, seed=0))
    tokenizer = train_tokenizer(chats, world, vocabulary=TINY["vocabulary"])
    model = new_model(NewModel(**sizes), tokenizer)
    model.resize_token_embeddings(sizes["vocabulary"])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run(line: list[str], limit: float) -> Any:
    """Run a part. Returns its JSON, or what went wrong."""
    paths = os.pathsep.join([str(HERE.parent), str(HERE.parent / "train")])
    environment = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *line], capture_output=True, text=True, timeout=limit, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {limit:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:300]}
    return last_json(done.stdout)


def encoder(count: int) -> dict[str, float]:
    """Return texts a second of both sides, after one call that loads the model."""
    import numpy as np
    from sentence_transformers import SentenceTransformer

    from sfr_eval.embeddings.encoder import Encoder
    from sfr_eval.suites.suite import load_suite

    suite = load_suite("persona")
    assert suite.world is not None
    world, rng = suite.world.dialed(), np.random.default_rng(0)
    prompts = [(persona, query) for query in suite.queries for persona in suite.personas]
    texts = [
        f"{number} {world.sample(*prompts[number % len(prompts)], rng)}" for number in range(count)
    ]
    with tempfile.TemporaryDirectory() as cache:
        ours = Encoder(None, Path(cache))
        ours.encode(["loads the model"])
        library = SentenceTransformer(str(ours._files.folder))
        library.encode(["loads the model"])
        seconds = {}
        for name, encode in (
            ("ours", ours.encode),
            ("library", lambda some: library.encode(some, batch_size=256)),
        ):
            started = time.perf_counter()
            encode(texts)
            seconds[name] = time.perf_counter() - started
    return {f"{name}, texts a second": round(count / took) for name, took in seconds.items()}


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.path[:0] = [str(HERE.parent), str(HERE.parent / "train")]
    main()
