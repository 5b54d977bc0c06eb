"""pytest tests/suites/test_own.py"""

from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.suites.own import keep, kept_folder, own_suite, safe_id
from sfr_eval.suites.spec import PersonaRow, QueryRow
from sfr_eval.suites.suite import load_suite

ROWS = (
    QueryRow(id="tea", text="Tea?", category="drinks", references=("Yes.",)),
    QueryRow(id="milk", text="Milk?"),
)


@pytest.mark.parametrize("personas", [(), (PersonaRow(id="monk", name="Monk", system="Be."),)])
def test_a_kept_suite_is_loaded_as_it_was(tmp_path: Path, personas: tuple[PersonaRow, ...]) -> None:
    suite = own_suite(ROWS, id="My.Suite", title="rows.jsonl", personas=personas)
    keep(suite, tmp_path)
    loaded = load_suite(str(kept_folder(tmp_path, suite.id)))
    assert (loaded.id, loaded.version) == (suite.id, suite.version) == ("my-suite", suite.version)
    assert loaded.rows == suite.rows
    assert loaded.personas == suite.personas
    assert loaded.prompts() == suite.prompts()


def test_the_version_is_the_content() -> None:
    one, two = (own_suite(rows, id="a", title="t") for rows in (ROWS, ROWS[:1]))
    assert one.version != two.version


def test_two_queries_of_one_id_are_refused() -> None:
    with pytest.raises(UserError, match="two prompts have the id tea"):
        own_suite((ROWS[0], ROWS[0]), id="a", title="rows.jsonl")


def test_an_id_is_safe_as_a_file_name() -> None:
    assert safe_id("../HumanEval/0 \u202e") == "HumanEval-0"
    assert safe_id("…") == "prompts"
