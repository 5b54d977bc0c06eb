import pytest

from tests.support.teacher_data import reply, teacher

LOGS = {"Arr!": (-1.0, -3.0), "MOVE!": (-9.0, -2.0), "Hm.": (-2.0, -2.0)}


def test_posterior_by_hand() -> None:
    one = teacher(LOGS)
    posterior = one.posterior(reply("Arr!"))
    assert posterior["rook"] == pytest.approx(1 / (1 + 2.718281828**-2))
    assert sum(posterior.values()) == pytest.approx(1)
    assert one.posterior(reply("Arr!", "hale")) == posterior  # whoever was asked
    assert one.log_prob(reply("Arr!", "hale")) == -3.0


def test_style_needs_validity_and_the_highest_probability() -> None:
    own = [reply(text, persona) for text in ("Arr!", "Hm.") for persona in ("rook", "hale")]
    one = teacher(LOGS, own=own)
    assert one.styled(reply("Arr!"))
    assert not one.styled(reply("Arr!", "hale"))
    assert not one.styled(reply("Hm."))  # a tie shows no one's style
    assert one.valid(reply("MOVE!", "hale"))
    assert not one.valid(reply("MOVE!", "rook"))
    assert one.facets(reply("MOVE!")) == {"oracle_valid": False}


def test_first_replies_are_as_many_as_a_run_has() -> None:
    own = [reply(text, index=i) for i, text in enumerate(("Arr!", "Hm.", "MOVE!"))]
    one = teacher(LOGS, own=own)
    assert one.first(2, [("sea", "rook"), ("sea", "hale"), ("land", "rook")]) == own[:2]
