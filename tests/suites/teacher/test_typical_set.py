import math
import random

from sfr_eval.suites.teacher.reply import ReplyScore
from sfr_eval.suites.teacher.typical_set import COVERAGE, TypicalSet


def test_example_by_hand() -> None:
    """Two replies of 4 tokens with 4 and 12 nats: 2 a token, z = -2 and 2."""
    typical = TypicalSet.of([("rook", ReplyScore(-4.0, 4)), ("rook", ReplyScore(-12.0, 4))])
    assert typical.rates == {"rook": 2.0}
    assert typical.threshold == 2.0
    assert typical.holds("rook", ReplyScore(-12.0, 4))
    assert not typical.holds("rook", ReplyScore(-12.1, 4))
    assert typical.holds("rook", ReplyScore(-0.1, 4))  # too probable is no fault of a reply


def test_nothing_is_valid_without_replies_or_tokens() -> None:
    assert not TypicalSet.of([]).holds("rook", ReplyScore(-1.0, 1))
    typical = TypicalSet.of([("rook", ReplyScore(-4.0, 4)), ("rook", ReplyScore(0.0, 0))])
    assert not typical.holds("rook", ReplyScore(0.0, 0))
    assert not typical.holds("hale", ReplyScore(-4.0, 4))


def test_new_replies_of_the_teacher_pass_99_times_in_100() -> None:
    """Long and short replies alike: sums of exponential surprises, 2 nats a token."""
    draw = random.Random(0)

    def scores(count: int, tokens: int) -> list[ReplyScore]:
        sums = [math.fsum(draw.expovariate(0.5) for _ in range(tokens)) for _ in range(count)]
        return [ReplyScore(-one, tokens) for one in sums]

    own = [("rook", score) for tokens in (5, 20, 80) for score in scores(1000, tokens)]
    typical = TypicalSet.of(own)
    shares = [
        sum(typical.holds("rook", score) for score in scores(2000, tokens)) / 2000
        for tokens in (5, 20, 80)
    ]
    assert abs(sum(shares) / 3 - COVERAGE) < 0.005
    assert min(shares) > 0.97
