"""pytest tests/models/test_reward_model.py"""

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from sfr_eval.errors import UserError
from sfr_eval.models import reward_model
from sfr_eval.models.reward_model import RewardModel, find_reward_model
from tests.support.reward_models import CHAT, PAIR, chat_reward_model, pair_reward_model

REPLIES = ("Feed the starter.", "Feed the starter every day.", "", "You are a starter every day")


@pytest.fixture(scope="module")
def chat_model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_reward_model(tiny_checkpoint, tmp_path_factory.mktemp("rewards") / "chat")


@pytest.fixture(scope="module")
def pair_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = {0: "good", 1: "Positive", 2: "other"}
    return pair_reward_model(tmp_path_factory.mktemp("rewards") / "pair", labels)


def direct(folder: Path, **tokens: torch.Tensor) -> torch.Tensor:
    """The logits of a plain call of transformers."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits: torch.Tensor = model(**tokens).logits[0]
    return logits


def test_one_logit_of_a_chat_is_the_reward(chat_model: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(chat_model)
    expected = []
    for reply in REPLIES:
        turns = [{"role": m.role, "content": m.content} for m in CHAT]
        turns.append({"role": "assistant", "content": reply})
        tokens = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
        expected.append(float(direct(chat_model, **tokens)[0]))
    model = RewardModel(str(chat_model), tmp_path)
    assert model.rewards([(CHAT, reply) for reply in REPLIES]) == pytest.approx(expected, abs=1e-5)
    assert len(set(expected)) == len(expected)
    assert model.threshold is None
    assert model.signature["reward"] == "logit"


def test_several_labels_give_the_log_odds(pair_model: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(pair_model)
    expected = []
    for reply in REPLIES:
        tokens = tokenizer(PAIR[0].content, reply, return_tensors="pt")
        p = float(direct(pair_model, **tokens).softmax(dim=0)[1])  # of "Positive"
        expected.append(float(torch.logit(torch.tensor(p, dtype=torch.float64))))
    model = RewardModel(str(pair_model), tmp_path)
    assert model.rewards([(PAIR, reply) for reply in REPLIES]) == pytest.approx(expected, abs=1e-4)
    assert model.threshold == 0
    assert RewardModel(str(pair_model), tmp_path, threshold=-1.5).threshold == -1.5
    assert model.signature["reward"] == "log-odds of Positive"


def test_without_a_positive_label_the_last_one_counts(tmp_path: Path) -> None:
    folder = pair_reward_model(tmp_path / "model", {0: "LABEL_0", 1: "LABEL_1"})
    model = RewardModel(str(folder), tmp_path)
    assert model.signature["reward"] == "log-odds of LABEL_1"
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        PAIR[0].content, REPLIES[0], return_tensors="pt"
    )
    no, yes = direct(folder, **tokens).tolist()
    assert model.rewards([(PAIR, REPLIES[0])]) == pytest.approx([yes - no], abs=1e-5)


def test_a_reply_beyond_the_window_has_no_reward(pair_model: Path, tmp_path: Path) -> None:
    model = RewardModel(str(pair_model), tmp_path)
    fits, beyond = "day " * 31, "day " * 32  # with 5 words of prompt and 3 marks: 39 or 40
    assert model.window == 40
    rewards = model.rewards([(PAIR, fits), (PAIR, beyond), (PAIR, beyond + "day")])
    assert [reward is None for reward in rewards] == [False, False, True]


def test_rewards_are_read_once_and_kept(
    chat_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(CHAT, reply) for reply in (*REPLIES, REPLIES[0])]
    calls: list[tuple[int, int]] = []
    first = RewardModel(str(chat_model), tmp_path, on_progress=lambda *row: calls.append(row))
    rewards = first.rewards(rows)
    assert calls == [(4, 4)]
    assert rewards[0] == rewards[-1]
    assert first.rewards(rows) == rewards
    assert calls == [(4, 4)]

    def refuse(*_: object, **__: object) -> None:
        raise KeyboardInterrupt("the weights were loaded again")

    monkeypatch.setattr(transformers.AutoModelForSequenceClassification, "from_pretrained", refuse)
    again = RewardModel(str(chat_model), tmp_path)
    assert again.rewards(rows) == rewards
    with pytest.raises(KeyboardInterrupt, match="loaded again"):
        again.rewards([(PAIR, REPLIES[0])])  # another prompt


def test_torn_cache_files_are_read_again(chat_model: Path, tmp_path: Path) -> None:
    rewards = RewardModel(str(chat_model), tmp_path).rewards([(CHAT, REPLIES[0])])
    for file in tmp_path.rglob("*.json"):
        file.write_text("[", encoding="utf-8")
    assert RewardModel(str(chat_model), tmp_path).rewards([(CHAT, REPLIES[0])]) == rewards


def test_a_batch_changes_no_reward(
    chat_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(CHAT, f"{reply} {word}") for reply in REPLIES for word in ("day", "you", "are")]
    many = RewardModel(str(chat_model), tmp_path / "a").rewards(rows)
    monkeypatch.setitem(reward_model.TOKENS, "cpu", 1)
    one = RewardModel(str(chat_model), tmp_path / "b").rewards(rows)
    assert many == pytest.approx(one, abs=1e-5)


def test_a_template_without_a_system_role_gets_it_merged(chat_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chat_model, tmp_path / "model"))
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    )
    for file in folder.glob("chat_template*"):
        file.unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    text = "<user>You are a baker.\n\nWhere do I begin?<assistant>Feed the starter."
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(text, add_special_tokens=False, return_tensors="pt")
    expected = float(direct(folder, **tokens)[0])
    rewards = RewardModel(str(folder), tmp_path).rewards([(CHAT, "Feed the starter.")])
    assert rewards == pytest.approx([expected], abs=1e-5)


def refusal(name: Path | str) -> str:
    with pytest.raises(UserError) as caught:
        find_reward_model(str(name))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("--reward-model ")
    return str(caught.value)


def test_what_is_no_reward_model_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    assert "no such folder" in refusal("./nowhere")
    assert "has no weights" in refusal("world")
    (tmp_path / "empty").mkdir()
    assert "no config.json" in refusal(tmp_path / "empty")
    line = refusal(tiny_checkpoint)
    assert "is Qwen3ForCausalLM, not a sequence classifier" in line


def test_a_language_model_renamed_to_classifier_is_refused(checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    config["architectures"] = ["Qwen3ForSequenceClassification"]
    (checkpoint / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "its weights lack the head (score.weight)" in refusal(checkpoint)


def test_a_classifier_of_images_or_without_tokenizer_is_refused(
    pair_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pair_model, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "vit"}))
    assert "transformers cannot load it" in refusal(folder)
    (folder / "config.json").write_text(json.dumps(config))
    for file in (*folder.glob("tokenizer*"), *folder.glob("*.txt")):
        file.unlink()
    assert "no tokenizer in this folder" in refusal(folder)


def test_rewards_that_overflow_are_refused(pair_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pair_model, tmp_path / "model"))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    torch.nn.init.constant_(model.classifier.bias, float("nan"))
    model.save_pretrained(folder)
    with pytest.raises(UserError, match="a reward is not finite"):
        RewardModel(str(folder), tmp_path).rewards([(PAIR, "day")])
