"""pytest tests/decoders/test_decoder.py"""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import load_run_config
from sfr_eval.decoders.decoder import (
    FILTERS,
    OFF,
    SamplingChoice,
    applied,
    decoder_label,
    not_applied,
    point_label,
    points,
    swept,
)
from sfr_eval.errors import UserError
from sfr_eval.settings import SamplingFilters
from sfr_eval.types import Sampling

# What Qwen2.5 ships, with what a hostile file could add.
SHIPPED = {
    "do_sample": True,
    "temperature": 0.01,
    "top_k": 20,
    "top_p": 0.8,
    "min_p": None,
    "repetition_penalty": 1.05,
    "max_new_tokens": 3,
}
NONE = SamplingFilters()


def sent(
    policy: Any = "neutral",
    shipped: dict[str, Any] | None = None,
    suite: SamplingFilters = NONE,
    **chosen: Any,
) -> dict[str, Any]:
    """The fields that differ from off."""
    choice = SamplingChoice(
        chosen=SamplingFilters(**chosen), policy=policy, generation_config=shipped or {}
    )
    off = asdict(Sampling(temperature=1.0, max_tokens=32))
    sampling = asdict(choice.sampling(max_tokens=32, suite=suite))
    return {name: value for name, value in sampling.items() if value != off[name]}


def test_a_decoder_is_every_field_but_temperature_length_and_stop() -> None:
    assert {"temperature", "max_tokens", "stop", *FILTERS} == {f.name for f in fields(Sampling)}
    assert decoder_label(OFF) == ""


def test_neutral_sampling_takes_nothing_from_the_checkpoint() -> None:
    assert sent("neutral", SHIPPED) == {}


def test_model_sampling_takes_filters_but_not_temperature_or_cap() -> None:
    assert sent("model", SHIPPED) == {"top_k": 20, "top_p": 0.8, "repetition_penalty": 1.05}
    assert sent("model", {"eos_token_id": 2}) == {}


def test_model_sampling_takes_all_that_engines_serve() -> None:
    shipped = {"presence_penalty": 1.5, "frequency_penalty": 0.5, "stop_strings": ["</s>", "\n\n"]}
    assert sent("model", shipped) == {
        "presence_penalty": 1.5,
        "frequency_penalty": 0.5,
        "stop": ("</s>", "\n\n"),
    }
    assert sent("model", {"stop_strings": "END"}) == {"stop": ("END",)}


def test_the_run_wins_over_the_suite_and_the_suite_over_the_checkpoint() -> None:
    suite = SamplingFilters(top_p=0.7, top_k=7, stop=("a",))
    shipped = {"top_p": 0.6, "top_k": 6, "min_p": 0.6}
    assert sent("model", shipped, suite, top_p=0.8) == {
        "top_p": 0.8,
        "top_k": 7,
        "min_p": 0.6,
        "stop": ("a",),
    }
    # Off is a choice, too.
    assert sent("model", shipped, suite, top_p=1, top_k=0, min_p=0, stop=()) == {}


@pytest.mark.parametrize(
    "shipped",
    [
        {"no_repeat_ngram_size": 3},
        {"typical_p": 0.9},
        {"suppress_tokens": [1, 2]},
        {"begin_suppress_tokens": [1]},
        {"num_beams": 4},
        {"bad_words_ids": [[5]]},
        {"epsilon_cutoff": 3e-4},
        {"exponential_decay_length_penalty": [5, 1.1]},
        {"min_new_tokens": 10},
        {"forced_eos_token_id": 2},
        {"xtc_probability": 0.5},
        {"a_filter_of_2031": 0},
    ],
    ids=str,
)
def test_what_no_engine_applies_is_named(shipped: dict[str, Any]) -> None:
    assert not_applied({**SHIPPED, **shipped}) == shipped
    choice = SamplingChoice(policy="model", generation_config=shipped)
    assert choice.left_out == shipped
    assert SamplingChoice(generation_config=shipped).left_out == {}


@pytest.mark.parametrize(
    "shipped",
    [
        {"no_repeat_ngram_size": 0},
        {"typical_p": 1.0, "num_beams": 1, "length_penalty": 1.0, "num_beam_groups": 1},
        {"suppress_tokens": [], "begin_suppress_tokens": None, "bad_words_ids": None},
        {"transformers_version": "5.0", "_from_model_config": True, "use_cache": False},
        {"pad_token_id": 0, "eos_token_id": [1, 2], "bos_token_id": 3},
    ],
    ids=str,
)
def test_what_changes_no_draw_is_not_named(shipped: dict[str, Any]) -> None:
    assert not_applied(shipped) == {}


@pytest.mark.parametrize("shipped", [{"top_p": 2}, {"top_k": "many"}, {"repetition_penalty": 0}])
def test_a_malformed_generation_config_is_named(shipped: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"generation_config\.json: {next(iter(shipped))}"):
        applied(shipped)


@pytest.mark.parametrize(
    ("sampling", "label"),
    [
        ({}, ""),
        ({"min_p": 0.05}, "min_p=0.05"),
        ({"min_p": 0.05, "top_p": 0.9, "top_k": 0}, "top_p=0.9, min_p=0.05"),
        ({"top_k": 50, "max_tokens": 7, "stop": ["x"]}, "top_k=50"),
        ({"repetition_penalty": 1.1}, "repetition_penalty=1.1"),
        ({"top_p": "0.9"}, "top_p=0.9"),  # as an imported file may state it
    ],
    ids=str,
)
def test_a_decoder_has_one_name(sampling: dict[str, Any], label: str) -> None:
    assert decoder_label(sampling) == label


