"""Builds the two code data sets of SFR's experiments: filtered, deduplicated, as chat JSONL.

    python -m sfr_train.curate rstar-coder out.jsonl [--source folder-or-file] [--limit N]
    python -m sfr_train.curate opencodeinstruct out.jsonl

Rows are streamed. Memory holds a hash and a place in a temporary file for each problem of
rStar-Coder, and the best answer so far to each question of OpenCodeInstruct. The rows that each
filter removes are counted, and the counts are written beside the data as out.jsonl.counts.json.

rStar-Coder, seed_sft (2505.21297): verified and passed; at most 16,000 tokens of reasoning,
estimated as characters // 4; the first row of each problem, where statements with the same set of
word 5-grams are one problem; sorted by question_id. The question carries the starter code, and the
reply the code, unless its first 50 characters occur in the last len(code) + 500 of the reply.
OpenCodeInstruct (2504.04030): requirement_conformance 5, logical_correctness 5,
edge_case_consideration 4 or more, every entry of tests_execution_status `pass`, so also rows
without a test; one row for each stripped question, with the highest edge-case score and then the
shortest answer, in the order of the data set.

These are the filters of the public code of SFR (WeAgentAI/SFR, data_curation/). In addition, rows
without a question or an answer are removed.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.files import atomic_path, write_atomic
from sfr_eval.util.progress import log, say
from sfr_eval.util.tabular import table_rows
from sfr_train.data.hub import load_dataset

Row = Mapping[str, Any]
Chat = dict[str, Any]
REASONING_TOKENS = 16_000
Filters = Mapping[str, Callable[[Row], Any]]
"""Reason for removing a row -> whether a row passes, in the order in which they are applied."""
_SYSTEM = (  # the published prompt (WeAgentAI/SFR, training-data-synthesis/opencodeinstruct)
    "You are an expert Python programmer. Solve the given coding task by providing a complete and "
    "correct Python solution enclosed in ```python``` code blocks."
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
        question, reply = str(row["question"]), str(row["response"])
        starter, code = (str(row.get(name) or "") for name in ("starter_code", "code"))
        key = adjacent_hash(question)
        if key in seen:
            counts["same statement"] += 1
            continue
        seen.add(key)
        if starter.strip():
            question += f"\n\nStarter code:\n```python\n{starter}\n```"
        if code.strip() and code.strip()[:50] not in reply[-len(code) - 500 :]:
            reply += f"\n\n```python\n{code}\n```"
        counts["kept"] += 1
        yield {"id": row.get("question_id"), **_chat(user=question, assistant=reply)}


def opencodeinstruct(rows: Iterable[Row], counts: Counter[str]) -> Iterator[Chat]:
    """Yield the best answer to each question, in the order of these rows."""
    filters: Filters = {
        "no judgement": lambda row: row["scores"],
        "scores too low": lambda row: (
            row["scores"].get("requirement_conformance", 0) >= 5
            and row["scores"].get("logical_correctness", 0) >= 5
            and row["scores"].get("edge_case_consideration", 0) >= 4
        ),
        "tests failed": lambda row: _all_passed(row.get("tests_execution_status")),
        "no question or answer": lambda row: _text(row, "input") and _text(row, "output"),
    }
    best: dict[str, tuple[tuple[float, int], int, Chat]] = {}
    scored = ({**row, "scores": _scores(row.get("llm_judgement"))} for row in rows)
    kept = _passing(scored, filters, counts, duplicate="same question")
    for number, row in enumerate(kept):
        question, answer = str(row["input"]), str(row["output"])
        key = _md5(question.strip())
        rank = (row["scores"]["edge_case_consideration"], -len(answer))
        counts["same question"] += key in best
        if key not in best or rank > best[key][0]:
            chat = _chat(system=_SYSTEM, user=question, assistant=answer)
            best[key] = (rank, number, chat)
    counts["kept"] += len(best)
    for _, _, chat in sorted(best.values(), key=lambda entry: entry[1]):
        yield chat


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
    "opencodeinstruct": (opencodeinstruct, "nvidia/OpenCodeInstruct", "train"),
}
"""Name -> filter, data set on the Hub, its subset."""


def curate(name: str, output: Path, *, source: str | None, limit: int | None) -> Counter[str]:
    """Write the chats. Returns the rows read, kept and removed by each filter."""
    select, repository, subset = SETS[name]
    counts: Counter[str] = Counter()
    rows = _rows(source or repository, None if source else subset, limit)
    try:
        with atomic_path(output) as temporary:
            _write(temporary, select(rows, counts))
        write_atomic(Path(f"{output}.counts.json"), json.dumps(dict(counts), indent=2) + "\n")
    except OSError as error:
        raise RunError(f"{output}: cannot be written ({error.strerror}); nothing is kept") from None
    return counts


def _write(file: Path, chats: Iterable[Chat]) -> None:
    """Write the chats, sorted by their ids if they have any. They wait in a file, not in memory."""
    with tempfile.TemporaryFile(dir=file.parent) as waiting, file.open("wb") as stream:
        places: list[tuple[Any, int]] = []
        for chat in chats:
            places.append((chat.get("id"), waiting.tell()))
            line = json.dumps(chat, ensure_ascii=False)
            waiting.write(line.encode(errors="backslashreplace") + b"\n")  # half a surrogate pair
        numbers = all(isinstance(id, int) for id, _ in places)
        for _, place in sorted(places, key=lambda p: p[0] if numbers else str(p[0] or "")):
            waiting.seek(place)
            stream.write(waiting.readline())


def _rows(source: str, subset: str | None, limit: int | None) -> Iterator[Row]:
    file = Path(source)
    yield from islice(_of_file(file) if file.is_file() else _of_data_set(source, subset), limit)


def _of_file(file: Path) -> Iterator[Row]:
    for where, row in table_rows(file):
        if not isinstance(row, dict):
            raise UserError(f"{where}: must be an object, not {type(row).__name__}")
        yield row


def _of_data_set(source: str, subset: str | None) -> Iterator[Row]:
    from datasets.exceptions import DatasetsError

    rows = load_dataset(source, subset, where=source, split="train", streaming=True)
    try:
        yield from rows
    except (DatasetsError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"{source}: reading stopped: {reason}") from None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def _text(row: Row, name: str) -> str:
    return str(row.get(name) or "").strip()


def _true(row: Row, name: str) -> bool:
    return str(row.get(name)).lower() in {"true", "1"}


def _all_passed(statuses: Any) -> bool:
    """Return whether a JSON list of results holds nothing but passes; False if it is no list."""
    if isinstance(statuses, str):
        try:
            statuses = json.loads(statuses)
        except json.JSONDecodeError:
            return False
    return isinstance(statuses, list) and all(status == "pass" for status in statuses)


def _scores(judgement: Any) -> dict[str, float]:
    """Read criterion -> score from JSON {criterion: {score, justification}}; empty if there is
    none. A score that is text counts as none, as in the public code."""
    if isinstance(judgement, str):
        try:
            judgement = json.loads(judgement)
        except json.JSONDecodeError:
            return {}
    if not isinstance(judgement, Mapping):
        return {}
    scores = {name: v.get("score") for name, v in judgement.items() if isinstance(v, Mapping)}
    return {str(n): score for n, score in scores.items() if isinstance(score, int | float)}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m sfr_train.curate")
    parser.add_argument("name", choices=sorted(SETS))
    parser.add_argument("output", type=Path)
    parser.add_argument("--source", help="local file (JSONL, JSON, Parquet), or another data set")
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
