"""pytest tests/pipeline/test_measurable.py"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import resolve
from sfr_eval.pipeline.measurable import check_encoder, check_suite_metrics, teacher_serving
from sfr_eval.settings import EngineSettings, ScoreSettings
from sfr_eval.suites.suite import Suite, load_suite


def suite_with(folder: Path, metrics: str) -> Suite:
    folder.mkdir(exist_ok=True)
    (folder / "suite.yaml").write_text(
        f"id: mine\nversion: '1'\ntitle: Mine\nqueries: q.jsonl\nmetrics: [{metrics}]\n"
    )
    (folder / "q.jsonl").write_text('{"id": "a", "text": "Tea or coffee?"}\n')
    return load_suite(str(folder))


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ("text, lexcial", r"suite\.yaml: metrics: lexcial: .*did you mean `lexical`"),
        ("self_bleu_4", r"suite\.yaml: metrics: self_bleu_4: unknown metric family"),
    ],
)
def test_a_typing_error_of_a_suite_is_named(tmp_path: Path, metrics: str, says: str) -> None:
    suite = suite_with(tmp_path / "mine", metrics)
    with pytest.raises(UserError, match=says):
        check_suite_metrics(ScoreSettings(), [suite])
    check_suite_metrics(ScoreSettings(metrics=("text",)), [suite])  # which are not its own


def test_an_encoder_that_is_not_there_is_named_if_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, meanings = (suite_with(tmp_path / name, name) for name in ("lexical", "semantic"))
    gone = ScoreSettings(encoder=str(tmp_path / "gone"))
    for settings, suites in ((gone, [meanings]), (gone, [words, meanings])):
        with pytest.raises(UserError, match=r"--encoder .*no such folder"):
            check_encoder(settings, suites)
    check_encoder(gone, [words])
    check_encoder(gone.model_copy(update={"metrics": ("text", "code", "math")}), [meanings])
    check_encoder(ScoreSettings(), [meanings])
    find_spec = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "sentence_transformers" else find_spec(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(UserError, match="needs sentence_transformers: pip install"):
        check_encoder(ScoreSettings(), [meanings])


def test_a_teacher_does_not_think_unless_it_is_told_to(checkpoint: Path) -> None:
    plain = teacher_serving(EngineSettings(), resolve(str(checkpoint)))
    assert plain.chat_template_kwargs is None
    template = checkpoint / "chat_template.jinja"
    template.write_text(template.read_text() + "{% if enable_thinking %}<think>{% endif %}")
    silent = teacher_serving(EngineSettings(), resolve(str(checkpoint)))
    assert silent.chat_template_kwargs == {"enable_thinking": False}
    told = EngineSettings(chat_template_kwargs={"enable_thinking": True})
    assert teacher_serving(told, resolve(str(checkpoint))).chat_template_kwargs == {
        "enable_thinking": True
    }
