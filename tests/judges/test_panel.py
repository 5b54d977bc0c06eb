"""pytest tests/judges/test_panel.py: judged runs, as commands."""

import json
import logging
import os
import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.judges.panel import stored_judgements
from sfr_eval.judges.votes import Judgement
from sfr_eval.store.run_folder import RunFolder
from tests.support.command_line import exit_code
from tests.support.fake_server import Reply, completion, refusal_of, serving
from tests.support.scripted_judge import reasoning, scored

pytestmark = pytest.mark.usefixtures("short_pauses")


KEY = "sk-judge-0123456789abcdef"
WORLD = ["run", "--model", "world:cross=0.3", "--suite", "persona", "--samples", "2"]
WORLD += ["--temperatures", "0.6,1.0", "--limit", "2", "--personas", "pirate,butler"]
WORLD += ["--set", "metrics=[text]", "--output", "out"]
REPLIES = 2 * 2 * 2 * 2


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(work: Path) -> list[Judgement]:
    return list(stored_judgements(RunFolder(work / "out")))


def estimates(work: Path, metric: str) -> dict[float, dict[str, Any]]:
    results = json.loads((work / "out" / "results.json").read_text())
    found = (r for r in results["estimates"] if r["metric"] == metric and not r["persona"])
    return {row["temperature"]: row for row in found}


def test_repeating_a_judged_run_asks_nothing_again(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda *_: scored(4)) as server:
        arguments = [*WORLD, "--judge", server.url, "--judge-votes", "2"]
        assert exit_code(monkeypatch, *arguments) == 0
        assert server.count == REPLIES * 3 * 2
        assert len({row.judgement_id for row in rows(work)}) == REPLIES * 3 * 2
        assert exit_code(monkeypatch, *arguments) == 0
        assert server.count == REPLIES * 3 * 2
    assert {t: row["value"] for t, row in estimates(work, "judge_rel").items()} == {0.6: 4, 1.0: 4}
    assert estimates(work, "judge_rel_good")[0.6]["value"] == 1
    page = (work / "out" / "report.html").read_text()
    assert "96 of 96" not in page
    assert "32 of 32" in page  # votes read, of each axis
    # Scored again without a judge, its votes still count.
    assert exit_code(monkeypatch, "score", "out", "--metrics", "text") == 0
    assert estimates(work, "judge_flu")[1.0]["value"] == 4


def test_a_damaged_vote_is_asked_again_and_no_other(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda *_: scored(4)) as server:
        arguments = [*WORLD, "--judge", server.url]
        assert exit_code(monkeypatch, *arguments) == 0
        (file,) = (work / "out" / "judgements").glob("*.jsonl")
        content = bytearray(file.read_bytes())
        content[content.index(b'"score":4.0') + len(b'"score":')] ^= 1  # 4.0 would read as 5.0
        file.write_bytes(content[:-10])  # and the last line is torn
        before = server.count
        assert exit_code(monkeypatch, *arguments) == 0
        assert server.count == before + 2
    assert {t: row["value"] for t, row in estimates(work, "judge_ctx").items()} == {0.6: 4, 1.0: 4}


def test_faults_of_the_judge_never_become_scores(
    work: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = {
        0: completion("no idea"),
        1: completion(None, refusal="no"),
        2: Reply(status=500, body={}),
        3: Reply(body={"odd": 1}),
    }

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        fault = broken.get(body["seed"] % 8)
        return scored(2) if fault is None else fault

    with serving(answer) as server:
        assert exit_code(monkeypatch, *WORLD, "--judge", server.url) == 3
        first = rows(work)
        count = Counter(row.status for row in first)
        assert len(first) == REPLIES * 3 == sum(count.values())
        assert set(count) == {"ok", "unparsed", "refused", "error"}
        assert "judgements failed" in capfd.readouterr().err
        values = estimates(work, "judge_ctx")
        assert all(row["value"] in (None, 2.0) for row in values.values())
        assert sum(row["undefined"] for row in values.values()) == sum(
            row.status != "ok" for row in first if row.axis == "ctx"
        )
        before = server.count
        assert exit_code(monkeypatch, *WORLD, "--judge", server.url) == 3
    asked_again = rows(work)[len(first) :]
    assert len(asked_again) == count["error"]  # and no unparsed or refused one
    assert server.count > before


def test_an_unreachable_judge_costs_no_sample(
    work: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(monkeypatch, *WORLD, "--judge", "http://127.0.0.1:1/v1") == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no server answers there" in lines[0]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["judge_axes=[ctz]"], "unknown judge; did you mean `ctx`"),
        (["judge_axes=[pairwise]"], "compares two replies"),
        (["judge_votes=0"], "--judge-votes: "),
        (["max_cost=1"], "--max-cost: needs --judge-prices"),
        (["judge_calibration=nowhere.json"], "nowhere.json: cannot be read"),
        (["temperature=1"], "unknown setting `temperature`"),
    ],
)
def test_bad_judge_settings_are_one_line(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    settings: list[str],
    says: str,
) -> None:
    assert exit_code(monkeypatch, *WORLD) == 0
    capfd.readouterr()
    with serving(lambda *_: scored(4)) as server:
        options = [part for setting in settings for part in ("--set", setting)]
        assert exit_code(monkeypatch, "score", "out", "--judge", server.url, *options) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert says in lines[0]


