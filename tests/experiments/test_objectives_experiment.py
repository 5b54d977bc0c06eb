"""experiments/objectives.py: its sampler, scores, order of work and tables."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.training import tiny_model

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))

import objectives
from known_truth import setting
from known_truth.frontier import frontiers
from known_truth.language import _write, draw, log_probabilities, prompt_ids
from known_truth.measure import groups, reference_scores, reply_scores, suite_prompts
from known_truth.table import interval, markdown, summarize

PROMPTS = [
    [{"role": "user", "content": "How do I bake bread?"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
    [{"role": "user", "content": "What comes first, and what after that, and what in the end?"}],
]


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    """A model sharp enough that a cold draw is the most probable token."""
    network = tiny_model(tokenizer).eval()
    with torch.no_grad():
        network.get_input_embeddings().weight.mul_(30)
    return network


@pytest.fixture(scope="module")
def world() -> Any:
    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    return PersonaWorld.load(find_suite("persona"))


def test_cold_draws_are_the_librarys_greedy_replies(model: Any, tokenizer: Any) -> None:
    replies = draw(
        model,
        tokenizer,
        PROMPTS,
        temperatures=(1e-4, 1e-5),
        copies=2,
        max_tokens=12,
        seed=0,
        rows=8,
    )
    for ids, by_temperature in zip(prompt_ids(tokenizer, PROMPTS), replies, strict=True):
        whole = model.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)
        expected = tokenizer.decode(whole[0, len(ids) :], skip_special_tokens=True)
        assert by_temperature == [[expected] * 2] * 2


def test_draws_follow_the_models_distribution(tokenizer: Any) -> None:
    """Pearson's statistic over the first tokens of 8,000 draws at two temperatures."""
    model = tiny_model(tokenizer).eval()
    ids = prompt_ids(tokenizer, PROMPTS[:1])
    heats, count = (0.1, 0.2), 4_000
    written = _write(
        model,
        ids,
        heat=torch.tensor(heats).repeat_interleave(count),
        end=tokenizer.eos_token_id,
        padding=tokenizer.pad_token_id,
        max_tokens=1,
        generator=torch.Generator().manual_seed(1),
    )
    with torch.no_grad():
        logits = model(torch.tensor(ids)).logits[0, -1]
    for place, heat in enumerate(heats):
        tokens = written[place * count : (place + 1) * count]
        counts = Counter(row[0] if row else tokenizer.eos_token_id for row in tokens)
        expected = (count * torch.softmax(logits / heat, dim=-1)).tolist()
        likely = [token for token, number in enumerate(expected) if number >= 5]
        assert len(likely) > 20
        statistic = sum((counts[i] - expected[i]) ** 2 / expected[i] for i in likely)
        assert statistic < len(likely) + 5 * (2 * len(likely)) ** 0.5


def test_scores_are_sums_of_log_softmax(model: Any, tokenizer: Any) -> None:
    replies = ["Start with the oven.", "No.", "It depends on what is at hand, I would say."]
    scores, tokens = log_probabilities(
        model, tokenizer, PROMPTS, replies, temperatures=(1.0, 0.7), rows=2
    )
    for i, (prompt, reply) in enumerate(zip(PROMPTS, replies, strict=True)):
        start = prompt_ids(tokenizer, [prompt])[0]
        end = tokenizer(reply)["input_ids"] + [tokenizer.eos_token_id]
        assert int(tokens[i]) == len(end)
        with torch.no_grad():
            logits = model(torch.tensor([start + end])).logits[0, len(start) - 1 : -1]
        for column, heat in enumerate((1.0, 0.7)):
            log_q = torch.log_softmax(logits / heat, dim=-1)
            expected = float(log_q.gather(1, torch.tensor(end)[:, None]).sum())
            assert float(scores[i, column]) == pytest.approx(expected, rel=1e-4)


def test_the_reference_is_valid_and_covers_itself(world: Any) -> None:
    for values in reference_scores(world).values():
        assert values["valid"] == 1
        assert values["coverage"] == pytest.approx(1, abs=0.01)


def test_a_model_with_one_sentence_has_one_valid_reply(world: Any) -> None:
    import numpy as np

    prompts = suite_prompts(world)[:9]
    rng = np.random.default_rng(0)
    text = world.sample(prompts[0].persona, prompts[0].query, rng)
    values = reply_scores(world, prompts, [[text] * 8] * 9)
    assert values["valid"] == 1
    assert values["distinct_valid"] == 1
    assert values["coverage"] == pytest.approx(1 / 8, rel=0.05)
    assert values["cs_self_bleu_2"] == pytest.approx(1)


def test_the_left_out_persona_is_measured_apart(world: Any) -> None:
    prompts = suite_prompts(world)
    members = groups(prompts)
    assert len(members["left_out"]) == setting.TOPICS * 4
    assert len(members["trained"]) == setting.TOPICS * 4 * 8
    assert {prompts[i].persona for i in members["left_out"]} == {setting.LEFT_OUT}


