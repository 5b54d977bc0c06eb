"""Builds the two code data sets of SFR's experiments: filtered, deduplicated, as chat JSONL.

    python -m sfr_train.curate rstar-coder out.jsonl [--source folder-or-file] [--limit N]
    python -m sfr_train.curate opencodeinstruct out.jsonl

Rows are streamed. Memory holds a hash for each problem of rStar-Coder, and the best answer so far
to each question of OpenCodeInstruct. The rows that each filter removes are counted, and the counts
are written beside the data as out.jsonl.counts.json.

rStar-Coder, seed_sft (2505.21297): verified and passed; at most 16,000 tokens of reasoning,
estimated as characters // 4; the first row of each problem, where statements with the same set of
word 5-grams are one problem. OpenCodeInstruct (2504.04030): requirement_conformance 5,
logical_correctness 5, edge_case_consideration 4 or more, all unit tests passed; one row for each
stripped question, with the highest edge-case score and then the shortest answer.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.files import atomic_path, write_atomic
from sfr_eval.util.progress import log, say
from sfr_train.data.hub import load_dataset

Row = Mapping[str, Any]
Chat = dict[str, Any]
REASONING_TOKENS = 16_000
# Listed in the counts even if they remove nothing, in the order in which they check a row.
_RSTAR_COUNTS = [
    "read",
    "not verified and passed",
    "no response",
    "reasoning too long",
    "no question",
    "same statement",
    "kept",
]
_OPENCODE_COUNTS = [
    "read",
    "no judgement",
    "scores too low",
    "tests failed",
    "no question or answer",
    "same question",
    "kept",
]
_SYSTEM = (
    "You are an expert Python programmer. Answer with one complete solution in a ```python fence."
)


def adjacent_hash(statement: str) -> str:
    """md5 of the sorted set of word 5-grams of the lower-cased statement; below five words,
    of the whole text. Two statements with the same 5-grams in another order count as one."""
    words = statement.lower().split()
    if len(words) < 5:
        return hashlib.md5(" ".join(words).encode(), usedforsecurity=False).hexdigest()
    windows = sorted({" ".join(words[i : i + 5]) for i in range(len(words) - 4)})
    return hashlib.md5("\n".join(windows).encode(), usedforsecurity=False).hexdigest()


def rstar_coder(rows: Iterable[Row], counts: Counter[str]) -> Iterator[Chat]:
    """Chats in row order."""
    counts.update(dict.fromkeys(_RSTAR_COUNTS, 0))
    seen: set[str] = set()
    for row in rows:
        counts["read"] += 1
        if not _true(row.get("verified")) or not _true(row.get("is_passed")):
            counts["not verified and passed"] += 1
            continue
        response = str(row.get("response") or "")
        if not response.strip():
            counts["no response"] += 1
            continue
        if len(response) // 4 > REASONING_TOKENS:
            counts["reasoning too long"] += 1
            continue
        question = str(row.get("question") or "").strip()
        if not question:
            counts["no question"] += 1
            continue
        key = adjacent_hash(question)
        if key in seen:
            counts["same statement"] += 1
            continue
        seen.add(key)
        starter = str(row.get("starter_code") or "").strip()
        code = str(row.get("code") or "").strip()
        reply = response.rstrip()
        if code and not reply.removesuffix("```").rstrip().endswith(code):
            reply = f"{reply}\n\n```python\n{code}\n```"
        counts["kept"] += 1
        user = f"{question}\n\n{starter}" if starter else question
        yield {
            "messages": [
                {"role": "user", "content": user},
                {"role": "assistant", "content": reply},
            ]
        }


def opencodeinstruct(rows: Iterable[Row], counts: Counter[str]) -> Iterator[Chat]:
    """Chats with the best answer to each question, in the order of their first answers."""
    counts.update(dict.fromkeys(_OPENCODE_COUNTS, 0))
    best: dict[str, tuple[tuple[int, int], Chat]] = {}
    for row in rows:
        counts["read"] += 1
        scores = _scores(row.get("llm_judgement"))
        if scores is None:
            counts["no judgement"] += 1
            continue
        edge = scores.get("edge_case_consideration", 0)
        good = scores.get("requirement_conformance") == 5 and scores.get("logical_correctness") == 5
        if not good or edge < 4:
            counts["scores too low"] += 1
            continue
        if float(row.get("average_test_score") or 0) < 1:
            counts["tests failed"] += 1
            continue
        question, answer = str(row.get("input") or "").strip(), str(row.get("output") or "").strip()
        if not question or not answer:
            counts["no question or answer"] += 1
            continue
        key = hashlib.md5(question.encode(), usedforsecurity=False).hexdigest()
        rank = (edge, -len(answer))
        chat = {
            "messages": [
                {"role": "system", "content": _SYSTEM},
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
        }
        if key in best:
            counts["same question"] += 1
            if rank > best[key][0]:
                best[key] = (rank, chat)
            continue
        best[key] = (rank, chat)
    for _, chat in best.values():
        counts["kept"] += 1
        yield chat


SETS: dict[str, tuple[Callable[[Iterable[Row], Counter[str]], Iterator[Chat]], str, str | None]] = {
    "rstar-coder": (rstar_coder, "microsoft/rStar-Coder", "seed_sft"),
    "opencodeinstruct": (opencodeinstruct, "nvidia/OpenCodeInstruct", None),
}
"""Name -> filter, data set on the Hub, its subset."""


def curate(name: str, output: Path, *, source: str | None, limit: int | None) -> Counter[str]:
    """Write the chats. Returns the rows read, kept and removed by each filter."""
    select, repository, subset = SETS[name]
    counts: Counter[str] = Counter()
    rows = _rows(source or repository, None if source else subset, limit)
    try:
        with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8") as stream:
            for chat in select(rows, counts):
                stream.write(json.dumps(chat, ensure_ascii=False) + "\n")
        write_atomic(Path(f"{output}.counts.json"), json.dumps(dict(counts), indent=2) + "\n")
    except OSError as error:
        raise RunError(f"{output}: cannot be written ({error.strerror}); nothing is kept") from None
    return counts


def _rows(source: str, subset: str | None, limit: int | None) -> Iterator[Row]:
    options: dict[str, Any] = {"where": source, "split": "train", "streaming": True}
    suffix = Path(source).suffix
    if suffix in {".jsonl", ".json", ".parquet"}:
        kind = "parquet" if suffix == ".parquet" else "json"
        rows = load_dataset(kind, data_files=source, **options)
    else:
        rows = load_dataset(source, subset, **options)
    yield from rows if limit is None else rows.take(limit)


def _true(value: Any) -> bool:
    return value is True or str(value).lower() in {"true", "1"}


def _scores(judgement: Any) -> dict[str, int] | None:
    """Criterion -> score, from JSON text {criterion: {score, justification}}; None if none."""
    if isinstance(judgement, str):
        try:
            judgement = json.loads(judgement)
        except json.JSONDecodeError:
            return None
    if not isinstance(judgement, Mapping):
        return None
    scores = {}
    for name, value in judgement.items():
        score: Any = value.get("score") if isinstance(value, Mapping) else value
        try:
            scores[str(name)] = int(score)
        except (TypeError, ValueError):
            continue
    return scores or None


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m sfr_train.curate")
    parser.add_argument("name", choices=sorted(SETS))
    parser.add_argument("output", type=Path)
    parser.add_argument("--source", help="local JSONL or Parquet, or another data set")
    parser.add_argument("--limit", type=int, help="read only the first N rows")
    arguments = parser.parse_args()
    try:
        counts = curate(
            arguments.name, arguments.output, source=arguments.source, limit=arguments.limit
        )
    except (UserError, RunError) as error:
        log(f"curate: {error}")
        sys.exit(2 if isinstance(error, UserError) else 3)
    for name, count in counts.items():
        say(f"{count:>10,}  {name}")


if __name__ == "__main__":
    main()
