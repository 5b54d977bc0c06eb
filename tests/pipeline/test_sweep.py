"""pytest tests/pipeline/test_sweep.py"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.config import RunConfig
from sfr_eval.errors import RunError, UserError
from sfr_eval.pipeline.preflight import preflight, preflight_sweep
from sfr_eval.pipeline.run import execute
from sfr_eval.pipeline.sweep import SweepOutcome, execute_sweep
from sfr_eval.samplers.subject import Subject
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Request, Sample, Sampler
from tests.support.fake_server import completion, serving


def config(output: Path | None, *sweep: str, **changes: Any) -> RunConfig:
    fields: dict[str, Any] = {
        "model": "world:cross=0.3",
        "suite": ("persona",),
        "personas": ("pirate", "butler"),
        "limit": 7,
        "temperatures": (0.7, 1.0),
        "samples": 3,
        "metrics": ("text", "lexical", "quality"),
        "output": output,
        "sweep": sweep or None,
    }
    return RunConfig(**{**fields, **changes})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests each engine that was started was told of."""
    sizes: list[int] = []
    build = Subject.build_sampler

    def counted(self: Subject, suites: Any, requests: Any) -> Sampler:
        sizes.append(len(requests))
        return build(self, suites, requests)

    monkeypatch.setattr(Subject, "build_sampler", counted)
    return sizes


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepOutcome:
    folder = tmp_path_factory.mktemp("sweep") / "s"
    return execute_sweep(config(folder, "min_p=0.3,0", "top_p=1,0.9"))


def test_each_decoder_is_a_run_of_its_own(swept: SweepOutcome, tmp_path: Path) -> None:
    names = ["min_p=0.3+top_p=1", "min_p=0.3+top_p=0.9", "min_p=0+top_p=1", "min_p=0+top_p=0.9"]
    assert [run.folder.name for run in swept.runs] == names
    manifests = {name: Manifest.load(swept.folder / name) for name in names}
    assert [m.identity.decoder for m in manifests.values()] == [
        "min_p=0.3",
        "top_p=0.9, min_p=0.3",
        "",
        "top_p=0.9",
    ]
    # It is the same run, byte for byte, as without a sweep.
    execute(config(tmp_path / "alone", min_p=0.3))
    alone, part = (
        (folder / "samples.parquet").read_bytes()
        for folder in (tmp_path / "alone", swept.folder / names[0])
    )
    assert alone == part
    assert (swept.folder / names[0] / "report.html").is_file()


def test_the_decoders_are_compared_with_the_one_without_filters(swept: SweepOutcome) -> None:
    assert swept.comparison is not None
    names = [run.label for run in swept.comparison.runs]
    assert names[0] == "world:cross=0.3 (no filters)"
    assert set(names[1:]) == {
        "world:cross=0.3 (min_p=0.3)",
        "world:cross=0.3 (top_p=0.9, min_p=0.3)",
        "world:cross=0.3 (top_p=0.9)",
    }
    assert not any(pair.mismatches for pair in swept.comparison.pairs)
    stored = json.loads((swept.folder / "comparison.json").read_text())
    assert stored["runs"][0]["decoder"] == ""
    assert {run["decoder"] for run in stored["runs"][1:]} == {
        "min_p=0.3",
        "top_p=0.9",
        "top_p=0.9, min_p=0.3",
    }
    page = (swept.folder / "compare.html").read_text()
    assert "decoder min_p=0.3" in page
    (line,) = [n for n in swept.comparison.pairs[0].notes if "checkpoint and decoder" in n]
    assert "no filters" in line
    # One curve over temperature for each decoder, and what any of them reaches.
    rows = (swept.folder / "plots" / "persona-trade_off.csv").read_text()
    assert all(name in rows for name in ("(no filters)", "(min_p=0.3)", "(top_p=0.9)"))


def test_min_p_makes_the_simulator_less_varied(swept: SweepOutcome) -> None:
    def variety(name: str) -> float:
        results = RunFolder(swept.folder / name).read_results().estimates
        (value,) = [
            row.value
            for row in results
            if row.metric == "rouge_l_homogenization" and row.temperature == 1 and not row.persona
        ]
        assert value is not None
        return -value

    assert variety("min_p=0.3+top_p=1") < variety("min_p=0+top_p=1")


def test_one_engine_serves_all_and_more_values_draw_only_what_is_new(
    tmp_path: Path, started: list[int]
) -> None:
    first = execute_sweep(config(tmp_path / "s", "min_p=0,0.1", metrics=("text",)))
    assert (first.exit_code, started) == (0, [2 * 2 * 7 * 2 * 3])
    before = (tmp_path / "s" / "min_p=0" / "samples.parquet").read_bytes()
    execute_sweep(config(tmp_path / "s", "min_p=0,0.1", metrics=("text",)))
    assert len(started) == 1  # nothing was missing
    more = execute_sweep(config(tmp_path / "s", "min_p=0,0.1,0.2", metrics=("text",)))
    assert len(started) == 2
    assert [run.folder.name for run in more.runs] == ["min_p=0", "min_p=0.1", "min_p=0.2"]
    assert (tmp_path / "s" / "min_p=0" / "samples.parquet").read_bytes() == before
    assert json.loads((tmp_path / "s" / "sweep.json").read_text())["decoders"][-1] == "min_p=0.2"


def test_without_output_more_values_resume_in_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = execute_sweep(config(None, "min_p=0", metrics=("text",), limit=1))
    two = execute_sweep(config(None, "min_p=0,0.1", metrics=("text",), limit=1))
    assert one.folder == two.folder
    assert one.comparison is None  # there is nothing to compare with
    other = execute_sweep(config(None, "top_p=0.9", metrics=("text",), limit=1))
    assert other.folder != one.folder


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int, error: BaseException) -> None:
    """The sampler answers `count` requests in all and then ends in `error`."""
    whole, done = WorldSampler.sample, 0

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        nonlocal done
        for row in whole(self, requests):
            done += 1
            if done > count:
                raise error
            yield row

    monkeypatch.setattr(WorldSampler, "sample", sample)


