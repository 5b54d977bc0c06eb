"""Pairs every anchor with a state of another sample, to see whether a head reads the state."""

import torch


class OtherStates:
    """Takes them from the micro-batch itself, or from the one before if it has a single sample."""

    def __init__(self) -> None:
        self._previous: tuple[torch.Tensor, torch.Tensor] | None = None

    def keep(self, states: torch.Tensor, samples: torch.Tensor) -> None:
        """Remember the states (N, H) of samples (N,) for the next micro-batch."""
        self._previous = states.detach(), samples

    def pair(
        self, states: torch.Tensor, samples: torch.Tensor, *, names_are_local: bool
    ) -> torch.Tensor | None:
        """states (N, H) of samples (N,) -> states of other samples (N, H).

        names_are_local: the same number means another sample in another micro-batch. None if there
        is no other sample, as in the first of micro-batches with one sample each.
        """
        if (samples != samples[0]).any():
            return states[_partners(samples)]
        if self._previous is None:
            return None
        others, owners = self._previous
        if not names_are_local:
            others = others[owners != samples[0]]
        if not len(others):
            return None
        return others[torch.arange(len(states), device=states.device) % len(others)].to(states)


def _partners(samples: torch.Tensor) -> torch.Tensor:
    """Return for each of N anchors, of two samples at least, one of another sample: samples in
    order, the anchors after those of one's own, from place to place."""
    order = torch.argsort(samples, stable=True)
    _, sizes = torch.unique_consecutive(samples[order], return_counts=True)
    size = sizes.repeat_interleave(sizes)
    end = sizes.cumsum(0).repeat_interleave(sizes)
    count = len(samples)
    place = torch.arange(count, device=samples.device) - (end - size)
    result = torch.empty_like(order)
    result[order] = order[(end + place % (count - size)) % count]
    return result
