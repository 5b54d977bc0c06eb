import math

import pytest

from sfr_eval.suites.reference import Reference
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.suites.world.reference import WorldReference
from sfr_eval.util.assets import find_suite
from tests.support.teacher_data import reply, teacher


def _world() -> Reference:
    return WorldReference(PersonaWorld.load(find_suite("persona")))


def _teacher() -> Reference:
    return teacher({"Arr!": (-1.0, -3.0)}, own=[reply("Arr!")])


@pytest.mark.parametrize("make", [_world, _teacher])
def test_a_reference_knows_its_replies_exactly(make: object) -> None:
    reference = make()  # type: ignore[operator]
    text, query, persona = "Arr!", "sea", "rook"
    if isinstance(reference, WorldReference):
        import numpy as np

        world = reference.world
        query, persona = world.queries[0].id, world.personas[0].id
        text = world.sample(persona, query, np.random.default_rng(0))
    one = reply(text, persona, query=query)
    assert reference.valid(one)
    assert reference.facets(one)["oracle_valid"]
    assert -math.inf < reference.log_prob(one) < 0
    posterior = reference.posterior(one)
    assert posterior is not None
    assert sum(posterior.values()) == pytest.approx(1)
    assert reference.styled(one) == (posterior[persona] == max(posterior.values()))
