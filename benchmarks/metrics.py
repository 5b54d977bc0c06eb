"""Compares our metrics with the tools that people would otherwise use: values and seconds.

Every row is the best of --repeats runs, on one thread of one process. A peer that is quadratic or
slow gets fewer texts, and its seconds are scaled up (linearly for nltk and sacrebleu, by pairs for
`diversity`), which the table says. Seconds are CPU seconds, so that other load does not distort a
ratio. A peer that is not installed is left out. Peers: requirements/benchmark.txt, in an
environment of their own.

    python benchmarks/metrics.py [--repeats 3] [--docs]

The last line is JSON.
"""

import argparse
import importlib.util
import json
import logging
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sfr_eval.metrics.bleu import cross_style_self_bleu, self_bleu
from sfr_eval.metrics.repetition import self_repetition
from sfr_eval.metrics.rouge import rouge_l_homogenization, rouge_l_rows
from sfr_eval.metrics.semantic import mean_pairwise_distance, vendi_score

SMALL, LARGE, GROUP = 1_024, 10_048, 64
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks_metrics.md"
Texts = list[list[str]]


@dataclass(frozen=True)
class Row:
    """One task: our seconds, the peer's, and how far the values differ."""

    task: str
    texts: int
    ours: float
    peer: str
    peer_seconds: float
    measured_on: str  # what part the peer ran; "all" or the size it was scaled up from
    difference: float | None

    @property
    def gain(self) -> float:
        return self.peer_seconds / self.ours


