"""pytest tests/decoders/test_presets.py: each preset, at a server that notes what is asked.

The published fields stand here once more, as they were read at the source, so that a slip in a
preset's file is seen.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.config import FIELDS, load_run_config
from sfr_eval.decoders.presets import find_preset, read_preset
from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest
from sfr_eval.util.assets import available
from tests.support.fake_server import completion, serving

OFF = {
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
}
PUBLISHED: dict[str, tuple[int, dict[str, Any]]] = {
    # name: replies to each prompt, and the fields of a request that differ from off
    "novelty-bench": (10, {"temperature": 1.0, "max_tokens": 512}),
    "novelty-bench-wildchat": (10, {"temperature": 1.0, "max_tokens": 512}),
    "infinity-chat": (50, {"temperature": 1.0, "top_p": 0.9}),
    "lcb": (10, {"temperature": 0.2, "top_p": 0.95, "max_tokens": 2000, "stop": ["###"]}),
    "creative-writing": (8, {"temperature": 0.7, "min_p": 0.1, "max_tokens": 4000}),
    "slop-score": (1, {"temperature": 0.7, "min_p": 0.1, "max_tokens": 8096}),
    "diversity-collapse": (16, {"temperature": 0.6, "top_p": 0.95}),
    "tofu": (10, {"temperature": 1.0, "top_p": 0.9, "max_tokens": 64}),
    "gem": (16, {"temperature": 1.0, "top_p": 0.9, "top_k": 50, "max_tokens": 512}),
}


def own_suite(folder: Path, **fields: Any) -> Path:
    """A suite of two questions, with a decoder and a length of its own."""
    folder.mkdir(exist_ok=True)
    spec = {"id": "own", "version": "1", "title": "Own", "queries": "q.jsonl", "metrics": ["text"]}
    (folder / "suite.yaml").write_text(json.dumps({**spec, "max_tokens": 33, **fields}))
    rows = [{"id": id, "text": f"What is {id}?"} for id in ("a", "b")]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sfr-eval", "run", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_every_preset_is_held_against_its_source() -> None:
    assert PUBLISHED.keys() == available("presets").keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_requests_equal_the_published_fields(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, published = PUBLISHED[name]
    with serving(lambda *_: completion("Fine.")) as server:
        suite = own_suite(tmp_path / "suite")
        out = str(tmp_path / "out")
        arguments = ["--model", "fake", "--base-url", server.url, "--output", out]
        assert run(monkeypatch, *arguments, "--suite", str(suite), "--preset", name) == 0
    asked = Counter(body["messages"][-1]["content"] for body in server.bodies)
    assert asked == {"What is a?": samples, "What is b?": samples}
    expected = {**OFF, "max_tokens": 33, **published}  # 33: where the source says nothing
    for body in server.bodies:
        apart = ("messages", "seed", "n", "stream", "model")
        assert {name: value for name, value in body.items() if name not in apart} == expected
        assert body["n"] == 1
    assert len({body["seed"] for body in server.bodies}) == 2 * samples
    facts = Manifest.load(tmp_path / "out").preset
    assert facts is not None
    assert (facts.name, facts.source) == (name, find_preset(name).source)
    assert facts.changed == (("suite",) if "suite" in find_preset(name).settings else ())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_says_what_is_unknown_and_sets_none_of_it(name: str) -> None:
    preset = find_preset(name)
    assert preset.settings.keys() <= FIELDS.keys()
    assert not set(preset.unknown) & preset.settings.keys()
    assert set(preset.unknown) <= FIELDS.keys()
    assert {"temperatures"} <= preset.settings.keys()


def config(**settings: Any) -> Any:
    return load_run_config({"model": "world", **settings}, environment={})


def test_a_preset_names_its_suite_and_the_user_wins(tmp_path: Path) -> None:
    lcb = config(preset="lcb")
    assert (lcb.suite, lcb.filters.top_p, lcb.max_tokens) == (("livecodebench",), 0.95, 2000)
    file = tmp_path / "run.yaml"
    file.write_text("max_tokens: 9\n")
    changed = load_run_config(
        {"model": "m", "preset": "lcb", "samples": 3, "stop": ()},
        file=file,
        environment={"SFR_EVAL_TOP_P": "0.5"},
    )
    assert (changed.samples, changed.max_tokens, changed.filters.top_p) == (3, 9, 0.5)
    assert changed.filters.stop == ()
    assert changed.temperatures == (0.2,)


def test_prompts_of_ones_own_take_the_place_of_its_suite(tmp_path: Path) -> None:
    assert config(preset="novelty-bench", prompts=tmp_path / "p.txt").suite == ()


def test_a_sweep_takes_its_axis_from_the_preset() -> None:
    swept = config(preset="lcb", sweep=["top_p=0.9,1"])
    assert swept.filters.top_p is None


def test_changes_are_named_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = own_suite(tmp_path / "suite", top_k=5)
    arguments = ["--model", "fake", "--base-url", "http://127.0.0.1:1/v1", "--suite", str(suite)]
    arguments += ["--preset", "gem", "--max-tokens", "64", "--samples", "16", "--dry-run"]
    assert run(monkeypatch, *arguments) == 0
    assert "preset gem, changed: max_tokens (" in capsys.readouterr().err


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UserError, match="--preset lbc: unknown; did you mean `lcb`"):
        config(preset="lbc")
    with pytest.raises(UserError, match="--suite: not given"):
        config(preset="creative-writing")


def test_a_preset_of_ones_own_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFR_EVAL_ASSETS", str(tmp_path))
    (tmp_path / "presets").mkdir()
    file = tmp_path / "presets" / "ours.yaml"
    file.write_text("title: T\nsource: S\ndate: '2026'\nsettings: {top_p: 0.8, samples: 4}\n")
    assert config(preset="ours", suite="persona").filters.top_p == 0.8
    file.write_text("title: T\nsource: S\ndate: '2026'\nsettings: {topp: 0.8}\n")
    with pytest.raises(UserError, match="preset ours: unknown setting `topp`; did you mean"):
        config(preset="ours", suite="persona")
    file.write_text("title: T\nsettings: {}\n")
    with pytest.raises(UserError, match=r"ours\.yaml: source: missing"):
        read_preset(file)


def test_ls_shows_presets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sfr-eval", "ls", "presets", "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    rows = {row["name"]: row["what"] for row in json.loads(capsys.readouterr().out)["presets"]}
    assert rows.keys() == PUBLISHED.keys()
    assert "stop ###" in rows["lcb"]
    assert "not stated: max_tokens, seed, stop" in rows["infinity-chat"]
