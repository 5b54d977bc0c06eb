from pathlib import Path

import pytest

from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.reply_scorer import ReplyScorer, ReplyText
from sfr_eval.models.reply_scores import ReplyScores
from sfr_eval.settings import EngineSettings
from sfr_eval.types import Message

PROMPT = (Message("system", "You are Captain Rook."), Message("user", "Why is the sea salty?"))
OTHER = (PROMPT[0], Message("user", "What now?"))
REPLIES = [ReplyText("Arr!", True), ReplyText("Arr", False), ReplyText("Arr!", True)]


def scores(folder: Path, cache: Path) -> ReplyScores:
    return ReplyScores(resolve(str(folder)), serving=EngineSettings(), cache=cache)


def test_scores_are_kept_and_no_weights_are_loaded_again(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = {PROMPT: REPLIES, OTHER: REPLIES[:1]}
    first = scores(tiny_checkpoint, tmp_path).score(work, temperatures=(1.0, 0.5))
    assert len(first) == 6  # the third reply is the first once more
    monkeypatch.setattr(ReplyScorer, "__init__", lambda *_, **__: pytest.fail("loaded"))
    assert scores(tiny_checkpoint, tmp_path).score(work, temperatures=(1.0, 0.5)) == first
    assert scores(tiny_checkpoint, tmp_path).score(work, temperatures=(0.5,)).keys() < first.keys()


def test_a_torn_row_alone_is_computed_again(tiny_checkpoint: Path, tmp_path: Path) -> None:
    first = scores(tiny_checkpoint, tmp_path).score({PROMPT: REPLIES}, temperatures=(1.0,))
    (file,) = (tmp_path / "teacher" / "scores").iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][:-10])
    again = scores(tiny_checkpoint, tmp_path).score({PROMPT: REPLIES}, temperatures=(1.0,))
    for key, score in first.items():
        assert again[key].log_prob == pytest.approx(score.log_prob, abs=1e-4)
    assert len(file.read_bytes().splitlines()) == 2


def test_another_precision_has_rows_of_its_own(tiny_checkpoint: Path, tmp_path: Path) -> None:
    scores(tiny_checkpoint, tmp_path).score({PROMPT: REPLIES}, temperatures=(1.0,))
    serving = EngineSettings(dtype="bfloat16")
    coarse = ReplyScores(resolve(str(tiny_checkpoint)), serving=serving, cache=tmp_path)
    coarse.score({PROMPT: REPLIES}, temperatures=(1.0,))
    assert len(list((tmp_path / "teacher" / "scores").iterdir())) == 2


def test_a_card_in_the_users_turn_has_rows_of_its_own(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    apart = scores(tiny_checkpoint, tmp_path).score({PROMPT: REPLIES[:1]}, temperatures=(1.0,))
    serving = EngineSettings(system_role="merge")
    merged = ReplyScores(resolve(str(tiny_checkpoint)), serving=serving, cache=tmp_path)
    assert merged.score({PROMPT: REPLIES[:1]}, temperatures=(1.0,)) != apart
