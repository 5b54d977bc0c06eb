"""pytest tests/gate/test_trade.py"""

from typing import Any

import pytest

from sfr_eval.comparison.family import margin_of
from sfr_eval.gate.outcome import GateRow
from sfr_eval.gate.trade import judged_together
from sfr_eval.metrics.metric import PrimaryRole
from tests.support.gate_data import row

METRICS: dict[PrimaryRole, str] = {
    "variety": "embed_distance",
    "style": "style_strength",
    "quality": "judge_rel",
    "form": "word_order",
}


def verdicts(**changes: tuple[str, float]) -> dict[str, GateRow]:
    """Rows with these (call, difference), all clear of 0 by a tenth of it."""
    roles: list[PrimaryRole] = list(changes)  # type: ignore[arg-type]
    rows = [
        row(
            "fail" if call == "loss" else "pass",
            metric=METRICS[role],
            call=call,
            words=call,
            small=1.1 * abs(delta) <= (margin_of(METRICS[role]) or 0),
            delta=delta,
            low=delta - abs(delta) / 10 if call != "equal" else -0.001,
            high=delta + abs(delta) / 10 if call != "equal" else 0.001,
        )
        for role, (call, delta) in zip(roles, changes.values(), strict=True)
    ]
    return dict(zip(changes, judged_together(rows, roles, lengths={}), strict=True))


@pytest.mark.parametrize(
    ("quality", "verdict"),
    [
        (("equal", 0.0), "pass"),
        (("gain", 0.5), "pass"),
        (("loss", -0.5), "unverified"),
        (("inconclusive", -0.5), "unverified"),
    ],
)
def test_more_variety_needs_quality_beside_it(quality: Any, verdict: str) -> None:
    rows = verdicts(variety=("gain", 0.2), quality=quality)
    assert rows["variety"].verdict == verdict


def test_more_variety_without_any_quality_is_not_verified() -> None:
    variety = verdicts(variety=("gain", 0.2))["variety"]
    assert variety.verdict == "unverified"
    assert "no quality was measured" in variety.reason
    assert verdicts(variety=("gain", 0.002))["variety"].verdict == "pass"  # by little


def test_a_repair_is_no_failure() -> None:
    """The baseline's replies answered other questions: .8 apart, and worth 3 points less."""
    rows = verdicts(variety=("loss", -0.3), quality=("gain", 3.0))
    assert rows["variety"].verdict == "skipped"
    assert "judge_rel rose by as large a part of its span" in rows["variety"].reason


def test_a_little_quality_does_not_pay_for_collapse() -> None:
    """.3 of a span of .425 are lost, .5 of 4 points gained."""
    rows = verdicts(variety=("loss", -0.3), quality=("gain", 0.5))
    assert rows["variety"].verdict == "fail"


def test_style_pays_for_variety_four_times_over() -> None:
    """A collapsed model is often more in style."""
    collapse = verdicts(variety=("loss", -0.3), style=("gain", 0.5))
    assert collapse["variety"].verdict == "fail"
    repair = verdicts(variety=("loss", -0.04), style=("gain", 0.5))
    assert repair["variety"].verdict == "skipped"


def test_rows_that_a_user_wrote_stand_alone() -> None:
    fail = row("fail", metric="embed_distance", call="loss")
    gain = row("pass", metric="judge_rel", call="gain", delta=3.0, low=2.9, high=3.1)
    assert judged_together([fail, gain], [None, "quality"], lengths={})[0].verdict == "fail"


def test_form_leaves_a_loss_open_and_its_own_is_excused() -> None:
    """Refusals are well formed and alike: .96 against .44 of the replies that answer again."""
    repair = verdicts(form=("loss", -0.52), quality=("gain", 3.0))
    assert repair["form"].verdict == "skipped"
    noise = verdicts(form=("loss", -0.05), quality=("equal", 0.0))
    assert noise["form"].verdict == "fail"
    open_loss = verdicts(variety=("loss", -0.3), form=("gain", 0.5))
    assert open_loss["variety"].verdict == "unverified"
    collapse = verdicts(variety=("loss", -0.3), form=("gain", 0.1))
    assert collapse["variety"].verdict == "fail"
