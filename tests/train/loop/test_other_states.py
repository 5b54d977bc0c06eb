"""States of other samples: never one's own, whatever the sizes of the samples."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sfr_train.loop.other_states import OtherStates


def states_of(samples: torch.Tensor) -> torch.Tensor:
    return samples[:, None].float()  # a state that tells its sample


def test_a_large_sample_is_paired_with_a_small_one() -> None:
    samples = torch.tensor([3] * 40 + [7] * 5)
    others = OtherStates().pair(states_of(samples), samples, names_are_local=False)
    assert others is not None
    assert others[:, 0].tolist() == [7.0] * 40 + [3.0] * 5


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=40))
def test_no_state_keeps_its_sample(names: list[int]) -> None:
    samples = torch.tensor(names)
    others = OtherStates().pair(states_of(samples), samples, names_are_local=False)
    if len(set(names)) == 1:
        assert others is None
    else:
        assert others is not None
        assert (others[:, 0] != samples).all()


def test_a_single_sample_gets_states_of_the_batch_before() -> None:
    states = OtherStates()
    first, second = torch.tensor([4, 4, 4]), torch.tensor([9, 9, 9, 9, 9])
    assert states.pair(states_of(first), first, names_are_local=False) is None
    states.keep(states_of(first), first)
    others = states.pair(states_of(second), second, names_are_local=False)
    assert others is not None
    assert others[:, 0].tolist() == [4.0] * 5
    # The same sample again, as at the end of an epoch, is no other sample; a number that counts
    # within its micro-batch says nothing.
    states.keep(states_of(second), second)
    assert states.pair(states_of(second), second, names_are_local=False) is None
    assert states.pair(states_of(second), second, names_are_local=True) is not None
