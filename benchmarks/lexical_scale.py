"""Measures the lexical family over a million replies in one pass: seconds, memory, linearity.

Rows are generated as they are read, 64 replies of 60 words to each of --prompts prompts (nine
personas per query), so only the current batch and the values are in memory.

    python benchmarks/lexical_scale.py [--prompts 15625] [--json]
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sfr_eval.metrics.lexical_stream import ReplyRow, lexical_stream
from sfr_eval.metrics.tokenizers import load_tokenizer

PERSONAS, K, WORDS = 9, 64, 60


def rows(prompts: int, *, seed: int = 0) -> Iterator[ReplyRow]:
    """Yield replies that share an opener and phrases within a prompt."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 6_001)
    bounds = np.cumsum(weights / weights.sum())
    words = np.array([f"word{i}" for i in range(6_000)])
    for prompt in range(prompts):
        drawn = words[np.minimum(np.searchsorted(bounds, random.random((K, WORDS))), 5_999)]
        drawn[:, :5] = drawn[0, :5]
        drawn[:, 20:30] = drawn[random.integers(0, 8, K), 20:30]
        for index, text in enumerate(map(" ".join, drawn.tolist())):
            yield ReplyRow(prompt // PERSONAS, prompt % PERSONAS, index, text)


def measure(prompts: int) -> dict[str, Any]:
    """Return wall and CPU seconds of the pass, CPU seconds of making the rows, and peak memory."""
    start_cpu = time.process_time()
    for _ in rows(prompts):
        pass
    made = time.process_time() - start_cpu
    start, start_cpu = time.perf_counter(), time.process_time()
    counted, total, defined = 0, 0.0, 0
    for batch in lexical_stream(rows(prompts), load_tokenizer()):
        counted += batch.rows
        column = batch.of_prompts["self_bleu_4"]
        total += float(np.nansum(column))
        defined += int((~np.isnan(column)).sum())
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    assert counted == prompts * K, "a row was dropped"
    return {
        "rows": counted,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "cpu_seconds_to_make_the_rows": made,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "self_bleu_4": total / defined,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=15_625)
    arguments = parser.parse_args()
    small, large = measure(arguments.prompts // 10), measure(arguments.prompts)
    own = [part["cpu_seconds"] - part["cpu_seconds_to_make_the_rows"] for part in (small, large)]
    print(json.dumps({"tenth": small, "whole": large, "cpu_ratio": own[1] / own[0]}, indent=1))


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
