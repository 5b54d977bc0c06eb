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
Filters = Mapping[str, Callable[[Row], Any]]
"""Reason for removing a row -> whether a row passes, in the order in which they are applied."""
_SYSTEM = (
    "You are an expert Python programmer. Answer with one complete solution in a ```python fence."
)


def adjacent_hash(statement: str) -> str:
    """Return the md5 of the sorted set of word 5-grams of the lower-cased statement; below five
    words, of the whole text. Two statements with the same 5-grams in another order count as one."""
    words = statement.lower().split()
    windows = {" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))}
    return _md5("\n".join(sorted(windows)))


def rstar_coder(rows: Iterable[Row], counts: Counter[str]) -> Iterator[Chat]:
    """Yield chats in row order."""
    filters: Filters = {
        "not verified and passed": lambda row: _true(row, "verified") and _true(row, "is_passed"),
        "no response": lambda row: _text(row, "response"),
        "reasoning too long": lambda row: len(str(row["response"])) // 4 <= REASONING_TOKENS,
        "no question": lambda row: _text(row, "question"),
    }
    seen: set[str] = set()
    for row in _passing(rows, filters, counts, duplicate="same statement"):
        question, starter, code = (_text(row, n) for n in ("question", "starter_code", "code"))
        key = adjacent_hash(question)
        if key in seen:
            counts["same statement"] += 1
            continue
        seen.add(key)
        reply = str(row["response"]).rstrip()
        if code and not reply.removesuffix("```").rstrip().endswith(code):
            reply = f"{reply}\n\n```python\n{code}\n```"
        counts["kept"] += 1
        yield _chat(user=f"{question}\n\n{starter}" if starter else question, assistant=reply)


def opencodeinstruct(rows: Iterable[Row], counts: Counter[str]) -> Iterator[Chat]:
    """Yield the best answer to each question, in the order of their first answers."""
    filters: Filters = {
        "no judgement": lambda row: row["scores"],
        "scores too low": lambda row: (
            row["scores"].get("requirement_conformance") == 5
            and row["scores"].get("logical_correctness") == 5
            and row["scores"].get("edge_case_consideration", 0) >= 4
        ),
        "tests failed": lambda row: float(row.get("average_test_score") or 0) >= 1,
        "no question or answer": lambda row: _text(row, "input") and _text(row, "output"),
    }
    best: dict[str, tuple[tuple[int, int], Chat]] = {}
    scored = ({**row, "scores": _scores(row.get("llm_judgement"))} for row in rows)
    for row in _passing(scored, filters, counts, duplicate="same question"):
        question, answer = _text(row, "input"), _text(row, "output")
        key = _md5(question)
        rank = (row["scores"]["edge_case_consideration"], -len(answer))
        counts["same question"] += key in best
        if key not in best or rank > best[key][0]:
            best[key] = (rank, _chat(system=_SYSTEM, user=question, assistant=answer))
    counts["kept"] += len(best)
    yield from (chat for _, chat in best.values())


def _passing(
    rows: Iterable[Row], filters: Filters, counts: Counter[str], *, duplicate: str
) -> Iterator[Row]:
    """Yield the rows that pass all filters. The counts also list filters that remove nothing."""
    counts.update(dict.fromkeys(["read", *filters, duplicate, "kept"], 0))
    for row in rows:
        counts["read"] += 1
        fault = next((name for name, passes in filters.items() if not passes(row)), None)
        if fault is None:
            yield row
        else:
            counts[fault] += 1


def _chat(**turns: str) -> Chat:
    return {"messages": [{"role": role, "content": text} for role, text in turns.items()]}


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


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _text(row: Row, name: str) -> str:
    return str(row.get(name) or "").strip()


def _true(row: Row, name: str) -> bool:
    return str(row.get(name)).lower() in {"true", "1"}


def _scores(judgement: Any) -> dict[str, int]:
    """Read criterion -> score from JSON {criterion: {score, justification}}; empty if none."""
    if isinstance(judgement, str):
        try:
            judgement = json.loads(judgement)
        except json.JSONDecodeError:
            return {}
    scores: dict[str, int] = {}
    if not isinstance(judgement, Mapping):
        return scores
    for name, value in judgement.items():
        score: Any = value.get("score") if isinstance(value, Mapping) else value
        try:
            scores[str(name)] = int(score)
        except (TypeError, ValueError):
            continue
    return scores


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
