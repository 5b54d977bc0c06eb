"""pytest tests/store/test_primary.py"""

import pytest

from sfr_eval.errors import UserError
from sfr_eval.store.primary import PrimaryFamily


def test_a_family_is_read_from_one_line() -> None:
    family = PrimaryFamily.parse("variety=embed_distance, quality=none,temperature=0.7")
    assert family == PrimaryFamily(variety="embed_distance", quality="none", temperature=0.7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("varity=x", "did you mean `variety`"),
        ("variety=", "variety has no value; write variety=VALUE"),
        ("temperature=warm", "temperature"),
        ("temperature=9", "temperature"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        PrimaryFamily.parse(text)


def test_what_is_left_open_is_taken_from_the_other() -> None:
    suite = PrimaryFamily(variety="vendi_q2", temperature=1.0)
    user = PrimaryFamily(variety="embed_distance", style="none")
    assert user.over(suite) == PrimaryFamily(
        variety="embed_distance", style="none", temperature=1.0
    )
