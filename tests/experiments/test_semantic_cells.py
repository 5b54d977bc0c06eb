"""experiments/semantic.py: its worlds, the order of its cells, and one cell end to end."""

import json
import socket
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))

import semantic
from controls import measures, plan, training, workers
from controls import setting as fixed
from controls.arms import ARMS, FIRST, GENERIC
from controls.cells import Cell, read, run
from controls.columns import MAIN, SETTINGS
from controls.plan import at_rules, best_generic, first_arms, remaining, score, strength, sweep
from controls.setting import CHECKS, Setting
from controls.summary import summarize
from controls.workers import _next
from controls.worlds import REPLICATES, TUNING, left_out, seen_personas, triple, unseen, world_of


def write(cell: Cell, results: Path, loss: float) -> None:
    """A finished cell of the sweep with this loss at every check."""
    content = {"validation": [loss] * CHECKS, "world": cell.world, "cpu_seconds": {"all": 40.0}}
    cell.file(results).write_text(json.dumps(content), encoding="utf-8")


def finish_sweep(results: Path, setting: str, arms: tuple[str, ...]) -> None:
    """Best in the middle of each grid; dropout is the best generic regularizer."""
    for arm in arms:
        state = sweep(results, setting, arm)
        for value in state.open:
            middle = value == state.open[len(state.open) // 2]
            loss = 0.5 - 0.1 * middle - 0.01 * (arm == "dropout")
            write(Cell(SETTINGS[setting], arm, value, TUNING), results, loss)


def test_worlds_share_no_topic_and_leave_out_each_persona() -> None:
    topics = [topic for world in range(REPLICATES) for topic in triple(world)]
    assert len(topics) == len(set(topics)) == 36
    assert triple(TUNING)[0] not in topics
    contents = [world_of(world, None) for world in range(REPLICATES)]
    assert {len(content.queries) for content in contents} == {12}
    away = [left_out(world, content) for world, content in enumerate(contents)]
    assert len(set(away)) == 9
    assert unseen(contents[0]) == "storyteller"
    with pytest.raises(ValueError, match="no world 13"):
        triple(13)


def test_the_generic_share_is_what_it_says() -> None:
    plain, dialed = world_of(0, None), world_of(0, 0.6)
    card, query = seen_personas(plain)[0].id, plain.queries[0].id
    for part, before, after in zip(
        ("opening", "advice"),
        (plain.grammar(card, query).slots[0], plain.grammar(card, query).slots[1]),
        (dialed.grammar(card, query).slots[0], dialed.grammar(card, query).slots[1]),
        strict=True,
    ):
        others = world_of(0, None).grammar("monk", query).slots[part == "advice"].entries
        common = [entry in others and entry != "" for entry in after.entries]
        empty = sum(p for e, p in zip(after.entries, after.probabilities, strict=True) if e == "")
        share = sum(p for p, c in zip(after.probabilities, common, strict=True) if c)
        assert share == pytest.approx(0.6 * (1 - empty))
        assert after.entries == before.entries


def test_a_grid_grows_until_its_best_is_inside(tmp_path: Path) -> None:
    assert sweep(tmp_path, "repeat", "sfr").open == ARMS["sfr"].grid
    for value, loss in zip(ARMS["sfr"].grid, (0.4, 0.3, 0.2, 0.1), strict=True):
        write(Cell(SETTINGS["repeat"], "sfr", value, TUNING), tmp_path, loss)
    assert sweep(tmp_path, "repeat", "sfr").open == (9.0,)
    write(Cell(SETTINGS["repeat"], "sfr", 9.0, TUNING), tmp_path, 0.05)
    assert sweep(tmp_path, "repeat", "sfr").open == (27.0,)
    write(Cell(SETTINGS["repeat"], "sfr", 27.0, TUNING), tmp_path, 0.04)
    edge = sweep(tmp_path, "repeat", "sfr")
    assert (edge.open, edge.chosen, edge.interior) == ((), 27.0, False)
    write(Cell(SETTINGS["repeat"], "sfr", 27.0, TUNING), tmp_path, 0.3)
    inside = sweep(tmp_path, "repeat", "sfr")
    assert (inside.chosen, inside.interior) == (9.0, True)
    assert strength(tmp_path, "repeat", "sfr_shuffled") == 9.0
    assert strength(tmp_path, "once", "sfr") == 9.0
    assert strength(tmp_path, "collapse", "sfr") is None


def test_the_sweep_minimizes_the_mean_over_the_rules() -> None:
    losses = [0.5, 0.3, 0.4, *[0.6] * 9]
    assert at_rules(losses) == {"best": 0.3, "early": 0.4, "last": 0.6}
    assert score(losses) == pytest.approx(1.3 / 3)


def test_primary_arms_are_complete_after_each_world(tmp_path: Path) -> None:
    first = remaining(tmp_path)
    assert {cell.world for cell in first[:26]} == {TUNING}
    assert not [cell for cell in first if cell.arm == "sfr" and cell.world != TUNING]
    for setting in MAIN:
        finish_sweep(tmp_path, setting, ("ce", "sfr", "cka", *GENERIC))
    assert best_generic(tmp_path, "repeat") == dict.fromkeys(("best", "early", "last"), "dropout")
    arms = first_arms(tmp_path, "repeat")
    assert set(arms) == {*FIRST, "dropout"}
    cells = remaining(tmp_path)[: 2 * len(arms) * 2]
    assert [cell.world for cell in cells] == [0] * 2 * len(arms) + [1] * 2 * len(arms)
    assert {(c.setting.name, c.arm) for c in cells if c.world == 0} == {
        (setting, arm) for setting in MAIN for arm in arms
    }
    assert "hours with 2 processes" in semantic.plan(tmp_path, processes=2)


def test_a_digest_covers_what_a_result_depends_on(tmp_path: Path) -> None:
    cell = Cell(SETTINGS["repeat"], "sfr", 0.3, 0)
    others = [
        replace(cell, strength=1.0),
        replace(cell, world=1),
        replace(cell, arm="sfr_shuffled"),
        replace(cell, setting=replace(cell.setting, learning_rate=1e-4)),
        replace(cell, setting=replace(cell.setting, generic_share=0.6)),
    ]
    digests = {c.name.rsplit("-", 1)[1] for c in (cell, *others)}
    assert len(digests) == 6


def test_a_cell_is_claimed_by_one_process(tmp_path: Path) -> None:
    with _next(tmp_path) as first, _next(tmp_path) as second:
        assert first is not None
        assert second is not None
        assert first != second
        claim = tmp_path / ".claims" / first.name
        claim.write_text("another-machine 1", encoding="utf-8")  # alive for an hour
        with _next(tmp_path) as third:
            assert third not in (first, second)
        dead = f"{socket.gethostname()} 4194303"
        claim.write_text(dead, encoding="utf-8")
        with _next(tmp_path) as again:
            assert again == first


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A setting whose cells take seconds: three updates, each with a check, of a tiny model."""
    for name, value in {
        "TEMPERATURES": (0.5, 1.0),
        "COPIES": 2,
        "TRUE_REPLIES": 1,
        "MAX_TOKENS": 6,
        "SAMPLED_PERSONAS": 1,
        "CHECKS": 3,
    }.items():
        monkeypatch.setattr(fixed, name, value)
    monkeypatch.setattr(training, "VALIDATION", 4)
    monkeypatch.setattr(training, "CHECKS", 3)
    monkeypatch.setattr(training, "EARLY", 1)
    monkeypatch.setattr(plan, "EARLY", 1)
    whole = Setting.base_recipe

    def recipe(self: Setting, world: int) -> dict[str, Any]:
        content = whole(self, world)
        data = {**content["data"], "rows": 24, "pages": 0}
        sizes = {**content["new_model"], "vocabulary": 600, "hidden_size": 64, "layers": 1}
        return {**content, "data": data, "new_model": {**sizes, "intermediate_size": 64}}

    monkeypatch.setattr(Setting, "base_recipe", recipe)
    setting = Setting(name="repeat", chats=16, epochs=3)
    monkeypatch.setitem(SETTINGS, "repeat", setting)
    return setting


def test_a_cell_runs_end_to_end(small: Setting, tmp_path: Path) -> None:
    results, work = tmp_path / "results", tmp_path / "work"
    cell = Cell(small, "ce", 0.0, 1)
    written = run(cell, results=results, work=work)
    assert read(cell, results) == json.loads(json.dumps(written))
    assert len(written["validation"]) == 3
    last = written["last"]
    assert [point["temperature"] for point in last["trained"]["sampled"]] == [0.5, 1.0]
    assert written["validation"][-1] < written["validation"][0]
    assert last["trained"]["forward_kl"] > 0
    assert written["reference"]["trained"]["valid"] == 1
    assert {"ce_min_p", "ce_top_p"} <= set(last)
    other = run(Cell(small, "average", 0.0, TUNING), results=results, work=work)
    assert other["validation"][0] == written_as(Cell(small, "ce", 0.0, TUNING), results, work)
    assert "best" not in other
    summary = summarize(results)
    assert summary.means["repeat", "last", "ce", "forward_kl"].worlds == 1


def written_as(cell: Cell, results: Path, work: Path) -> float:
    """The first validation loss of a cell, run now."""
    first: float = run(cell, results=results, work=work)["validation"][0]
    return first


def test_epochs_have_the_order_of_the_world_in_every_arm() -> None:
    """Also after dropout has drawn from the global generator, and after steps of a head alone."""

    def order(world: int, state: SimpleNamespace) -> list[int]:
        keeper = training.Keeper(None, [], world=world, every=1, mean=False)
        torch.rand(state.max_steps)
        keeper.on_epoch_begin(None, state, None)
        indices: list[int] = torch.randperm(64).tolist()
        return indices

    with torch.random.fork_rng():
        plain = order(3, SimpleNamespace(max_steps=192, global_step=16))
        assert order(3, SimpleNamespace(max_steps=240, global_step=64)) == plain
        assert order(3, SimpleNamespace(max_steps=192, global_step=32)) != plain
        assert order(4, SimpleNamespace(max_steps=192, global_step=16)) != plain
    for name in MAIN:  # head steps are whole epochs, so that the model's epochs begin where they do
        setting = SETTINGS[name]
        head = ARMS["sfr_head_first"].method(0.3, steps=setting.steps).schedule["head_steps"]
        assert head % (setting.chats // fixed.BATCH) == 0


def test_a_night_goes_on_after_a_cell_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cells = remaining(tmp_path)[:3]
    ran = []

    def fake(cell: Cell, *, results: Path, work: Path) -> dict[str, Any]:
        ran.append(cell)
        if cell == cells[0]:
            raise RuntimeError("no memory")
        write(cell, results, 0.3)
        return {"cpu_seconds": {}}

    monkeypatch.setattr(workers, "run", fake)
    monkeypatch.setattr(
        workers, "remaining", lambda _: [c for c in cells if not c.is_done(tmp_path)]
    )
    with pytest.raises(SystemExit):
        workers._work(tmp_path, tmp_path, None, get_context("spawn").Value("q", 9))
    assert ran == cells
    assert not list((tmp_path / ".claims").iterdir())


def test_prompts_are_shared_out_over_the_personas() -> None:
    content = world_of(3, None)
    setting = SETTINGS["repeat"]
    every = measures.prompts(setting, content, 3)
    assert {group: len(rows) for group, rows in every.items()} == {
        "trained": 96,
        "left_out": 12,
        "unseen": 12,
    }
    asked = measures.sampled("trained", every["trained"], content)
    counts = [sum(p.persona == c.id for p in asked) for c in seen_personas(content)]
    assert sorted(counts) == [0, 4, 4, 4, 4, 5, 5, 5, 5]
    assert {prompt.chat[0]["content"] for prompt in every["unseen"]} == {"You are The Storyteller."}
