"""pytest tests/judges/test_trial.py"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.errors import RunError
from sfr_eval.judges.error_rates import matched, read_calibration
from sfr_eval.judges.trial import calibrate_judge
from sfr_eval.settings import JudgeSettings, RequestSettings
from sfr_eval.store.manifest import JudgingRecord
from tests.support.fake_server import Answerer, FakeServer, completion, serving
from tests.support.judge_oracle import OracleJudge


def trial(tmp_path: Path, answer: Answerer, *, items: int = 12, **settings: Any) -> dict[str, Any]:
    with serving(answer, keep=False) as server:
        return calibrate_judge(
            JudgeSettings(judge=(server.url,), **settings),
            requests=RequestSettings(),
            output=tmp_path / "judge.json",
            labels=None,
            items=items,
            seed=0,
        )


def slopes(found: dict[str, Any], own: bool) -> list[dict[str, float]]:
    rows = found["report"]["dose_response"]
    return [row["slope"] for row in rows if row["own"] == own]


def test_a_perfect_judge_passes_in_every_respect(tmp_path: Path) -> None:
    found = trial(tmp_path, OracleJudge())
    for axis in found["report"]["axes"].values():
        assert axis["accuracy"]["value"] == 1
        assert (axis["mean_of_good"], axis["mean_of_bad"], axis["unread"]) == (5, 1, 0)
    # A fault takes 4 points from rate 0 to 1 where it should be seen, none elsewhere.
    assert all(slope["value"] == pytest.approx(-4) for slope in slopes(found, own=True))
    assert all(slope["value"] == pytest.approx(0) for slope in slopes(found, own=False))
    assert all(gain["value"] == 0 for gain in found["report"]["length"].values())
    position = found["report"]["position"]
    assert (position["first_chosen"]["value"], position["flips"]["value"]) == (0.5, 0)
    assert position["accuracy"]["value"] == 1
    assert found["trouble"] == []


def test_known_error_rates_are_recovered_and_stored(tmp_path: Path) -> None:
    found = trial(tmp_path, OracleJudge(misses=0.1, false_alarms=0.25, prefers_first=0.5), items=20)
    for axis in found["report"]["axes"].values():
        low, high = (axis["sensitivity"][end] for end in ("low", "high"))
        assert low - 0.03 < 0.9 < high + 0.03
        low, high = (axis["specificity"][end] for end in ("low", "high"))
        assert low - 0.08 < 0.75 < high + 0.08
    position = found["report"]["position"]
    # Named first at rate 0.5 whatever it says, else rightly: (0.5 + 0.5 * 0.5) = 0.75 first.
    assert position["first_chosen"]["low"] < 0.75 < position["first_chosen"]["high"]
    assert position["first_chosen"]["low"] > 0.5
    kept = read_calibration(tmp_path / "judge.json")
    for axis, errors in kept.axes.items():
        report = found["report"]["axes"][axis]
        assert errors.positives[0] / errors.positives[1] == report["sensitivity"]["value"]
    rubrics = {axis: errors.rubric for axis, errors in kept.axes.items()}
    record = JudgingRecord(judges=(kept.judge,), rubrics=rubrics, votes=1)
    assert set(matched(tmp_path / "judge.json", record)) == {"ctx", "rel", "flu"}
    for change, message in (
        ({"votes": 3}, "was made with 1 votes, not 3"),
        ({"judges": ("other",)}, "is for judge"),
        ({"rubrics": {"ctx": "new"}}, "has changed since"),
    ):
        with pytest.raises(ValueError, match=message):
            matched(tmp_path / "judge.json", record.model_copy(update=change))


def test_a_judge_that_likes_length_is_caught(tmp_path: Path) -> None:
    def answer(body: dict[str, Any], headers: Any) -> Any:
        if "better" in json.dumps(body["response_format"]):
            return completion('{"better": "tie"}')
        words = len(body["messages"][1]["content"].split())
        return completion(json.dumps({"score": min(5, 1 + words // 25)}))

    found = trial(tmp_path, answer, judge_axes=("flu",))
    gain = found["report"]["length"]["flu"]
    assert gain["low"] > 0
    assert found["report"]["axes"]["flu"]["balanced_accuracy"] < 0.7


def test_unread_votes_are_counted_and_not_scored(tmp_path: Path) -> None:
    found = trial(tmp_path, lambda *_: completion("five"), items=2, judge_axes=("ctx",))
    axis = found["report"]["axes"]["ctx"]
    assert axis["accuracy"]["value"] is None
    assert axis["unread"] == 2 * 17
    assert found["report"]["statuses"] == {"unparsed": 2 * 17 + 2 + 4}
    assert read_calibration(tmp_path / "judge.json").axes["ctx"].positives == (0, 0)


def test_stored_votes_are_kept_when_the_money_runs_out(tmp_path: Path) -> None:
    file = tmp_path / "judge.json"

    def calibrated(server: FakeServer, max_cost: float | None = None) -> dict[str, Any]:
        return calibrate_judge(
            JudgeSettings(judge=(server.url,), judge_axes=("rel",), judge_prices=(1000.0, 1000.0)),
            requests=RequestSettings(concurrency=1, max_cost=max_cost),
            output=file,
            labels=None,
            items=4,
            seed=0,
        )

    with serving(OracleJudge(misses=0.3), keep=False) as server:
        with pytest.raises(RunError, match="repeat the same command"):
            calibrated(server, max_cost=3.0)
        votes = tmp_path / "judge.votes.jsonl"
        before = server.count
        assert 5 < before == len(votes.read_bytes().splitlines())
        assert not file.exists()
        with votes.open("ab") as stream:
            stream.write(b'{"judgement_id":"to')  # and a kill in mid-write
        found = calibrated(server)
        asked = server.count
        assert asked == 17 * 4 + 4 + 2 * 4 == sum(found["report"]["statuses"].values())
        again = calibrated(server)
        assert server.count == asked
        assert again["axes"] == found["axes"]


def test_labels_of_people_replace_the_benchmark(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    rows = [
        {"question": "Q", "reply": "good one", "axis": "rel", "good": True},
        {"question": "Q", "reply": "good two", "axis": "rel", "good": True},
        {"question": "Q", "reply": "bad one", "axis": "rel", "good": False},
        {"question": "Q", "reply": "bad one", "axis": "flu", "good": True},
    ]
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def answer(body: dict[str, Any], headers: Any) -> Any:
        said = "good one" in body["messages"][1]["content"]
        return completion(json.dumps({"score": 5 if said else 1}))

    with serving(answer) as server:
        found = calibrate_judge(
            JudgeSettings(judge=(server.url,), judge_axes=("rel",)),
            requests=RequestSettings(),
            output=tmp_path / "judge.json",
            labels=labels,
            items=30,
            seed=0,
        )
        assert server.count == 3
    assert found["axes"]["rel"]["positives"] == (1, 2)
    assert found["axes"]["rel"]["negatives"] == (1, 1)


def test_the_file_of_calibrate_corrects_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    world = ["--model", "world", "--suite", "persona", "--samples", "2", "--temperatures", "1"]
    world += ["--limit", "12", "--personas", "pirate,butler", "--set", "metrics=[text]"]
    with serving(OracleJudge(misses=0.2), keep=False) as server:
        judge = ["--judge", server.url]
        axes = ["--set", "judge_axes=[rel]"]
        calibrated = run("calibrate", *judge, *axes, "--items", "12", "--output", "judge.json")
        assert calibrated == 0
        out = capfd.readouterr().out
        assert "calibration: judge.json" in out
        assert "points for twice the length" in out
        assert run("run", *world, "--output", "out") == 0
        more = [*axes, "--set", "judge_calibration=judge.json"]
        assert run("score", "out", *judge, *more) == 0
    results = json.loads(Path("out/results.json").read_text())
    rows = {r["metric"]: r for r in results["estimates"] if not r["persona"]}
    apparent, corrected = rows["judge_rel_good"], rows["judge_rel_good_corrected"]
    # The world's own replies are all good; a judge that misses 20% says 80%.
    assert apparent["high"] < 1
    assert corrected["low"] <= 1 <= corrected["high"] + 1e-9
    assert corrected["value"] > apparent["value"]
