"""pytest tests/test_config.py"""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import FIELDS, RunConfig, load_run_config, parse_assignments
from sfr_eval.errors import UserError
from sfr_eval.settings import EngineSettings, ScoreSettings
from sfr_eval.suites.spec import SuiteSpec

GIVEN: dict[str, Any] = {"model": "world", "suite": ("persona",)}


def load(**overrides: Any) -> RunConfig:
    return load_run_config({**GIVEN, **overrides}, environment={})


def error(**overrides: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(**overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("bad", [-0.1, 2.0001, float("nan"), float("inf"), 1e308])
def test_a_temperature_that_no_engine_serves_is_refused(bad: float) -> None:
    assert "is not between 0 and 2" in error(temperatures=(0.7, bad))
    with pytest.raises(ValueError, match="is not between 0 and 2"):
        SuiteSpec(id="s", version="1", title="s", metrics=("text",), temperatures=(0.7, bad))


@pytest.mark.parametrize("low", [1e-9, 0.005, 0.00999])
def test_a_temperature_that_vllm_would_lift_is_refused(low: float) -> None:
    assert "is below 0.01, to which vLLM would lift it" in error(temperatures=(low, 0.7))
    assert load_run_config(
        {"model": "m", "suite": "s", "temperatures": "0,0.01"}, environment={}
    ).temperatures == (0.0, 0.01)


def test_temperatures_are_sorted_and_each_is_there_once() -> None:
    assert load(temperatures=0.7).temperatures == (0.7,)
    assert load(temperatures="1.0,0.6,1.0").temperatures == (0.6, 1.0)
    assert load(temperatures="0,2").temperatures == (0.0, 2.0)  # both bounds are in
    spec = SuiteSpec(id="s", version="1", title="s", metrics=("text",), temperatures="1,0.5,1")
    assert spec.temperatures == (0.5, 1.0)  # twice would be the same sample_id twice


def test_no_temperature_at_all_is_refused() -> None:
    assert "names no temperature" in error(temperatures="")
    assert "names no temperature" in error(temperatures=[])


def test_precedence_is_command_line_environment_file_default(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("model: world\nsuite: [persona]\nsamples: 3\nlimit: 3\nseed: 3\n")
    environment = {
        "SFR_EVAL_SAMPLES": "2",
        "SFR_EVAL_LIMIT": "2",
        "SFR_EVAL_CACHE": "/tmp",  # not a setting of a run, and not an error
        "SFR_EVAL_NO_SUCH": "x",
        "SAMPLES": "9",
    }
    config = load_run_config({"samples": "1"}, file=file, environment=environment)
    assert (config.samples, config.limit, config.seed) == (1, 2, 3)
    assert config.temperatures is None  # left to the suite
    assert config.sampling == "neutral"


def test_settings_may_be_written_in_their_groups(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("score: {metrics: [text], workers: 2}\nserving: {dtype: float32}\nworkers: 3\n")
    config = load_run_config(GIVEN, file=file, environment={"SFR_EVAL_JUDGE_VOTES": "4"})
    assert config.score == ScoreSettings(metrics=("text",), workers=3)
    assert (config.serving.dtype, config.judging.judge_votes) == ("float32", 4)
    assert RunConfig.model_validate(config.flat()) == config
    assert config.flat().keys() == FIELDS.keys()
    file.write_text("score: {metrix: [text]}\n")
    with pytest.raises(UserError, match="unknown setting `metrix`; did you mean `metrics`"):
        load_run_config(GIVEN, file=file, environment={})


def test_a_group_is_read_from_flat_settings() -> None:
    stored = ScoreSettings.from_flat({"workers": 2, "layers": [0, 1], "model": "m"})
    assert stored == ScoreSettings(workers=2, layers=(0, 1))
    with pytest.raises(UserError, match=r"^--workers: "):
        ScoreSettings.from_flat({"workers": 0})
    with pytest.raises(UserError, match=r"^a/manifest\.json: config\.workers: must be at least 1"):
        ScoreSettings.from_flat({"workers": 0}, where="a/manifest.json: config.")


def test_no_window_is_written_none_or_zero() -> None:
    values = ("none", "0", 0, 40, "40", None)
    windows = [ScoreSettings.from_flat({"token_window": value}).token_window for value in values]
    assert windows == [0, 0, 0, 40, 40, None]
    with pytest.raises(UserError, match=r"^--token-window: "):
        ScoreSettings.from_flat({"token_window": -1})
    with pytest.raises(UserError, match=r"^--token-window: "):
        ScoreSettings.from_flat({"token_window": "all"})


def test_an_override_of_none_is_not_given() -> None:
    config = load_run_config({**GIVEN, "samples": None}, environment={"SFR_EVAL_SAMPLES": "2"})
    assert config.samples == 2


def test_the_environment_reaches_every_kind_of_field() -> None:
    environment = {
        "SFR_EVAL_MODEL": "world",
        "SFR_EVAL_SUITE": "persona,code",
        "SFR_EVAL_TEMPERATURES": "0.2:0.6:0.2",
        "SFR_EVAL_PERSONAS": "pirate,butler",
        "SFR_EVAL_TRUST_REMOTE_CODE": "true",
        "SFR_EVAL_OUTPUT": "/tmp/x",
        "SFR_EVAL_GPU_MEMORY_UTILIZATION": "0.5",
    }
    config = load_run_config({}, environment=environment)
    assert config.suite == ("persona", "code")
    assert config.temperatures == (0.2, 0.4, 0.6)
    assert config.personas == ("pirate", "butler")
    assert config.serving.trust_remote_code is True
    assert config.output == Path("/tmp/x")
    assert config.serving.gpu_memory_utilization == 0.5


def test_an_unknown_setting_names_the_near_one_and_the_file(tmp_path: Path) -> None:
    assert "--set: unknown setting `temperature`; did you mean `temperatures`?" in error(
        temperature=1
    )
    file = tmp_path / "run.yaml"
    file.write_text("modle: world\n")
    with pytest.raises(UserError, match=r"run\.yaml: unknown setting `modle`; .* `model`"):
        load_run_config({}, file=file, environment={})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples", 0),
        ("samples", -1),
        ("samples", "0"),
        ("samples", 2.5),
        ("samples", True),  # `--samples` without its number
        ("max_tokens", 0),
        ("max_tokens", True),
        ("limit", 0),
        ("seed", -1),  # vLLM reads -1 as none
        ("seed", 2**63),
        ("engine", "vlm"),
        ("sampling", "mixed"),
        ("dtype", "int8"),
        ("system_role", "drop"),
        ("gpu_memory_utilization", 0),
        ("gpu_memory_utilization", 1.1),
        ("suite", ()),
        ("suite", ""),
        ("suite", ("",)),
        ("model", ""),
        ("temperatures", {"a": 1}),
    ],
)
def test_a_value_out_of_bounds_names_its_option(field: str, value: Any) -> None:
    assert error(**{field: value}).startswith(f"--{field.replace('_', '-')}: ")


def test_a_run_config_cannot_be_changed() -> None:
    config = load()
    with pytest.raises(ValueError, match="frozen"):
        config.samples = 3  # type: ignore[misc]


def test_assignments_are_read_as_yaml() -> None:
    assert parse_assignments(
        [
            "samples=3",
            "trust-remote-code=true",
            "personas=[a, b]",
            "encoder=a=b",
            "limit= 5",
            "stop=###",
        ]
    ) == {
        "samples": 3,
        "trust_remote_code": True,
        "personas": ["a", "b"],
        "encoder": "a=b",
        "limit": 5,
        "stop": "###",
    }
    for bad, says in {
        "samples": "write name=value",
        "=3": "write name=value",
        "personas=[a": "not valid YAML",
    }.items():
        with pytest.raises(UserError, match=says):
            parse_assignments([bad])


def test_values_for_a_template_are_json_or_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("chat_template_kwargs: {enable_thinking: false}\ntemplate_date: 2026-03-04\n")
    given = {"model": "m", "suite": ("s",)}
    expected = {"enable_thinking": False}
    config = load_run_config(given, file=file, environment={})
    assert config.serving.chat_template_kwargs == expected
    assert config.serving.template_date == "2026-03-04"  # which YAML reads as a date
    text = {"SFR_EVAL_CHAT_TEMPLATE_KWARGS": '{"enable_thinking": false}'}
    assert load_run_config(given, environment=text).serving.chat_template_kwargs == expected
    flat = json.loads(json.dumps(config.flat()))  # as a manifest keeps it
    assert EngineSettings.from_flat(flat) == config.serving
    for wrong in ("on", "[1]", "{", "null"):
        with pytest.raises(UserError, match="--chat-template-kwargs: is not a JSON object like"):
            load_run_config({**given, "chat_template_kwargs": wrong}, environment={})


def test_a_revision_is_part_of_a_hub_id(tmp_path: Path) -> None:
    given = {"suite": ("s",), "revision": "abc"}
    assert load_run_config({"model": "a/b", **given}, environment={}).model == "a/b@abc"
    for model in ("a/b@x", str(tmp_path)):
        with pytest.raises(UserError, match="revision abc: is for a Hub id without @revision"):
            load_run_config({"model": model, **given}, environment={})


@pytest.mark.parametrize("setup", [{"engine": "transformers"}, {"base_url": "http://h/v1"}])
def test_only_vllm_spreads_a_model(setup: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="--tensor-parallel: spreads a model of vLLM"):
        load_run_config({"model": "m", "suite": "persona", "tensor_parallel": 2, **setup})
