"""pytest tests/util/test_field_names.py"""

from typing import Any

import pytest

from sfr_eval.util.field_names import alpaca_question, is_alpaca, role_of, system_of


@pytest.mark.parametrize(
    ("name", "role"),
    [("human", "user"), (" GPT", "assistant"), ("developer", "system"), ("tool", "tool")],
)
def test_speakers_have_one_role_in_all_files(name: str, role: str) -> None:
    assert role_of(name) == role


def test_the_first_system_message_with_text_counts() -> None:
    assert system_of({"system": "", "system_prompt": "Be brief."}) == "Be brief."
    assert system_of({"system": None, "prompt": "Tea?"}) == ""


@pytest.mark.parametrize(
    ("row", "alpaca"),
    [
        ({"instruction": "Tea?", "output": "Yes."}, True),
        ({"instruction": "Sum up:", "input": "Tea is hot."}, True),
        ({"instruction": "Tea?", "input": ""}, False),  # a prompt of that name
        ({"prompt": "Tea?", "output": "Yes."}, False),
    ],
)
def test_alpaca_is_told_by_its_fields(row: dict[str, Any], alpaca: bool) -> None:
    assert is_alpaca(row) == alpaca


def test_an_empty_input_adds_nothing() -> None:
    assert alpaca_question("Tea?", " ") == alpaca_question("Tea?", None) == "Tea?"
    assert alpaca_question("Sum up:", "Tea is hot.") == "Sum up:\n\nTea is hot."
