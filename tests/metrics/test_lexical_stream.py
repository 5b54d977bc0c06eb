"""pytest tests/metrics/test_lexical_stream.py"""

import math
import random

import numpy as np
import pytest

from sfr_eval.metrics.bleu import (
    fixed_bleu_draws,
    self_bleu,
)
from sfr_eval.metrics.distinct import (
    distinct_n,
    expectation_adjusted_distinct_n,
    rarefied_distinct_n,
)
from sfr_eval.metrics.lexical_stream import ReplyRow, lexical_stream
from sfr_eval.metrics.ngrams import pack
from sfr_eval.metrics.repetition import (
    compression_ratio,
    compression_ratio_fixed,
    self_repetition,
    self_repetition_rate,
)
from sfr_eval.metrics.rouge import rouge_l_homogenization
from sfr_eval.metrics.tokenizers import load_tokenizer

BLANKS = load_tokenizer("blanks-v1")


def rows_of(texts: dict[tuple[str, str], list[str]]) -> list[ReplyRow]:
    return [
        ReplyRow(query, persona, index, text)
        for (query, persona), own in texts.items()
        for index, text in enumerate(own)
    ]


def fixed_mean(texts: list[list[str]], n: int) -> float:
    group = np.zeros(len(texts), dtype=np.int64)
    return float(np.nanmean(fixed_bleu_draws(pack(texts), group, references=7)[:, :, n - 1]))


def test_the_stream_equals_the_functions_at_any_batch_size() -> None:
    rng = random.Random(8)
    texts = {
        (f"q{q}", persona): [
            " ".join(rng.choice("abcdefgh") for _ in range(rng.choice([0, 3, 30])))
            for _ in range(rng.choice([1, 2, 9]))
        ]
        for q in range(6)
        for persona in "xyzw"
    }
    for limit in (1, 10**9):
        found: dict[str, dict[object, float]] = {}
        for batch in lexical_stream(rows_of(texts), BLANKS, batch_characters=limit):
            for metric, numbers in batch.of_prompts.items():
                found.setdefault(metric, {}).update(zip(batch.prompts, numbers, strict=True))
        for key, own in texts.items():
            split = [text.split() for text in own]
            expected = {
                "distinct_2": distinct_n(split, 2),
                "distinct_1_rarefied": rarefied_distinct_n(split, 1),
                "ead_3": expectation_adjusted_distinct_n(split, 3),
                "rouge_l_homogenization": rouge_l_homogenization(split),
                "self_repetition": self_repetition(split),
                "self_repetition_rate": self_repetition_rate(split),
                "compression_ratio": compression_ratio(own),
                "compression_ratio_fixed": compression_ratio_fixed(own),
                "self_bleu_4": float(self_bleu(split, [0] * len(own))[:, 3].mean()),
                "self_bleu_2_fixed": fixed_mean(split, 2) if len(own) > 8 else None,
            }
            for metric, number in expected.items():
                number = None if len(own) < 2 else number
                wanted = math.nan if number is None else number
                assert found[metric][key] == pytest.approx(wanted, nan_ok=True, abs=1e-9), metric


def test_the_gap_between_styles() -> None:
    """Five voices without a common word: all of the self-BLEU is within them. One voice: none."""
    apart = {("q", p): [f"{p}1 {p}2 {p}3 {p}4 {p}5"] * 4 for p in "vwxyz"}
    alike = {("q", p): ["a b c d e"] * 4 for p in "vwxyz"}
    for texts, gap in ((apart, 1.0), (alike, 0.0)):
        (batch,) = lexical_stream(rows_of(texts), BLANKS)
        assert batch.of_queries["style_bleu_gap_4"][0] == pytest.approx(gap)
    (batch,) = lexical_stream(rows_of({k: v for k, v in apart.items() if k[1] in "vw"}), BLANKS)
    assert np.isnan(batch.of_queries["style_bleu_gap_4"][0])  # two voices have not 3 references


def test_bad_rows_are_named() -> None:
    with pytest.raises(TypeError, match=r"texts\[1\] is a string"):
        self_bleu([["a"], "a b"], [0, 0])
    with pytest.raises(TypeError, match=r"texts\[0\] is None"):
        distinct_n([None], 1)  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"texts\[1\] is nan"):
        rouge_l_homogenization([["a"], math.nan])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"texts\[0\] is 3, not a string"):
        compression_ratio([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="groups has 1 rows, texts has 2"):
        self_bleu([["a"], ["b"]], [0])
    rows = [ReplyRow("q", "x", 0, "a"), ReplyRow("q", "x", 1, None)]  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"row 1 \(query 'q'\): text is None"):
        list(lexical_stream(rows, BLANKS))
    rows = [ReplyRow("q", "x", 0, "a"), ReplyRow("r", "x", 0, "a"), ReplyRow("q", "x", 1, "a")]
    with pytest.raises(ValueError, match="row 2: query 'q' comes back"):
        list(lexical_stream(rows, BLANKS))


@pytest.mark.slow
def test_the_stream_takes_linear_time_and_constant_memory() -> None:
    """A tenth of 720 prompts of 64 replies, and all: benchmarks/lexical_scale.py runs a million."""
    import subprocess
    import sys
    from pathlib import Path

    script = Path(__file__).parents[2] / "benchmarks" / "lexical_scale.py"
    done = subprocess.run(
        [sys.executable, str(script), "--prompts", "720"],
        capture_output=True,
        text=True,
        check=True,
    )
    import json

    found = json.loads(done.stdout)
    assert found["whole"]["rows"] == 720 * 64
    assert found["cpu_ratio"] <= 12  # ten times the rows
    assert found["whole"]["peak_memory_gb"] < 1.0
