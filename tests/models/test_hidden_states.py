"""pytest tests/models/test_hidden_states.py"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfr_eval.errors import UserError
from sfr_eval.models import forward_pass, hidden_states
from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.hidden_states import Forward
from sfr_eval.models.loading import load_tokenizer
from sfr_eval.models.prompting import Prompter
from sfr_eval.models.states_on_disk import States, read_states
from sfr_eval.settings import EngineSettings
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Sample

TEXTS = ("Aye, take the tram.", "", "Aye, take the tram.", "It is a long walk, " * 4, "No.")


@pytest.fixture(scope="module")
def suite() -> Suite:
    whole = load_suite("persona", personas=("pirate", "butler"))
    return replace(whole, queries=dict(list(whole.queries.items())[:3]))


@pytest.fixture(scope="module")
def replies(suite: Suite) -> list[Sample]:
    return [
        Sample(
            sample_id=f"{query}-{persona}-{index}",
            suite=suite.id,
            query=query,
            persona=persona,
            temperature=1.0,
            index=index,
            seed=0,
            status="ok",
            text=text,
            prompt_tokens=0,
            completion_tokens=0,
        )
        for query in suite.queries
        for persona in suite.personas
        for index, text in enumerate(TEXTS)
    ]


def ready(
    checkpoint: Path,
    folder: Path,
    *,
    base: Path | None = None,
    layers: tuple[int, ...] | None = None,
    **serving: Any,
) -> Forward:
    return Forward(
        resolve(str(checkpoint)),
        base=resolve(str(base)) if base else None,
        folder=folder,
        serving=EngineSettings(**serving),
        layers=layers,
    )


def alone(checkpoint: Path, suite: Suite, reply: Sample, *, thoughts: str = "") -> dict[str, Any]:
    """One reply through the model by itself in float64: no batch, no padding, no kept logits."""
    import torch
    from transformers import AutoModelForCausalLM

    found = resolve(str(checkpoint))
    prompter = Prompter(load_tokenizer(found, trust_remote_code=False), name="m")
    messages = next(
        p.messages for p in suite.prompts() if (p.query, p.persona) == (reply.query, reply.persona)
    )
    prompt = prompter.token_ids(messages)
    own = prompter.tokenizer(reply.text, add_special_tokens=False)["input_ids"]
    before = prompt + prompter.tokenizer(thoughts, add_special_tokens=False)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float64)
    with torch.inference_mode():
        out = model(torch.tensor([before + own]), output_hidden_states=True)
    logs = out.logits[0, len(before) - 1 : -1].log_softmax(-1).numpy()
    layers = [state[0].numpy() for state in out.hidden_states]
    return {
        "prompt": np.stack([state[len(prompt) - 1] for state in layers]),
        "reply": np.stack([state[len(before) :].mean(axis=0) for state in layers]),
        "entropy": -(np.exp(logs) * logs).sum(axis=-1),
        "logprob": logs[np.arange(len(own)), own],
        "ids": own,
    }


def test_states_and_statistics_are_those_of_each_reply_alone(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    states = ready(tiny_checkpoint, tmp_path).over(suite, replies).model
    assert (states.layers, states.depth) == ((0, 1, 2), 2)
    for place in (0, 3, 9, 29):
        expected = alone(tiny_checkpoint, suite, replies[place])
        for number in range(3):
            assert states.prompts([place], number)[0] == pytest.approx(
                expected["prompt"][number], abs=1e-5
            )
            assert states.replies([place], number)[0] == pytest.approx(
                expected["reply"][number], abs=1e-5
            )
        assert states.entropy(place) == pytest.approx(expected["entropy"], abs=1e-5)
        assert states.log_probability(place) == pytest.approx(expected["logprob"], abs=1e-5)
        assert states.token_ids(place) == expected["ids"]


def test_thoughts_are_read_but_are_not_part_of_the_reply(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    thoughts = {
        reply.sample_id: f"<think>number {place} </think>"
        for place, reply in enumerate(replies)
        if place % 3 == 0
    }
    readings = ready(tiny_checkpoint, tmp_path).over(suite, replies, thoughts=thoughts)
    plain = ready(tiny_checkpoint, tmp_path / "plain").over(suite, replies)
    for place in (0, 2, 3, 9, 28):
        own = thoughts.get(replies[place].sample_id, "")
        expected = alone(tiny_checkpoint, suite, replies[place], thoughts=own)
        states = readings.model
        assert states.prompts([place], 2)[0] == pytest.approx(expected["prompt"][2], abs=1e-5)
        assert states.replies([place], 2)[0] == pytest.approx(expected["reply"][2], abs=1e-5)
        assert states.entropy(place) == pytest.approx(expected["entropy"], abs=1e-5)
        assert states.log_probability(place) == pytest.approx(expected["logprob"], abs=1e-5)
        assert states.token_ids(place) == expected["ids"]
        changed = states.replies([place], 2)[0] != pytest.approx(
            plain.model.replies([place], 2)[0], abs=1e-5
        )
        assert changed == bool(own)
    assert readings.blind is not None
    assert plain.blind is not None  # without the card the thoughts are not read either
    assert np.asarray(readings.blind.reply_states) == pytest.approx(
        np.asarray(plain.blind.reply_states), abs=1e-5, nan_ok=True
    )


def test_batches_of_one_give_the_same(
    tiny_checkpoint: Path,
    suite: Suite,
    replies: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = ready(tiny_checkpoint, tmp_path / "many").over(suite, replies).model
    monkeypatch.setattr(forward_pass, "MEMORY", {"cpu": 1, "cuda": 1})
    one = ready(tiny_checkpoint, tmp_path / "one").over(suite, replies).model
    assert np.asarray(one.tokens) == pytest.approx(np.asarray(many.tokens), abs=1e-5)
    assert np.nan_to_num(one.reply_states) == pytest.approx(
        np.nan_to_num(many.reply_states), abs=1e-5
    )


def test_equal_replies_are_read_once_and_empty_ones_have_no_mean(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    states = ready(tiny_checkpoint, tmp_path).over(suite, replies).model
    assert states.row[0] == states.row[2] != states.row[3]
    assert len(states.reply_states) == 6 * 4  # five texts a prompt, two of them equal
    assert [states.has_token(place) for place in range(5)] == [True, False, True, True, True]
    assert np.isnan(states.replies([1], 0)).all()
    assert len(states.entropy(1)) == 0
    assert np.isfinite(states.prompts([1], 2)).all()


def test_blind_reading_knows_no_persona(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    """The same text of two personas: apart after their cards, the same without."""
    readings = ready(tiny_checkpoint, tmp_path).over(suite, replies)
    assert readings.blind is not None
    pirate, butler = 0, len(TEXTS)
    assert replies[butler].persona == "butler"
    seen = readings.model.replies([pirate, butler], 2)
    assert np.abs(seen[0] - seen[1]).max() > 1e-3
    blind = readings.blind.replies([pirate, butler], 2)
    assert blind[0].tolist() == blind[1].tolist()
    assert len(readings.blind.prompt_states) == len(suite.queries)


def test_a_blind_reading_is_made_only_if_asked_for(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    forward = Forward(
        resolve(str(tiny_checkpoint)),
        base=None,
        folder=tmp_path,
        serving=EngineSettings(),
        blind=False,
    )
    assert forward.over(suite, replies).blind is None
    assert [path.name for path in tmp_path.iterdir()] == ["persona-model"]


def test_what_is_kept_is_not_computed_again(
    tiny_checkpoint: Path,
    suite: Suite,
    replies: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = ready(tiny_checkpoint, tmp_path).over(suite, replies).model
    monkeypatch.setattr(hidden_states, "load_model", None)  # a second load would be an error
    again = ready(tiny_checkpoint, tmp_path).over(suite, replies).model
    assert np.array_equal(again.reply_states, first.reply_states, equal_nan=True)
    for other in ({"layers": (1,)}, {"dtype": "bfloat16"}):
        with pytest.raises(TypeError):
            ready(tiny_checkpoint, tmp_path, **other).over(suite, replies)
    with pytest.raises(TypeError):
        ready(tiny_checkpoint, tmp_path).over(suite, replies[:-1])


def test_torn_states_are_made_again(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    ready(tiny_checkpoint, tmp_path).over(suite, replies[:5])
    file = tmp_path / "persona-model" / "reply.npy"
    file.write_bytes(file.read_bytes()[:-100])
    assert read_states(file.parent) is None
    states = ready(tiny_checkpoint, tmp_path).over(suite, replies[:5]).model
    assert isinstance(states, States)
    assert not list(tmp_path.glob(".*"))


def test_base_reads_the_same_tokens(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    same = ready(tiny_checkpoint, tmp_path, base=tiny_checkpoint).over(suite, replies)
    assert same.base is not None
    assert np.array_equal(same.base.tokens, same.model.tokens)


def test_adapter_is_applied_and_its_base_is_the_base(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_checkpoint)
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    adapted.save_pretrained(tmp_path / "adapter")
    readings = ready(tmp_path / "adapter", tmp_path / "a").over(suite, replies)
    plain = ready(tiny_checkpoint, tmp_path / "p").over(suite, replies).model
    assert readings.base is not None
    assert np.array_equal(readings.base.tokens, plain.tokens)
    assert np.abs(np.asarray(readings.model.tokens) - plain.tokens).max() > 1e-4
    layers = [np.abs(readings.model.replies([0], n) - plain.replies([0], n)).max() for n in (0, 2)]
    assert layers[0] == 0  # the embedding has no adapter
    assert layers[1] > 1e-4


def test_base_with_other_tokens_is_refused_before_the_work(
    tiny_checkpoint: Path,
    suite: Suite,
    replies: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Path(shutil.copytree(tiny_checkpoint, tmp_path / "other"))
    file = other / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    swapped = {"A": vocabulary["B"], "B": vocabulary["A"]}
    tokenizer["model"]["vocab"] = {**vocabulary, **swapped}
    file.write_text(json.dumps(tokenizer))
    monkeypatch.setattr(hidden_states, "load_model", None)
    with pytest.raises(UserError, match="its tokens are not those of"):
        ready(tiny_checkpoint, tmp_path / "h", base=other).over(suite, replies)


def test_layers_that_are_not_there_are_named(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"--layers 3: .* has layers 0 \(embedding\) to 2 \(last\)"):
        ready(tiny_checkpoint, tmp_path, layers=(1, 3)).over(suite, replies)
    states = ready(tiny_checkpoint, tmp_path, layers=(2, 1, 2)).over(suite, replies).model
    assert states.layers == (1, 2)


def test_reply_beyond_the_window_is_one_line(
    tiny_checkpoint: Path, suite: Suite, replies: list[Sample], tmp_path: Path
) -> None:
    long = [replace(replies[0], text="word " * 5000)]
    with pytest.raises(UserError, match="tokens, its window is"):
        ready(tiny_checkpoint, tmp_path).over(suite, long)
    assert not list(tmp_path.glob(".*"))


def test_model_without_hidden_states_is_one_line(
    tiny_checkpoint: Path,
    suite: Suite,
    replies: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As code of a checkpoint's own can be: its output has logits and nothing else."""
    from transformers import Qwen3ForCausalLM

    whole = Qwen3ForCausalLM.forward

    def forward(self: Any, *args: Any, logits_to_keep: Any = 0, **fields: Any) -> Any:
        output = whole(self, *args, logits_to_keep=logits_to_keep, **fields)
        output.hidden_states = None
        return output

    monkeypatch.setattr(Qwen3ForCausalLM, "forward", forward)
    with pytest.raises(UserError, match="Qwen3ForCausalLM gives no hidden states"):
        ready(tiny_checkpoint, tmp_path).over(suite, replies)
