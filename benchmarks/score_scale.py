"""Measures `sfr-eval score` of a run of a million replies: seconds, memory, linearity.

There are two run folders of the persona benchmark at eight temperatures, one with a tenth of the
queries, and a cache with embeddings of all their texts, so that only the labelled replies of the
style probe are encoded. The embeddings are random unit vectors, since the cost depends only on
their number. The manifest does not name the benchmark as the model's grammar, or the reference
distribution would be drawn and encoded too. Each folder is scored by a process of its own.

    python benchmarks/score_scale.py [--queries 148] [--samples 94] [--metrics lexical,style]
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.metrics.windows import WINDOWS
from sfr_eval.suites.spec import TOKEN_WINDOW

TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
_SHARD = 16_384


def make(folder: Path, cache: Path, *, queries: int, samples: int) -> int:
    """Make a run without scores and embeddings of its texts. Returns the number of its replies."""
    import sfr_eval.pipeline.run as run
    from sfr_eval.config import RunConfig
    from sfr_eval.embeddings.cache import EmbeddingStore, text_key
    from sfr_eval.embeddings.encoder import Encoder
    from sfr_eval.store.manifest import Manifest
    from sfr_eval.store.run_folder import RunFolder

    run.measure_and_report = lambda *_, **__: folder
    config = RunConfig(
        model="world:cross=0.2,within=0.3",
        suite=("persona",),
        samples=samples,
        temperatures=TEMPERATURES,
        limit=queries,
        output=folder,
    )
    run.execute(config)
    stored = RunFolder(folder)
    manifest = Manifest.load(folder)
    stored.write_manifest(manifest.model_copy(update={"world": None}))
    rows = stored.sealed_samples()
    encoder = Encoder(None, cache)
    size = encoder.encode(["How many numbers has an embedding?"]).shape[1]
    (place,) = (cache / "embeddings").iterdir()
    store = EmbeddingStore(place)
    random = np.random.default_rng(0)
    texts = {text for row in rows for text in embedded(row.text)}
    keys = [key for key in map(text_key, texts) if key not in store]
    for shard in (keys[start : start + _SHARD] for start in range(0, len(keys), _SHARD)):
        made = random.standard_normal((len(shard), size), dtype=np.float32)
        store.add(shard, made / np.linalg.norm(made, axis=1, keepdims=True))
    return len(rows)


def embedded(reply: str) -> Iterator[str]:
    """Yield what the metrics embed of a reply: its plain text, whole and up to the suite's window,
    and its first words."""
    tokenizer = load_tokenizer(plain=True)
    yield tokenizer.cut(reply)
    part = replace(tokenizer, window=TOKEN_WINDOW).cut(reply)
    yield part
    for window in WINDOWS:
        yield replace(tokenizer, window=window).cut(part)


def score(folder: Path, cache: Path, metrics: str) -> dict[str, float]:
    """Return seconds, CPU seconds and peak memory of `sfr-eval score`; without `metrics`, of all
    that the suite names."""
    options = [o for name in filter(None, metrics.split(",")) for o in ("--metrics", name)]
    command = [sys.executable, "-m", "sfr_eval", "score", str(folder), *options]
    started = time.perf_counter()
    process = os.posix_spawn(
        sys.executable,
        command,
        {**os.environ, "SFR_EVAL_CACHE": str(cache)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(command)}: ended with status {status}")
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_memory_gb": used.ru_maxrss / 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=148)
    parser.add_argument("--samples", type=int, default=94)
    parser.add_argument("--metrics", default="lexical,style")
    parser.add_argument("--cache", type=Path, help="with embeddings of the labelled replies")
    parser.add_argument("--scratch", type=Path, help="where 3 GB may lie; default: temporary")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        cache = Path(scratch) / "cache"
        if arguments.cache is not None:
            shutil.copytree(arguments.cache / "embeddings", cache / "embeddings")
        for name, queries in (
            ("tenth", round(arguments.queries / 10)),
            ("whole", arguments.queries),
        ):
            folder = Path(scratch) / name
            replies = make(folder, cache, queries=queries, samples=arguments.samples)
            score(folder, cache, "style")  # encodes the labelled replies of the probe, once
            found[name] = {"replies": replies, **score(folder, cache, arguments.metrics)}
            print(name, found[name], file=sys.stderr)
    per_reply = [part["cpu_seconds"] / part["replies"] for part in found.values()]
    found["cpu_ratio_at_ten_times_the_replies"] = 10 * per_reply[1] / per_reply[0]
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
