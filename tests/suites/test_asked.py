"""pytest tests/suites/test_asked.py"""

import json
from pathlib import Path

from sfr_eval.suites.asked import MEASURED, answers_digest, asked_part
from sfr_eval.suites.spec import QueryRow
from sfr_eval.suites.suite import load_suite

ROW = {"id": "coin", "text": "Flip.", "answers": ["H", "T"]}


def test_a_line_without_facts_and_a_broken_one_stay_as_they_are() -> None:
    for line in (b'{"text": "A",  "id": "a"}', b"{", b"[1]", b"", b"\xff"):
        assert asked_part(line) == line


def test_facts_are_left_out() -> None:
    assert set(MEASURED) < set(QueryRow.model_fields)
    line = json.dumps({**ROW, "category": "odds", "law": "uniform"}).encode()
    assert json.loads(asked_part(line)) == {"id": "coin", "text": "Flip."}


def test_a_mended_answer_keeps_the_draws_and_changes_the_signature(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(
        "id: toy\nversion: '1'\ntitle: Toy\nqueries: q.jsonl\nmetrics: [answers]\n"
    )
    versions, digests = [], []
    for more in ({}, {"law": "uniform"}, {"aliases": {"H": ["Heads"]}}, {"text": "Toss."}):
        (tmp_path / "q.jsonl").write_text(json.dumps({**ROW, **more}) + "\n")
        suite = load_suite(str(tmp_path))
        versions.append(suite.version)
        digests.append(answers_digest(suite.rows.values()))
    assert versions[0] == versions[1] == versions[2] != versions[3]
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]