def corpus(count: int, *, seed: int = 0) -> Texts:
    """Make replies of about 60 words: Zipf words, a bank of phrases, phrases of the prompt, an
    opener. The overlap is realistic, the text has no meaning."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 6_001)
    weights /= weights.sum()
    words = np.array([f"w{i}" for i in range(6_000)])

    def phrases(number: int) -> Texts:
        return [words[random.choice(6_000, size=5, p=weights)].tolist() for _ in range(number)]

    bank = phrases(400)
    texts: Texts = []
    while len(texts) < count:
        own, opener = phrases(12), phrases(1)[0]
        for _ in range(min(GROUP, count - len(texts))):
            text = list(opener)
            while len(text) < random.integers(50, 70):
                kind = random.random()
                if kind < 0.25:
                    text += own[random.integers(len(own))]
                elif kind < 0.45:
                    text += bank[random.integers(len(bank))]
                else:
                    text += words[random.choice(6_000, size=4, p=weights)].tolist()
            texts.append(text)
    return texts


class Bench:
    """Times callables, best of `repeats`."""

    def __init__(self, repeats: int) -> None:
        self.repeats = repeats

    def best(self, call: Callable[[], Any], *, repeats: int | None = None) -> tuple[float, Any]:
        best, value = float("inf"), None
        for _ in range(repeats or self.repeats):
            start = time.process_time()
            value = call()
            best = min(best, time.process_time() - start)
        return best, value


def present(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def load_diversity(module: str) -> Any:
    """Import one module of `diversity` without its package, which imports spacy and openai."""
    folder = Path(str(importlib.util.find_spec("diversity").submodule_search_locations[0]))  # type: ignore[union-attr,index]
    spec = importlib.util.spec_from_file_location(f"_peer_{module}", folder / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def nltk_scores(texts: Texts, rows: range, references: Callable[[int], Texts]) -> list[float]:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smooth = SmoothingFunction().method1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            sentence_bleu(references(i), texts[i], (0.25,) * 4, smoothing_function=smooth)
            for i in rows
        ]


def bleu_rows(bench: Bench, texts: Texts) -> Iterator[Row]:
    n = len(texts)
    groups = [i // GROUP for i in range(n)]

    def mates(i: int) -> Texts:
        first = i // GROUP * GROUP
        return [texts[j] for j in range(first, min(first + GROUP, n)) if j != i]

    ours, scores = bench.best(lambda: self_bleu(texts, groups)[:, 3])
    task = f"self-BLEU-4, groups of {GROUP}"
    if present("nltk"):
        part = range(min(n, 128))
        seconds, found = bench.best(lambda: nltk_scores(texts, part, mates), repeats=1)
        away = float(np.abs(scores[: len(part)] - found).max())
        yield Row(task, n, ours, "nltk", seconds * n / len(part), f"{len(part)} texts", away)
    if present("sacrebleu"):
        from sacrebleu.metrics import BLEU

        logging.getLogger("sacrebleu").setLevel(logging.ERROR)  # a hint for each sentence
        peer = BLEU(effective_order=False, tokenize="none", smooth_method="floor", smooth_value=0.1)
        part = range(min(n, 128))
        joined = [" ".join(text) for text in texts]
        seconds, found = bench.best(
            lambda: [
                peer.sentence_score(joined[i], [" ".join(text) for text in mates(i)]).score / 100
                for i in part
            ],
            repeats=1,
        )
        away = float(np.abs(scores[: len(part)] - found).max())
        yield Row(task, n, ours, "sacrebleu", seconds * n / len(part), f"{len(part)} texts", away)
    if present("fast_bleu"):
        seconds, found = bench.best(lambda: list(fast_bleu_groups(texts)))
        away = float(np.abs(scores - found).max())
        yield Row(task, n, ours, "fast-bleu", seconds, "all", away)
    whole, scores = bench.best(lambda: self_bleu(texts, [0] * n)[:, 3])
    if present("nltk"):
        part = range(2)
        seconds, found = bench.best(
            lambda: nltk_scores(texts, part, lambda i: texts[:i] + texts[i + 1 :]), repeats=1
        )
        away = float(np.abs(scores[: len(part)] - found).max())
        yield Row(
            "self-BLEU-4, whole corpus",
            n,
            whole,
            "nltk",
            seconds * n / len(part),
            f"{len(part)} texts",
            away,
        )
    styles = [i % 4 for i in range(n)]
    ours, scores = bench.best(lambda: cross_style_self_bleu(texts, groups, styles)[:, 3])
    if present("nltk"):
        part = range(128)
        seconds, found = bench.best(
            lambda: nltk_scores(
                texts,
                part,
                lambda i: [
                    texts[j]
                    for j in range(i // GROUP * GROUP, min(i // GROUP * GROUP + GROUP, n))
                    if styles[j] != styles[i]
                ],
            ),
            repeats=1,
        )
        away = float(np.abs(scores[: len(part)] - found).max())
        yield Row(
            "cross-style self-BLEU-4, 4 styles",
            n,
            ours,
            "nltk",
            seconds * n / len(part),
            f"{len(part)} texts",
            away,
        )


def fast_bleu_groups(texts: Texts) -> Iterator[float]:
    from fast_bleu import SelfBLEU

    for begin in range(0, len(texts), GROUP):
        yield from SelfBLEU(texts[begin : begin + GROUP], {4: (0.25,) * 4}).get_score()[4]


def pair_rows(bench: Bench, texts: Texts) -> Iterator[Row]:
    ours, _ = bench.best(lambda: rouge_l_homogenization(texts))
    if present("diversity") and present("rouge_score") and present("evaluate"):
        peer, part = load_diversity("homogenization"), 48
        joined = [" ".join(text) for text in texts[:part]]
        seconds, _ = bench.best(
            lambda: peer.homogenization_score(joined, "rougel", verbose=False), repeats=1
        )
        scale = (len(texts) * (len(texts) - 1)) / (part * (part - 1))
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(["rougeL"])
        exact = [
            np.mean([scorer.score(a, b)["rougeL"].fmeasure for b in joined if b is not a])
            for a in joined[:8]
        ]
        away = float(np.abs(rouge_l_rows(texts[:part])[:8] - exact).max())
        yield Row(
            "ROUGE-L, all pairs",
            len(texts),
            ours,
            "diversity",
            seconds * scale,
            f"{part} texts; difference to rouge_score",
            away,
        )


def repetition_rows(bench: Bench, texts: Texts) -> Iterator[Row]:
    ours, found = bench.best(lambda: self_repetition(texts))
    if present("diversity"):
        peer = load_diversity("self_repetition")
        joined = [" ".join(text) for text in texts]
        seconds, value = bench.best(
            lambda: peer.self_repetition_score(joined, 4, verbose=False), repeats=1
        )
        away = abs(found - value)
        yield Row("self-repetition", len(texts), ours, "diversity", seconds, "all", away)


def vector_rows(bench: Bench) -> Iterator[Row]:
    rows = np.random.default_rng(0).standard_normal((157 * GROUP, 384)) + 1.0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    table = rows.reshape(157, GROUP, 384)
    ours, found = bench.best(lambda: vendi_score(table))
    if present("vendi_score"):
        from vendi_score.vendi import score_dual, score_X

        seconds, values = bench.best(lambda: [score_X(own) for own in table])
        away = float(np.abs(found - values).max())
        task = f"Vendi of 157 prompts of {GROUP}"
        yield Row(task, len(rows), ours, "vendi-score score_X, a loop", seconds, "all", away)
        whole, value = bench.best(lambda: vendi_score(rows))
        seconds, peer = bench.best(lambda: score_dual(rows))
        away = abs(float(value) - peer)
        yield Row("Vendi of all", len(rows), whole, "vendi-score score_dual", seconds, "all", away)
    distance, value = bench.best(lambda: mean_pairwise_distance(rows))
    off = ~np.eye(2_048, dtype=bool)
    seconds, full = bench.best(lambda: (1 - rows[:2_048] @ rows[:2_048].T)[off].mean(), repeats=1)
    away = abs(float(mean_pairwise_distance(rows[:2_048]) or 0.0) - full)
    yield Row(
        "mean pairwise distance",
        len(rows),
        distance,
        "full matrix",
        seconds * (len(rows) / 2_048) ** 2,
        "2,048 texts",
        away,
    )


def table(rows: list[Row]) -> str:
    lines = [
        "| task | texts | ours, s | peer | peer, s | peer ran | times faster | values differ by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        away = "-" if row.difference is None else f"{row.difference:.1e}"
        lines.append(
            f"| {row.task} | {row.texts:,} | {row.ours:.3f} | {row.peer} | {row.peer_seconds:,.2f} "
            f"| {row.measured_on} | {row.gain:,.0f} | {away} |"
        )
    return "\n".join(lines)


def conditions() -> str:
    names = ("numpy", "scipy", "rapidfuzz", "nltk", "sacrebleu", "fast-bleu", "diversity")
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in (*names, "vendi-score", "rouge_score"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    load = os.getloadavg()[0]
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, one thread, load average "
        f"{load:.1f} at the end; {', '.join(found)}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--docs", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    bench = Bench(arguments.repeats)
    small, large = corpus(SMALL), corpus(LARGE)
    rows = []
    for part in (
        bleu_rows(bench, large),
        pair_rows(bench, small),
        repetition_rows(bench, large),
        vector_rows(bench),
    ):
        for row in part:
            rows.append(row)
            print(f"{row.task}: {row.ours:.3f} s, {row.peer} {row.peer_seconds:.2f} s", flush=True)
    print(table(rows))
    print(conditions())
    print(json.dumps([asdict(row) for row in rows]))
    if arguments.docs:
        head = PAGE.read_text(encoding="utf-8").split("<!-- table -->")[0]
        tail = PAGE.read_text(encoding="utf-8").split("<!-- end -->")[1]
        body = f"<!-- table -->\n\n{table(rows)}\n\nConditions: {conditions()}\n\n<!-- end -->"
        PAGE.write_text(head + body + tail, encoding="utf-8")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
