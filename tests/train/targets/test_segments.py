"""Which states are supervised, by which part of the future."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sfr_train.targets.segments import TargetSettings, position_weights, segments

from sfr_eval.errors import UserError
from sfr_eval.util.reading import read_model


def make(**values: object) -> TargetSettings:
    return TargetSettings.model_validate({"k": 3, "stride": 2, "minimum": 2, **values})


def test_weights_fall_from_one_to_one_nth() -> None:
    assert position_weights(4).tolist() == [1, 0.75, 0.5, 0.25]
    assert float(position_weights(4).sum()) == 2.5


def test_anchors_of_one_short_reply() -> None:
    #         prompt      reply: 5 tokens at positions 3 .. 7     pad
    labels = [-100] * 3 + [10, 11, 12, 13, 14] + [-100]
    states = segments(labels, make())
    # Anchors at reply tokens 0, 2, 4; their futures are 1..3, 3..4 and none.
    assert states.positions.tolist() == [3, 5]
    assert list(zip(states.starts, states.stops, strict=True)) == [(1, 4), (3, 5)]
    assert states.weights.tolist() == pytest.approx([1.0, 0.6])


def test_the_last_prompt_state_predicts_the_whole_reply() -> None:
    states = segments([-100, -100, 7, 8, 9], make(last_prompt=True))
    assert states.positions.tolist() == [1, 2]
    assert list(zip(states.starts, states.stops, strict=True)) == [(0, 3), (1, 3)]
    assert states.weights.tolist() == [1.0, 1.0]


def test_every_reply_has_a_last_prompt_state() -> None:
    labels = [-100, 1, 2, 3, -100, -100, 4, 5, 6]
    states = segments(labels, make(last_prompt=True, stride=100))
    assert states.positions.tolist() == [0, 1, 5]
    # Futures continue past the masked question: reply tokens 0..2, 1..3, 3..5 of six.
    assert list(zip(states.starts, states.stops, strict=True)) == [(0, 3), (1, 4), (3, 6)]


def test_a_reply_that_starts_the_row_has_no_state_before_it() -> None:
    assert segments([1, 2, 3, 4], make(last_prompt=True)).positions.tolist() == [0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_reply_below_the_minimum_has_neither_anchor_nor_target(count: int) -> None:
    states = segments([-100] * 4 + [5] * count, make())
    assert len(states.positions) == len(states.starts) == len(states.weights) == 0


def test_filling_uses_the_nearest_or_earlier_anchor() -> None:
    states = segments(list(range(9)), make(stride=4, fill="nearest"))
    # Anchors at 0 and 4 (8 has no future); position 2 is equally near to both.
    assert states.positions.tolist() == list(range(9))
    assert states.anchors.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_uniform_weights_are_one() -> None:
    assert set(segments(list(range(9)), make(weights="uniform")).weights) == {1.0}


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.lists(st.booleans(), max_size=60),
    st.integers(1, 12),
    st.integers(1, 7),
    st.booleans(),
    st.sampled_from(["none", "nearest"]),
)
def test_a_future_holds_the_next_tokens_and_none_already_read(
    mask: list[bool], k: int, stride: int, last_prompt: bool, fill: str
) -> None:
    labels = np.where(mask, np.arange(len(mask)), -100) if mask else np.zeros(0, dtype=int)
    settings = make(k=k, stride=stride, minimum=1, last_prompt=last_prompt, fill=fill)
    states = segments(labels, settings)
    reply = np.flatnonzero(labels != -100)
    assert len(set(states.positions.tolist())) == len(states.positions)
    for position, anchor, weight in zip(
        states.positions, states.anchors, states.weights, strict=True
    ):
        future = reply[states.starts[anchor] : states.stops[anchor]]
        assert 1 <= len(future) <= k
        assert 0 < weight <= 1
        if fill == "none":
            later = reply[reply > position]
            assert future.tolist() == later[:k].tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"k": 0}, "targets: k: must be at least 1"),
        ({"stride": 0}, "targets: stride: must be at least 1"),
        ({"k": 4, "minimum": 9}, "minimum 9 is longer than k 4"),
        ({"strid": 2}, "targets: strid: unknown field; did you mean `stride`"),
        ({"scale": "sqrt"}, "targets: scale: .*unit.*sqrt_d"),
    ],
)
def test_bad_settings_are_one_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_model(TargetSettings, values, where="targets")
    assert "\n" not in str(caught.value)


def test_the_shortest_future_follows_k() -> None:
    assert TargetSettings().shortest == 16
    assert TargetSettings(k=5).shortest == 5