def cell_file(folder: Path, cell: setting.Cell, losses: list[float], value: float = 1.0) -> None:
    row = {
        "cross_entropy": value,
        "forward_kl": value,
        "best_forward_kl": value,
        "sampled": [
            {
                "temperature": t,
                "valid": value,
                "distinct_valid": value * (1 + t),
                "coverage": value,
                "style_strength": value,
                "cs_self_bleu_2": None,
            }
            for t in setting.TEMPERATURES
        ],
    }
    result = {
        "objective": cell.objective,
        "weight": cell.weight,
        "seed": cell.seed,
        "setting": setting.digest(cell.objective),
        "validation": losses,
        "best_epoch": 1,
        **{which: {"trained": row, "left_out": row} for which in setting.CHECKPOINTS},
    }
    (folder / f"{cell.name}.json").write_text(json.dumps(result))


def test_the_sweep_runs_first_and_decides_the_weights(tmp_path: Path) -> None:
    sweep = setting.sweep_cells()
    assert objectives.remaining(tmp_path)[: len(sweep)] == sweep
    begun = objectives.ready(tmp_path, set(sweep))
    assert begun[0] == setting.Cell("ce", 0.0, 0)
    assert not {"sfr", "mtp"} & {cell.objective for cell in begun}  # their weights are not known
    for cell in sweep:
        low, end = cell.weight in (3.0, 0.1), cell.weight in (30.0, 0.1)
        cell_file(tmp_path, cell, [1.5 if low else 1.8, 1.9 if end else 2.0])
    chosen = {"best": {"sfr": 3.0, "mtp": 0.1}, "last": {"sfr": 30.0, "mtp": 0.1}}
    assert objectives.swept(tmp_path) == chosen
    left = objectives.remaining(tmp_path)
    # One more per seed, as the last epoch chose another lambda; the sweep did three of seed 0.
    assert len(left) == (len(setting.OBJECTIVES) + 1) * setting.SEEDS - 3
    assert left[0] == setting.Cell("ce", 0.0, 0)
    cell_file(tmp_path, left[0], [1.0])
    assert objectives.ready(tmp_path, {left[1]}) == left[2:]


def test_a_result_of_another_setting_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = setting.Cell("tofu", 0.0, 0)
    cell_file(tmp_path, cell, [1.0])
    objectives.read(objectives.file_of(tmp_path, cell))
    monkeypatch.setitem(setting.OBJECTIVES, "tofu", {"name": "tofu", "gamma": 1.0})
    with pytest.raises(SystemExit, match="has another setting"):
        objectives.read(objectives.file_of(tmp_path, cell))


def test_differences_are_taken_seed_by_seed(tmp_path: Path) -> None:
    for seed, (plain, other) in enumerate([(1.0, 1.2), (2.0, 2.3), (3.0, 3.1)]):
        cell_file(tmp_path, setting.Cell("ce", 0, seed), [1.0], plain)
        cell_file(tmp_path, setting.Cell("tofu", 0, seed), [1.0], other)
    cells = [json.loads(file.read_text()) for file in sorted(tmp_path.glob("*.json"))]
    summary = summarize(cells, {which: {} for which in setting.CHECKPOINTS})
    by = {(e["objective"], e["which"], e["group"]): e for e in summary}
    assert len(by) == len(summary) == 8
    entry = by["tofu", "last", "trained"]
    apart = entry["forward_kl"]["minus_ce"]
    assert apart["mean"] == pytest.approx(0.2)
    assert apart["half"] == pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3)  # t of 2 degrees
    assert entry["forward_kl"]["minus_best_ce"] == apart
    hottest = 1 + setting.TEMPERATURES[-1]
    assert entry["peak"]["distinct_valid"]["mean"] == pytest.approx(2.2 * hottest)
    truth = dict.fromkeys(("valid", "distinct_valid", "coverage", "style_strength"), 1.0)
    text = markdown(summary, {g: {**truth, "cs_self_bleu_2": 0.5} for g in ("trained", "left_out")})
    assert "| `tofu` |  | 3 | 2.20 ± 2.37 | +0.20 ± 0.25 |" in text
    heads, rows = text.count("| objective |"), text.count("| `tofu` |")
    assert (heads, rows) == (4, 4)
    widths = {line.count("|") for line in text.split("### ")[2].splitlines() if "|" in line}
    assert len(widths) == 1
    assert interval([2.0]) == {"mean": 2.0, "half": None}


def test_only_the_chosen_weight_represents_a_checkpoint(tmp_path: Path) -> None:
    cell_file(tmp_path, setting.Cell("sfr", 1.0, 0), [1.0], 1.0)
    cell_file(tmp_path, setting.Cell("sfr", 30.0, 0), [1.0], 3.0)
    cells = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    summary = summarize(cells, {"best": {"sfr": 1.0}, "last": {"sfr": 30.0}})
    assert {(e["which"], e["weight"], e["forward_kl"]["mean"]) for e in summary} == {
        ("best", 1.0, 1.0),
        ("last", 30.0, 3.0),
    }


def test_the_figures_table_has_a_row_for_each_temperature(tmp_path: Path) -> None:
    for name in ("ce", "sfr", "tofu"):
        cell_file(tmp_path, setting.Cell(name, 0, 0), [1.0])
    cells = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    drawn = frontiers(summarize(cells, {which: {} for which in setting.CHECKPOINTS}))
    assert drawn["svg"].startswith(b"<?xml")
    lines = drawn["csv"].decode().splitlines()
    assert lines[0].startswith("checkpoint,objective,temperature,valid_mean,valid_half,distinct")
    # Both panels of a checkpoint show cross-entropy.
    assert len(lines) == 1 + 2 * 4 * len(setting.TEMPERATURES)
