"""Suites of one's own that have no folder: the prompts of a file, or of imported generations.

Such a suite is kept inside the run folder, as an ordinary suite's folder, so that the run can be
scored, compared and read wherever it is moved, without the file that it came from.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from sfr_eval.errors import UserError
from sfr_eval.suites.spec import PersonaRow, QueryRow, SuiteSpec
from sfr_eval.suites.suite import PERSONAS, QUERIES, SUITE_FILE, Suite, content_hash
from sfr_eval.util.files import write_atomic, writing_to

FOLDER = "suites"
"""Of a run folder: a folder for each of its own suites."""

METRICS = ("text", "lexical", "semantic", "relevance", "facts")


def own_suite(
    rows: Sequence[QueryRow], *, id: str, title: str, personas: Sequence[PersonaRow] = ()
) -> Suite:
    """Return a suite of these queries. Raises UserError if two have the same id, or for none."""
    if not rows:
        raise UserError(f"{title}: holds no prompt")
    by_id = {row.id: row for row in rows}
    if len(by_id) < len(rows):
        double, _ = Counter(row.id for row in rows).most_common(1)[0]
        raise UserError(f"{title}: two prompts have the id {double}; give each an id of its own")
    spec = SuiteSpec(
        id=safe_id(id).lower().replace(".", "-").lstrip("-_") or "prompts",
        version="1",
        title=title,
        queries=QUERIES,
        persona_cards=PERSONAS if personas else None,
        temperatures=(1.0,),
        metrics=METRICS,
    )
    digest = content_hash(spec, _files(rows, personas))
    return Suite(
        spec=spec,
        folder=Path(title),
        version=f"{spec.version}+{digest}",
        queries={id: row.question for id, row in by_id.items()},
        personas={card.id: card for card in personas},
        world=None,
        rows=by_id,
    )


def keep(suite: Suite, folder: Path) -> None:
    """Write such a suite into a run folder."""
    kept = kept_folder(folder, suite.id)
    with writing_to(folder):
        kept.mkdir(parents=True, exist_ok=True)
        for name, content in _files(list(suite.rows.values()), list(suite.personas.values())):
            write_atomic(kept / name, content)
        text = yaml.safe_dump(suite.spec.model_dump(mode="json", exclude_unset=True))
        write_atomic(kept / SUITE_FILE, text)


def kept_folder(folder: Path, suite: str) -> Path:
    """Return where a run folder keeps a suite of its own."""
    return folder / FOLDER / suite


def safe_id(name: str) -> str:
    """Return a name as an id of a suite or a query, which may be part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:100] or "prompts"


def _files(rows: Sequence[QueryRow], personas: Sequence[PersonaRow]) -> list[tuple[str, bytes]]:
    """Return name and content of the data files, in the order of their names."""
    lines = [row.model_dump_json(exclude_defaults=True) for row in rows]
    files = [(QUERIES, "".join(f"{line}\n" for line in lines).encode())]
    if personas:
        cards = [card.model_dump(exclude_defaults=True) for card in personas]
        files.append((PERSONAS, yaml.safe_dump({"personas": cards}).encode()))
    return sorted(files)
