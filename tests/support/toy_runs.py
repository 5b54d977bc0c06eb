"""Small runs of a suite without personas, imported from made-up replies; no encoder is needed."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfr_eval.pipeline.score import Scored, score_paths

WORDS = (
    *("river", "clock", "teacher", "mountain", "apple", "robot"),
    *("garden", "soldier", "letter", "window", "dream", "ocean"),
)
LIGHT = ("text", "lexical")
QUERIES = tuple(f"q{number}" for number in range(12))


def sentence(source: random.Random, words: int) -> str:
    """A sentence of ten words out of the first `words`: fewer words are less varied."""
    return " ".join(source.choice(WORDS[:words]) for _ in range(10))


def write_suite(folder: Path, *, metrics: Sequence[str] = LIGHT, version: str = "1") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": query, "text": f"Say something about {query}."} for query in QUERIES]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "suite.yaml").write_text(
        f"id: toy\nversion: '{version}'\ntitle: Toy\nqueries: queries.jsonl\n"
        f"metrics: [{', '.join(metrics)}]\n",
        encoding="utf-8",
    )
    return folder


def write_replies(
    file: Path, *, words: int, k: int = 4, seed: int = 0, temperatures: Sequence[float] = (1.0,)
) -> Path:
    """Write `k` replies to each query at each temperature."""
    source = random.Random(seed)
    rows = [
        {"query": query, "text": sentence(source, words), "temperature": temperature}
        for query in QUERIES
        for temperature in temperatures
        for _ in range(k)
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def score(folder: Path, replies: Path, suite: Path, **settings: Any) -> Scored:
    return score_paths([replies], settings, suite=str(suite), output=folder)