def test_an_interrupted_sweep_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(tmp_path / "s", "min_p=0,0.1", metrics=("text",))
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 100, KeyboardInterrupt())
        ended = execute_sweep(settings)
    assert (ended.exit_code, ended.comparison) == (130, None)
    assert "interrupted: 16 samples kept" in ended.lines[0]
    assert execute_sweep(settings).exit_code == 0


def test_nothing_is_left_of_a_sweep_that_drew_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(monkeypatch, 0, RunError("the engine died"))
    with pytest.raises(RunError):
        execute_sweep(config(tmp_path / "s", "min_p=0,0.1"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ("repetition_penalty=1,1.2", "cannot simulate repetition_penalty"),
        ("top_k=0,1", "3 samples: keeps one token"),
    ],
)
def test_a_decoder_that_cannot_be_drawn_is_found_first(
    tmp_path: Path, sweep: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        execute_sweep(config(tmp_path / "s", sweep))
    assert list(tmp_path.iterdir()) == []


def test_the_budget_is_that_of_the_whole_sweep(tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "suite.yaml").write_text(
        "id: own\nversion: '1'\ntitle: Own\nqueries: q.jsonl\nmetrics: [text]\nmax_tokens: 10\n"
    )
    (suite / "q.jsonl").write_text('{"id": "a", "text": "Why?"}')
    with serving(lambda *_: completion("Fine.", usage=(0, 10))) as server:
        # Ten dollars a reply; each decoder asks for four.
        settings = RunConfig(
            model="fake",
            base_url=(server.url,),
            suite=(str(suite),),
            samples=4,
            temperatures=(1.0,),
            sweep=("min_p=0,0.1",),
            output=tmp_path / "s",
            prices=(0.0, 1e6),
            max_cost=65.0,
            concurrency=1,
        )
        with pytest.raises(RunError, match="max-cost"):
            execute_sweep(settings)
        assert len(server.bodies) == 6
        assert [body["min_p"] for body in server.bodies] == [0, 0, 0, 0, 0.1, 0.1]


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_commands_take_the_folder_of_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = execute_sweep(config(tmp_path / "s", "min_p=0.3,0", temperatures=(1.0,)))
    sweep = str(swept.folder)
    page = swept.folder / "compare.html"
    page.unlink()
    assert command(monkeypatch, "report", sweep) == 0
    assert page.is_file()
    page.unlink()
    assert command(monkeypatch, "score", sweep, "--metrics", "text") == 0
    assert page.is_file()
    assert command(monkeypatch, "compare", sweep, "--output", str(tmp_path / "c")) == 0
    base, first = str(tmp_path / "base.json"), str(swept.folder / "min_p=0")
    assert command(monkeypatch, "check", "--baseline", base, "--write-baseline", sweep) == 2
    assert "a sweep; name one run" in capsys.readouterr().err
    assert command(monkeypatch, "check", "--baseline", base, "--write-baseline", first) == 0
    out = str(tmp_path / "check.json")
    code = command(monkeypatch, "check", "--baseline", base, "--candidate", sweep, "-o", out)
    assert code in (0, 1)
    files = sorted(file.name for file in tmp_path.glob("check-*.json"))
    assert files == ["check-min_p=0.3.json", "check-min_p=0.json"]
    # One run with another decoder than the baseline's is no such question, and refused.
    other = str(swept.folder / "min_p=0.3")
    assert command(monkeypatch, "check", "--baseline", base, "--candidate", other, "-o", out) == 2


def test_a_dry_run_shows_every_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "-m", "world", "--suite", "persona", "--sweep", "min_p=0,0.1", "--dry-run"]
    arguments += ["--output", str(tmp_path / "s")]
    assert command(monkeypatch, *arguments, "--json") == 0
    plans = json.loads(capsys.readouterr().out)["decoders"]
    assert [plan["decoder"] for plan in plans] == ["", "min_p=0.1"]
    assert command(monkeypatch, *arguments) == 0
    assert "(min_p=0.1)" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_api_sweeps(tmp_path: Path) -> None:
    import sfr_eval as se

    settings = {"personas": ["pirate"], "limit": 1, "samples": 2, "metrics": ["text"]}
    result = se.sweep("world", "persona", over=["min_p=0,0.2"], output=tmp_path / "s", **settings)
    assert list(result.runs) == ["min_p=0", "min_p=0.2"]
    assert len(result.runs["min_p=0.2"].samples) > 0
    with pytest.raises(UserError, match=r"call se\.sweep"):
        se.run("world", "persona", sweep=["min_p=0,0.2"])


def test_runs_keep_the_prompt_format_that_their_suite_asks_for(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "suite.yaml").write_text(
        "id: own\nversion: '1'\ntitle: Own\nqueries: q.jsonl\nmetrics: [text]\n"
        "prompt_format: completion\n"
    )
    (suite / "q.jsonl").write_text('{"id": "a", "text": "Why?"}')
    fields: dict[str, Any] = {"model": str(tiny_checkpoint), "suite": (str(suite),)}
    fields |= {"engine": "transformers", "output": tmp_path / "out"}
    ready = preflight(RunConfig(**fields))
    _, runs = preflight_sweep(RunConfig(**fields, sweep=("min_p=0,0.1",)))
    assert [each.config.serving.prompt_format for each in (ready, *runs)] == ["completion"] * 3
    assert [each.config.filters.min_p for each in (ready, *runs)] == [None, 0.0, 0.1]