def test_axes_are_crossed_and_every_point_has_a_folder() -> None:
    named = [point_label(point) for point in points(("min_p=0,0.1", "top-k=0:40:20"))]
    assert named == [
        "min_p=0+top_k=0",
        "min_p=0+top_k=20",
        "min_p=0+top_k=40",
        "min_p=0.1+top_k=0",
        "min_p=0.1+top_k=20",
        "min_p=0.1+top_k=40",
    ]
    assert swept("min_p=0.1,0.1") == {"min_p": (0.1,)}


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        (["temperature=0.5,1"], "swept by --temperatures 0.5,1"),
        (["minp=0"], "did you mean `min_p`"),
        (["stop=a,b"], "`stop` is not a filter"),
        (["min_p"], "min_p: has no value"),
        (["min_p=a"], "neither a list"),
        (["min_p=2"], "min_p: must be at most 1"),
        (["top_k=1.5"], "top_k: needs a whole number"),
        (["min_p=0", "min_p=0.1"], "named twice"),
        (["min_p=0:0.5:0.05", "top_p=0.1:1:0.1"], "more than 64 decoders"),
    ],
    ids=str,
)
def test_a_malformed_sweep_is_refused(sweep: list[str], says: str) -> None:
    with pytest.raises(UserError) as error:
        config(sweep=sweep)
    assert says in str(error.value)
    assert str(error.value).startswith("--sweep")


def config(**settings: Any) -> Any:
    base = {"model": "world", "suite": "persona"}
    return load_run_config({**base, **settings}, environment={})


def test_a_filter_is_set_or_swept_not_both() -> None:
    with pytest.raises(UserError, match=r"--sweep min_p=\.\.\.: --min-p 0.1 is set, too"):
        config(sweep=["min_p=0,0.1"], min_p=0.1)
    with pytest.raises(UserError, match="sweep: cannot be sharded"):
        config(sweep=["min_p=0,0.1"], shard="1/2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_p", "nan"),
        ("top_p", True),
        ("top_k", -2),
        ("top_k", 1.5),
        ("min_p", -0.1),
        ("min_p", 1.1),
        ("presence_penalty", 2.5),
        ("frequency_penalty", -2.5),
        ("repetition_penalty", 0),
        ("stop", [""]),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UserError, match=f"^--{name.replace('_', '-')}"):
        config(**{name: value})


def test_minus_one_is_off_as_in_other_tools() -> None:
    assert config(top_k=-1).filters.top_k == 0
    assert config(top_k="-1").filters.top_k == 0


def test_a_stop_may_hold_commas_and_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from sfr_eval.commands.run import run

    context = run.make_context(
        "run", ["-m", "m", "--suite", "s", "--stop", "a, b", "--stop", "\n\n", "--dry-run"]
    )
    assert isinstance(context, click.Context)
    assert context.params["settings"]["stop"] == ("a, b", "\n\n")
    loaded = load_run_config(
        {"model": "m", "suite": "s"}, environment={"SFR_EVAL_STOP": "x, y", "SFR_EVAL_MIN_P": "0.1"}
    )
    assert (loaded.filters.stop, loaded.filters.min_p) == (("x, y",), 0.1)


def test_a_suite_may_name_its_decoder(tmp_path: Path) -> None:
    from sfr_eval.suites.suite import load_suite

    (tmp_path / "suite.yaml").write_text(
        "id: own\nversion: '1'\ntitle: Own\nqueries: q.jsonl\nmetrics: [text]\n"
        "min_p: 0.1\nstop: ['###']\n"
    )
    (tmp_path / "q.jsonl").write_text(json.dumps({"id": "a", "text": "Why?"}))
    assert load_suite(str(tmp_path)).spec.given() == {"min_p": 0.1, "stop": ("###",)}
    (tmp_path / "suite.yaml").write_text((tmp_path / "suite.yaml").read_text() + "top_p: 3\n")
    with pytest.raises(UserError, match=r"suite\.yaml: top_p"):
        load_suite(str(tmp_path))


def test_a_run_names_what_no_engine_applies(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal before sampling, and in the manifest."""
    from sfr_eval.pipeline.run import execute
    from sfr_eval.store.manifest import Manifest

    file = checkpoint / "generation_config.json"
    shipped = {"top_p": 0.9, "no_repeat_ngram_size": 3, "suppress_tokens": [5], "a_new_one": 1}
    file.write_text(json.dumps({**json.loads(file.read_text()), **shipped}))
    monkeypatch.chdir(checkpoint.parent)
    settings = {"model": str(checkpoint), "engine": "transformers", "sampling": "model"}
    settings |= {"samples": 2, "temperatures": "1.0", "limit": 1, "personas": "pirate"}
    settings |= {"max_tokens": 4, "metrics": "text", "output": "out"}
    assert execute(config(**settings)).exit_code == 0
    assert (
        "generation_config.json also sets no_repeat_ngram_size=3, suppress_tokens=[5], "
        "a_new_one=1, which no engine here applies"
    ) in capsys.readouterr().err
    manifest = Manifest.load(Path("out"))
    assert manifest.not_applied == {
        "no_repeat_ngram_size": 3,
        "suppress_tokens": [5],
        "a_new_one": 1,
    }
    assert manifest.identity.decoder == "top_p=0.9"
