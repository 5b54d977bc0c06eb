"""pytest tests/judges/test_error_rates.py"""

from pathlib import Path

import pytest

from sfr_eval.judges.error_rates import read_calibration


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not a JSON file"),
        ("[]", "not a calibration"),
        ('{"format": 99}', "not a calibration"),
        ('{"format": 1, "judge": "a", "votes": 1, "labels": "x"}', "axes: missing"),
        (
            '{"format": 1, "judge": "a", "votes": 1, "labels": "x", "axes": {"ctx": '
            '{"rubric": "r", "positives": [5, 2], "negatives": [1, 1]}}}',
            "positives",
        ),
    ],
)
def test_a_bad_calibration_file_is_one_line(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "judge.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=says) as caught:
        read_calibration(file)
    assert str(caught.value).startswith(str(file))