def test_the_cost_of_judging_has_a_limit(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda *_: scored(4)) as server:
        # Each vote: 100 prompt tokens, 5 completion tokens, so 0.105 dollars; reserved about 1.
        options = ["--judge", server.url, "--set", "judge_prices=[1000,1000]"]
        assert (
            exit_code(monkeypatch, *WORLD, *options, "--max-cost", "3", "--concurrency", "1") == 3
        )
        assert 5 < server.count < 30
        assert server.count == len(rows(work))
        manifest = json.loads((work / "out" / "manifest.json").read_text())
        session = manifest["judging"]["sessions"][0]
        assert session["cost"] == pytest.approx(0.105 * server.count)
        assert estimates(work, "judge_ctx")  # what is there is shown, the rest is undefined


def test_the_key_is_in_no_file_log_or_traceback(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("SFR_EVAL_JUDGE_API_KEY", KEY)
    echoes = [
        completion(f"the key is {KEY}"),
        Reply(status=401, body={"error": {"message": f"Incorrect key {KEY}"}}),
        Reply(status=500, body=f"<html>{KEY}</html>".encode()),
        refusal_of(f"temperature refused for {KEY}", param="temperature"),
        Reply(body={KEY: KEY}),
        completion(None, refusal=f"no, {KEY}"),
    ]

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        assert headers["authorization"] == f"Bearer {KEY}"
        return echoes[body["seed"] % len(echoes)]

    shown = ""
    with serving(answer) as server:
        served = ["run", "--model", "fake", "--base-url", server.url, *WORLD[3:]]
        for arguments in ([*served, "--judge", server.url], ["--debug", "score", "nowhere"]):
            try:
                exit_code(monkeypatch, *arguments)
            except ValueError:
                shown += traceback.format_exc()
        assert server.count > 0
    out, err = capfd.readouterr()
    assert "sampling" in err
    texts = [out, err, shown, caplog.text]
    files = [file for file in work.rglob("*") if file.is_file()]
    assert any(file.name == "samples.parquet" for file in files)
    raw = b"\0".join([file.read_bytes() for file in files])
    assert KEY not in "\0".join(texts)
    assert KEY.encode() not in raw
    assert os.environ["OPENAI_API_KEY"] == KEY


def gpt_5(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
    if "max_tokens" in body:
        message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return refusal_of(message, param="max_tokens")
    for name, only in (("temperature", 1), ("top_p", None)):
        if body.get(name, only) != only:
            return refusal_of(f"Unsupported value: '{name}'", param=name)
    return reasoning(body)


def test_a_reasoning_judge_that_takes_one_temperature_judges(
    work: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(gpt_5) as server:
        arguments = [*WORLD, "--judge", server.url]
        assert exit_code(monkeypatch, *arguments) == 3
        assert "--judge-temperature" in capfd.readouterr().err
        assert exit_code(monkeypatch, *arguments, "--judge-temperature", "1") == 0
    assert estimates(work, "judge_rel")[0.6]["value"] == 4


def test_votes_under_two_settings_never_mix(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        return scored(2 if body["temperature"] == 0.7 else 5)

    with serving(answer) as server:
        for temperature, score in ((None, 2), ("1", 5), (None, 2)):
            given = ["--judge-temperature", temperature] if temperature else []
            assert exit_code(monkeypatch, *WORLD, "--judge", server.url, *given) == 0
            assert estimates(work, "judge_rel")[0.6]["value"] == score
        assert server.count == 2 * REPLIES * 3
        given = ["--judge-max-tokens", "128"]
        assert exit_code(monkeypatch, *WORLD, "--judge", server.url, *given) == 0
        assert server.count == 3 * REPLIES * 3
        assert server.bodies[-1]["max_tokens"] == 128


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (completion("I would say 4."), "answers give no score (I would say 4.)"),
        (completion(None), "answers give no score (no content)"),
        (
            completion('{"sco', finish="length"),
            '(cut at max_tokens: {"sco); raise --judge-max-tokens',
        ),
        (completion(None, finish="length"), "(cut at max_tokens); raise --judge-max-tokens"),
        (completion(None, refusal="not this"), "answers give no score (not this)"),
    ],
)
def test_a_judge_that_cannot_be_read_is_no_success(
    reply: Reply,
    says: str,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with serving(lambda *_: reply) as server:
        for _ in range(2):  # the second time from the store
            assert exit_code(monkeypatch, *WORLD, "--judge", server.url) == 3
            assert says in capfd.readouterr().err
