"""pytest tests/test_config.py"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.config import FIELDS, RunConfig, load_run_config, parse_assignments
from sfr_eval.errors import UserError
from sfr_eval.settings import ScoreSettings
from sfr_eval.suites.spec import QueryRow, SuiteSpec
from sfr_eval.temperature import parse_temperatures
from sfr_eval.util.reading import read_jsonl, read_yaml_mapping

GIVEN: dict[str, Any] = {"model": "world", "suite": ("persona",)}


def load(**overrides: Any) -> RunConfig:
    return load_run_config({**GIVEN, **overrides}, environment={})


def error(**overrides: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(**overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "temperatures"),
    [
        # The paper's eight. Adding 0.2 seven times gives 1.5999999999999999 and 0.6000000000000001.
        ("0.2:1.6:0.2", (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)),
        ("0.1:0.3:0.1", (0.1, 0.2, 0.3)),  # 0.1 + 0.1 + 0.1 > 0.3 in floats: the end is still in
        ("0:1:0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("0.5:1:0.3", (0.5, 0.8)),  # an end between two steps is out
        ("1:1:0.1", (1.0,)),
        ("0.6,1.0", (0.6, 1.0)),
        ("1.0, 0.6 ,", (1.0, 0.6)),
        (".7", (0.7,)),
        ("", ()),
    ],
)
def test_lists_and_ranges_of_temperatures(text: str, temperatures: tuple[float, ...]) -> None:
    assert parse_temperatures(text) == temperatures


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1.6:0.2:0.2", "is empty"),
        ("0.2:1.6:0", "is empty"),
        ("0.2:1.6:-0.2", "is empty"),
        ("nan:1:0.1", "not finite"),
        ("0:inf:0.1", "not finite"),
        ("0:1:nan", "not finite"),
        ("0:2:0.01", "too many temperatures; at most 64"),
        ("0:2:1e-300", "too many"),
        ("0:2:5e-324", "too many"),  # 2 / 5e-324 is infinite
        ("0.2:1.6", "neither a list"),
        ("0.2:1.6:0.2:0.2", "neither a list"),
        ("0.2-1.6", "neither a list"),
        ("hot", "neither a list"),
        ("0,5;1,0", "neither a list"),
    ],
)
def test_a_bad_range_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_temperatures(text)


def test_64_temperatures_are_the_most() -> None:
    assert len(parse_temperatures("0.01:0.64:0.01")) == 64
    with pytest.raises(ValueError, match="at most 64"):
        parse_temperatures("0.01:0.65:0.01")


@given(start=st.integers(0, 20), count=st.integers(1, 20), step=st.sampled_from([1, 2, 5, 10, 25]))
def test_a_range_holds_the_decimal_numbers_that_were_meant(
    start: int, count: int, step: int
) -> None:
    stop = start + step * (count - 1)
    wanted = tuple(float(f"{n / 100:.2f}") for n in range(start, stop + 1, step))
    assert parse_temperatures(f"{start / 100}:{stop / 100}:{step / 100}") == wanted


@pytest.mark.parametrize("bad", [-0.1, 2.0001, float("nan"), float("inf"), 1e308])
def test_a_temperature_that_no_engine_serves_is_refused(bad: float) -> None:
    assert "is not between 0 and 2" in error(temperatures=(0.7, bad))
    with pytest.raises(ValueError, match="is not between 0 and 2"):
        SuiteSpec(id="s", version="1", title="s", metrics=("text",), temperatures=(0.7, bad))


@pytest.mark.parametrize("low", [1e-9, 0.005, 0.00999])
def test_a_temperature_that_vllm_would_lift_is_refused_and_never_replaced(low: float) -> None:
    assert "is below 0.01, to which vLLM would lift it" in error(temperatures=(low, 0.7))
    assert load_run_config(
        {"model": "m", "suite": "s", "temperatures": "0,0.01"}, environment={}
    ).temperatures == (0.0, 0.01)


def test_temperatures_are_sorted_and_each_is_there_once() -> None:
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


def test_given_settings_overlay_the_stored_ones() -> None:
    stored = ScoreSettings.from_flat({"workers": 2, "layers": [0, 1], "model": "m"})
    assert stored.overlaid(ScoreSettings(workers=3)) == ScoreSettings(workers=3, layers=(0, 1))
    with pytest.raises(UserError, match=r"^--workers: "):
        ScoreSettings.from_flat({"workers": 0})


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
        ("temperatures", 0.7),
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
        ["samples=3", "trust-remote-code=true", "personas=[a, b]", "encoder=a=b", "limit= 5"]
    ) == {
        "samples": 3,
        "trust_remote_code": True,
        "personas": ["a", "b"],
        "encoder": "a=b",
        "limit": 5,
    }
    for bad, says in {
        "samples": "write name=value",
        "=3": "write name=value",
        "personas=[a": "not valid YAML",
    }.items():
        with pytest.raises(UserError, match=says):
            parse_assignments([bad])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"model: world\nsuite: [persona\nsamples: 2\n", r"run\.yaml:3: malformed YAML"),
        (b"model: world\n\tsuite: x\n", r"run\.yaml:2: malformed YAML"),
        (b"- model\n", "must hold a mapping of settings, not list"),
        (b"", "must hold a mapping of settings, not NoneType"),
        (b"model: \xff\n", r"is not UTF-8 text \(byte 7\)"),
        (b"model: a\x00b\n", "malformed YAML"),
        (b"model: !!python/object/apply:os.system [echo]\n", "malformed YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=says) as caught:
        read_yaml_mapping(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_yaml_mapping(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="Is a directory"):
        read_yaml_mapping(tmp_path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"id": "b"', r"q\.jsonl:3: is not JSON"),
        (b'{"id": "b"}', r"q\.jsonl:3: text: missing"),
        (b'{"id": "b/c", "text": "x"}', r"q\.jsonl:3: id: .* \(got 'b/c'\)"),
        (b'{"id": "b", "text": "x", "txet": 1}', r"q\.jsonl:3: txet: unknown field; did you mean"),
        (b'{"id": "b", "text": ""}', r"q\.jsonl:3: text: "),
        (b"[]", r"q\.jsonl:3: "),
        (b'{"id": "\xff", "text": "x"}', r"q\.jsonl:3: is not UTF-8"),
    ],
)
def test_a_bad_line_of_jsonl_is_named_by_number(tmp_path: Path, line: bytes, says: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_bytes(b'{"id": "a", "text": "x"}\n\n' + line + b"\n")
    with pytest.raises(UserError, match=says):
        read_jsonl(QueryRow, file)
