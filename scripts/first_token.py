"""Tests that engines draw a model's first token from the model's own distribution.

    python scripts/first_token.py MODEL runs/first-token --engines vllm,transformers

For four prompts and three temperatures, 400 draws of one token each are compared with the softmax
of the model's logits by a chi-square test (tokens that are expected less than five times are
pooled), and the engines with each other. The exact probabilities are computed by transformers in
float32. Exit code 1 if a p-value, adjusted by Holm over all tests, is below .01.
"""
# ruff: noqa: T201  (what this script prints is its result)

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.loading import load_prompter
from sfr_eval.settings import EngineSettings
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Message

PROMPTS = (
    "Once upon a time there was a",
    "Name a colour.",
    "The weather today is",
    "Tell me a joke about a",
)
TEMPERATURES = (0.7, 1.0, 1.4)
DRAWS, LEAST = 400, 5.0

Floats = npt.NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, test and print a row for each prompt and temperature."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engines", default="vllm,transformers")
    parser.add_argument("--prompt-format", choices=("chat", "completion"), default="chat")
    chosen = parser.parse_args(arguments)
    engines = chosen.engines.split(",")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    file = chosen.folder / "prompts.txt"
    file.write_text("\n".join(PROMPTS))
    counts = {
        engine: drawn(chosen.model, file, chosen.folder / engine, engine, chosen.prompt_format)
        for engine in engines
    }
    law = Law(chosen.model, chosen.prompt_format)
    rows, values = [], []
    for place, prompt in enumerate(PROMPTS):
        for t in TEMPERATURES:
            exact = law(place, t)
            each = [counts[engine][f"p{place + 1}", t] for engine in engines]
            tests = [against(count, exact) for count in each]
            if len(each) == 2:
                tests.append(alike(each[0], each[1]))
            values += tests
            rows.append((prompt, t, tests))
    print(f"{sum(sum(c.values()) for c in counts[engines[0]].values()):,} draws of each engine")
    print("prompt | T |", " | ".join([*engines, *(["alike"] if len(engines) == 2 else [])]))
    for prompt, t, tests in rows:
        print(f"{prompt} | {t:g} | {' | '.join(f'{p:.3f}' for p in tests)}")
    worst = min(1.0, len(values) * min(values))  # Holm's smallest
    print(f"smallest p {min(values):.4f}, adjusted {worst:.3f}")
    return 1 if worst < 0.01 else 0


def drawn(
    model: Path, prompts: Path, output: Path, engine: str, prompt_format: str
) -> Mapping[tuple[str, float], Counter[str]]:
    """Draw with one engine. Returns (prompt, temperature) -> text of the token -> how often."""
    arguments = ["run", "--model", str(model), "--engine", engine, "--prompts", str(prompts)]
    arguments += ["--temperatures", ",".join(map(str, TEMPERATURES)), "--samples", str(DRAWS)]
    arguments += ["--max-tokens", "1", "--metrics", "text", "--output", str(output)]
    arguments += ["--prompt-format", prompt_format, "--dtype", "float32"]
    subprocess.run([sys.executable, "-m", "sfr_eval", *arguments], check=True, stdout=sys.stderr)
    counts: dict[tuple[str, float], Counter[str]] = {}
    for sample in RunFolder(output).sealed_samples():
        counts.setdefault((sample.query, sample.temperature), Counter())[sample.text] += 1
    return counts


class Law:
    """Probability of each text of a first token, for a prompt and a temperature."""

    def __init__(self, model: Path, prompt_format: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        settings = EngineSettings.from_flat({"prompt_format": prompt_format})
        prompter = load_prompter(resolve(str(model)), settings)
        network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        tokenizer = prompter.tokenizer
        self._logits = []
        with torch.no_grad():
            for prompt in PROMPTS:
                ids = torch.tensor([prompter.token_ids((Message("user", prompt),))])
                self._logits.append(network(ids).logits[0, -1].double().numpy())
        size = len(self._logits[0])
        self._texts = [tokenizer.decode([i], skip_special_tokens=True) for i in range(size)]

    def __call__(self, place: int, temperature: float) -> dict[str, float]:
        """Return text -> probability; tokens with the same text are one."""
        scaled = self._logits[place] / temperature
        weights = np.exp(scaled - scaled.max())
        law: dict[str, float] = {}
        for text, weight in zip(self._texts, weights / weights.sum(), strict=True):
            law[text] = law.get(text, 0.0) + float(weight)
        return law


def against(count: Counter[str], law: Mapping[str, float]) -> float:
    """Return the p-value of the chi-square test of counts against a law."""
    from scipy.stats import chisquare

    n = sum(count.values())
    common = [text for text, p in law.items() if n * p >= LEAST]
    observed = [count[text] for text in common]
    expected = [n * law[text] for text in common]
    observed.append(n - sum(observed))
    expected.append(n - sum(expected))
    if expected[-1] < LEAST and len(expected) > 1:  # too few to be a class of their own
        rest_observed, rest_expected = observed.pop(), expected.pop()
        observed[-1] += rest_observed
        expected[-1] += rest_expected
    if len(expected) < 2:
        return 1.0
    return float(chisquare(observed, expected).pvalue)


def alike(one: Counter[str], two: Counter[str]) -> float:
    """Return the p-value of the chi-square test of homogeneity of two engines' counts."""
    from scipy.stats import chi2_contingency

    common = [text for text in {*one, *two} if one[text] + two[text] >= 2 * LEAST]
    rows = [[count[text] for text in common] for count in (one, two)]
    for row, count in zip(rows, (one, two), strict=True):
        row.append(sum(count.values()) - sum(row))
    table = np.array(rows)
    table = table[:, table.sum(axis=0) > 0]
    return 1.0 if table.shape[1] < 2 else float(chi2_contingency(table).pvalue)


if __name__ == "__main__":
    sys.exit(main())
