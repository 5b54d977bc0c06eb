"""inspect's logs as inspect itself writes them: epochs, choices, errors, caches."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import load_suite
from tests.support.imported import import_generations


def test_without_inspect_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    (tmp_path / "x.eval").write_bytes(b"")
    with pytest.raises(UserError, match=r"x\.eval: needs inspect_ai .*sfr-eval\[inspect\]"):
        import_generations([tmp_path / "x.eval"], suite="persona", output=tmp_path / "run")


class Log:
    """A log in the making."""

    def __init__(self, file: Path) -> None:
        pytest.importorskip("inspect_ai")
        self.file = file
        self.suite = load_suite("persona")
        self.samples: list[Any] = []
        self.query, self.text = next(iter(self.suite.queries.items()))

    def add(self, output: Any, *, epoch: int = 1, **fields: Any) -> None:
        from inspect_ai.log import EvalSample
        from inspect_ai.model import ChatMessageSystem, ChatMessageUser

        asked = [
            ChatMessageSystem(content=self.suite.personas["pirate"].system),
            ChatMessageUser(content=self.text),
        ]
        given = {"id": "elsewhere-1", "input": asked, "target": "", **fields}
        self.samples.append(EvalSample(epoch=epoch, output=output, **given))

    def write(self, *, status: Any = "success", **config: Any) -> "Log":
        from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSpec, write_eval_log
        from inspect_ai.model import GenerateConfig

        spec = EvalSpec(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            task="mine",
            dataset=EvalDataset(name="mine"),
            model="openai/some-model",
            model_generate_config=GenerateConfig(**config),
            config=EvalConfig(epochs=len({sample.epoch for sample in self.samples})),
        )
        write_eval_log(EvalLog(status=status, eval=spec, samples=self.samples), str(self.file))
        return self

    def read(self) -> RunFolder:
        output = self.file.parent / "run"
        folder, _ = import_generations([self.file], suite="persona", output=output)
        return folder


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "mine.eval")


def says(text: str, *more: str, stop_reason: Any = "stop") -> Any:
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput

    return ModelOutput(
        model="some-model",
        choices=[
            ChatCompletionChoice(message=ChatMessageAssistant(content=one), stop_reason=stop_reason)
            for one in (text, *more)
        ],
    )


def test_epochs_and_choices_are_the_samples(log: Log) -> None:
    log.add(says("one", "two"), epoch=1)
    log.add(says("three", "four"), epoch=2)
    folder = log.write(temperature=0.7, top_p=0.9, max_tokens=50).read()
    samples = folder.sealed_samples()
    assert [(s.query, s.persona, s.index, s.text, s.temperature) for s in samples] == [
        (log.query, "pirate", index, text, 0.7)
        for index, text in enumerate(("one", "two", "three", "four"))
    ]
    manifest = Manifest.load(folder.path)
    assert manifest.name == "openai/some-model"
    sampling = manifest.identity.sampling_of("persona")
    assert sampling == {"top_p": 0.9, "max_tokens": 50}
    assert [c.split(":")[0] for c in manifest.imported.warnings] == [
        f"Only 1 of the {len(log.suite.queries)} queries of suite persona has replies, and all "
        "numbers are of it alone; missing",
        "Not stated by the files, and unknown",
    ]


def test_failures_keep_their_status_and_have_no_text(log: Log) -> None:
    from inspect_ai.log import EvalError
    from inspect_ai.model import ModelOutput

    log.add(says("cut", stop_reason="max_tokens"), epoch=1)
    log.add(says("no", stop_reason="content_filter"), epoch=2)
    failed = EvalError(message="lost\nconnection", traceback="", traceback_ansi="")
    log.add(ModelOutput(), epoch=3, error=failed)
    samples = log.write(temperature=0.7).read().sealed_samples()
    assert [(s.status, s.text, s.error) for s in samples] == [
        ("truncated", "cut", ""),
        ("refused", "", ""),
        ("error", "", "lost connection"),
    ]


def test_doubtful_logs_are_flagged(log: Log) -> None:
    log.add(says("one"), epoch=1)
    log.add(says("two"), epoch=2)
    folder = log.write(status="cancelled", seed=42).read()
    manifest = Manifest.load(folder.path)
    said = " ".join(manifest.imported.warnings)
    assert "ended as `cancelled`" in said
    assert "taken as 1" in said
    assert "the seed 42" in said
    assert {s.temperature for s in folder.sealed_samples()} == {1.0}


def test_replies_out_of_the_cache_are_refused(log: Log) -> None:
    from inspect_ai.event import ModelEvent
    from inspect_ai.model import GenerateConfig

    event = ModelEvent(
        model="openai/some-model",
        input=[],
        tools=[],
        tool_choice="auto",
        config=GenerateConfig(),
        output=says("one"),
        cache="read",
    )
    log.add(says("one"), epoch=1, events=[event])
    with pytest.raises(UserError, match="epoch 1: the reply was read from inspect's cache"):
        log.write(temperature=0.7).read()


def test_epochs_at_temperature_0_are_refused(log: Log) -> None:
    log.add(says("one"), epoch=1)
    log.add(says("one"), epoch=2)
    with pytest.raises(UserError, match=r"a second reply .* at temperature 0"):
        log.write(temperature=0.0).read()


def test_what_is_no_log_is_named(log: Log) -> None:
    log.file.write_bytes(b"PK nothing of the kind")
    with pytest.raises(UserError, match=r"mine\.eval: is not an inspect log"):
        log.read()


def test_logs_in_json_are_read_like_others(log: Log) -> None:
    log.file = log.file.with_suffix(".json")
    log.add(says("one"), epoch=1)
    log.add(says("two", stop_reason="max_tokens"), epoch=2)
    log.write(temperature=0.7)
    samples = log.read().sealed_samples()
    assert [(s.text, s.status) for s in samples] == [("one", "ok"), ("two", "truncated")]
    renamed = log.file.rename(log.file.with_name("log.txt"))  # the content decides
    folder, _ = import_generations([renamed], suite="persona", output=log.file.parent / "again")
    assert folder.sealed_samples() == samples


def test_numbers_of_samples_do_not_move_replies(log: Log, quiz: str) -> None:
    log.add(says("iron"), id=2, input="Why is rust red?")
    log.add(says("a nightingale"), id=1, input="Which bird sings at night?")
    log.write(temperature=0.7)
    with pytest.raises(UserError, match=r"`1` names the query `Why is rust red\?`, but its prompt"):
        import_generations([log.file], suite=quiz, output=log.file.parent / "run")


def test_without_a_suite_the_inputs_are_the_queries(log: Log) -> None:
    log.add(says("iron"), id=1, input="Why is rust red?")
    log.add(says("oxide"), id=1, epoch=2, input="Why is rust red?")
    log.write(temperature=0.7)
    folder, _ = import_generations([log.file], suite=None, output=log.file.parent / "run")
    assert [(s.query, s.text) for s in folder.sealed_samples()] == [("1", "iron"), ("1", "oxide")]


def test_a_sample_twice_is_refused(log: Log) -> None:
    log.file = log.file.with_suffix(".json")  # in .eval they have one name
    for epoch in (1, 2, 2):
        log.add(says(f"reply {epoch}"), epoch=epoch)
    log.write(temperature=0.7)
    with pytest.raises(UserError, match=r"epoch 2: is in the log twice with the same reply"):
        import_generations([log.file], suite="persona", output=log.file.parent / "run")


def test_json_that_only_resembles_a_log_is_named(place: Any, read_one: Any) -> None:
    pytest.importorskip("inspect_ai")
    file = place("a.json", '{"version": 1, "status": "good", "eval": 5}')
    with pytest.raises(UserError, match=r"a\.json: is not an inspect log"):
        read_one(file)
