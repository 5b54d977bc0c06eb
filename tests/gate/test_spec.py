"""pytest tests/gate/test_spec.py"""

import re
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.gate.spec import read_checks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("checks: [{metric: slef_bleu_4}]", "did you mean `self_bleu_4`"),
        ("checks: [{metric: pass_at_k}]", "write a number for k"),
        ("checks: [{metric: length, tolerence: 1}]", "tolerence: unknown field"),
        ("checks: [{metric: length, mode: strict}]", "mode"),
        ("checks: [{metric: length, alpha: 0.7}]", "alpha"),
        ("checks: []", "checks"),
        ("checks: [", "malformed YAML"),
        ("[1]", "must hold a mapping"),
    ],
)
def test_a_wrong_check_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "check.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=re.escape(said)):
        read_checks(file)
