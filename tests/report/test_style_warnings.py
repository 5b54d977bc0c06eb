"""pytest tests/report/test_style_warnings.py"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.commands.score import show_results
from sfr_eval.report.style_warnings import above_chance, style_warnings
from sfr_eval.report.verdict import chance, finding, synthetic_style
from sfr_eval.store.results import Notes, Results, SuiteResults
from tests.support.report_data import estimate, write_run


def suite(personas: int = 2, **notes: Any) -> SuiteResults:
    stored = {"chance_accuracy": 1 / personas, "held_out_accuracy": 0.95, "held_out_low": 0.9}
    return SuiteResults(
        id="desk",
        title="Desk",
        personas={str(i): f"P{i}" for i in range(personas)},
        temperatures=(1.0,),
        samples=4,
        estimates={("style_accuracy", 1.0, ""): estimate("style_accuracy", 0.7, 0.02)},
        truth={},
        notes={"style_accuracy": Notes.model_validate({**stored, **notes})},
        similarity={},
    )


@pytest.mark.parametrize(
    ("personas", "value", "low", "weak"),
    [
        (2, 0.95, 0.85, False),  # "twice chance" is out of reach of two
        (2, 1.00, 0.88, False),
        (2, 0.70, 0.55, True),
        (2, 0.62, 0.61, False),  # little, but shown
        (9, 0.81, 0.79, False),
        (9, 0.30, 0.28, True),
        (9, 0.35, 0.30, False),
        (9, 0.00, 0.00, True),
    ],
)
def test_a_weak_probe_is_one_near_chance(
    personas: int, value: float, low: float, weak: bool
) -> None:
    about = suite(personas, held_out_accuracy=value, held_out_low=low)
    assert any("probe is weak" in line for line in style_warnings(about)) == weak


def test_above_chance_is_the_same_scale_for_any_number() -> None:
    for personas in (2, 3, 9, 100):
        floor = 1 / personas
        assert above_chance(floor, floor) == pytest.approx(0)
        assert above_chance(1.0, floor) == pytest.approx(1)
        assert above_chance((1 + floor) / 2, floor) == pytest.approx(0.5)


def test_clean_labels_are_not_warned_of() -> None:
    assert list(style_warnings(suite())) == []
    fine = {"question_accuracy": 0.56, "question_low": 0.48, "unshared_questions": 1.0}
    assert list(style_warnings(suite(**fine))) == []


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ({"personas_not_measured": ["monk (labelled replies: 3, to ...)"]}, "of monk (labelled"),
        ({"held_out_accuracy": None, "reason": "no split"}, "could not be tested: no split."),
        ({"question_accuracy": 0.98, "question_low": 0.9}, "give the persona away in 98% of cases"),
        ({"unshared_questions": 0.8}, "80% of the labelled replies answer a question that no "),
        (
            {"labelled_texts_among_replies": 0.4, "replies_among_labelled_texts": 0.02},
            "2% of the replies repeat a labelled text word for word, and 40% of the labelled texts",
        ),
        ({"replies_among_labelled_texts": 0.3}, "30% of the replies repeat a labelled text"),
    ],
)
def test_labels_that_teach_something_else_are_named(notes: dict[str, Any], words: str) -> None:
    (line,) = style_warnings(suite(**notes))
    assert words in line


def test_style_that_is_not_measured_has_its_reason() -> None:
    undefined = replace(estimate("style_accuracy", None), reason="no style probe: few")
    about = replace(suite(), estimates={("style_accuracy", 1.0, ""): undefined}, notes={})
    assert list(style_warnings(about)) == ["Style is not measured: no style probe: few."]


def test_synthetic_labels_are_said_beside_a_real_models_style() -> None:
    about = suite(synthetic_labels=True)
    assert "fitted on synthetic replies" in synthetic_style(about)
    style, synthetic, *_ = finding(about).sentences
    assert "in 70 ± 2 % of cases (chance 50 %; the labelled replies themselves reach 95 %)" in style
    assert synthetic == synthetic_style(about)
    # A model of the benchmark speaks that language, and labels of the user's own are theirs.
    reference = {("style_accuracy", ""): estimate("style_accuracy", 0.9, 0.02)}
    assert synthetic_style(replace(about, truth=reference)) == ""
    assert synthetic_style(suite()) == ""


def test_the_terminal_says_it_below_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run")
    stored = folder.read_results().stored()
    show_results(folder.path, as_json=False)
    assert "synthetic" not in capsys.readouterr().out  # a run of the benchmark
    del stored["truth"]
    stored["notes"]["style_accuracy"]["persona"]["synthetic_labels"] = True
    folder.write_results(Results.model_validate(stored))
    show_results(folder.path, as_json=False)
    out = capsys.readouterr().out
    assert "  The style probe was fitted on synthetic replies" in out
    assert "  style_accuracy " in out


def test_chance_is_one_over_the_personas_that_are_known() -> None:
    assert chance(suite(3)) == pytest.approx(1 / 3)
    assert chance(suite(3, chance_accuracy=0.5)) == 0.5  # two of the three have labels
    assert chance(replace(suite(4), notes={})) == 0.25
