from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.suites.world.reference import WorldReference
from sfr_eval.util.assets import find_suite
from tests.support.teacher_data import reply


def test_a_text_of_nobody_has_no_probability_and_no_posterior() -> None:
    world = PersonaWorld.load(find_suite("persona"))
    reference = WorldReference(world)
    one = reply("Arr!", world.personas[0].id, query=world.queries[0].id)
    assert not any(reference.facets(one).values())
    assert not reference.styled(one)
    assert reference.log_prob(one) == float("-inf")
    assert reference.posterior(one) is None
