"""pytest tests/store/test_results.py"""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.pipeline.measure import added_to
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.manifest import Manifest, PlannedSuite
from sfr_eval.store.results import (
    MatchedLevel,
    Notes,
    Results,
    SweepPoint,
    SweepSummary,
    read_suites,
)
from sfr_eval.types import Estimate, SliceEstimate

ROW = Estimate(
    metric="length",
    version="2",
    suite="s",
    temperature=1.0,
    persona="",
    value=2.5,
    low=None,
    high=None,
    method="t",
    n=3,
    k=2,
    undefined=0,
    higher_is_better=None,
)


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    results = Results(
        estimates=(ROW, replace(ROW, persona="a", value=None, reason="no text")),
        signatures={"length": {"tokens": "words"}},
        notes={"pass_at_1": {"s": Notes.model_validate({"not_scored": 2, "status_timeout": 1})}},
        slices=(SliceEstimate(by="difficulty", group="easy", **ROW_FIELDS),),
        reference={"s": (ROW,)},
        sweep={"s": (summary("length", "distinct_2"),)},
    )
    results.save(tmp_path)
    assert Results.load(tmp_path) == results
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored["truth"]["s"][0]["value"] == 2.5
    assert stored["notes"]["pass_at_1"]["s"] == {"not_scored": 2, "status_timeout": 1}
    assert "similarity" not in stored


ROW_FIELDS = {name: getattr(ROW, name) for name in Estimate.__dataclass_fields__}


def test_nan_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Results(estimates=(replace(ROW, value=math.nan),)).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_only_suites_with_an_estimate_are_read() -> None:
    manifest = Manifest(plan=(PlannedSuite(suite="s", title="S"), PlannedSuite(suite="t")))
    (suite,) = read_suites(manifest, Results(estimates=(ROW,)))
    assert (suite.id, suite.title, suite.samples, suite.temperatures) == ("s", "S", 2, (1.0,))
    assert suite.notes_of("length") == Notes()
    assert suite.at("length", 1.0) == ROW
    assert suite.at("length", 0.5) is None


def test_keys_of_a_newer_version_are_ignored(tmp_path: Path) -> None:
    row = {**ROW_FIELDS, "unit": "tokens"}
    (tmp_path / "results.json").write_text(json.dumps({"estimates": [row], "model": "m"}))
    assert Results.load(tmp_path) == Results(estimates=(ROW,))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", r"results\.json: damaged; run `sfr-eval score"),
        ('{"estimates": [{}]}', r"estimates\.0\.metric: missing.* not of this version"),
        ('{"estimates": 1}', r"estimates: .* not of this version"),
        ("[]", "not of this version"),
    ],
)
def test_results_of_another_shape_are_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match=says) as caught:
        Results.load(tmp_path)
    assert "\n" not in str(caught.value)


def summary(quality: str, diversity: str) -> SweepSummary:
    return SweepSummary(
        quality=quality,
        diversity=diversity,
        diversity_is="the value",
        points=(SweepPoint(temperature=1.0, quality=0.5, diversity=0.25, frontier=True),),
        hypervolume=CurveEstimate(value=0.125, low=None, high=None, method="none: one query", n=1),
        matched=(MatchedLevel(part=0.5, level=0.25, value=0.25, low=0, high=1, method="t", n=1),),
        queries_left_out=0,
        signature={"version": "1"},
    )


def test_results_measured_again_replace_their_own_metrics_only() -> None:
    old = Results(
        estimates=(ROW, replace(ROW, metric="distinct_2", value=0.5)),
        signatures={"length": {}, "distinct_2": {}},
        sweep={"s": (summary("length", "distinct_2"), summary("style_strength", "distinct_2"))},
        reference={"s": (ROW,)},
    )
    new = Results(
        estimates=(replace(ROW, value=3.0),),
        signatures={"length": {"tokens": "words"}},
        sweep={"s": ()},
        reference={"s": (replace(ROW, value=4.0),)},
    )
    merged = added_to(old, new)
    assert {row.metric: row.value for row in merged.estimates} == {"distinct_2": 0.5, "length": 3.0}
    assert [row.value for row in merged.reference["s"]] == [4.0]
    assert [pair.quality for pair in merged.sweep["s"]] == ["style_strength"]
    assert merged.signatures == {"length": {"tokens": "words"}, "distinct_2": {}}
