"""pytest tests/models/test_forward_pass.py"""

import numpy as np
import pytest

from sfr_eval.models import forward_pass
from sfr_eval.models.forward_pass import ForwardPass, spread
from sfr_eval.models.states_on_disk import TokenizedReplies


def test_batches_stay_within_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row once, neighbours in length together, and only a single row may be too large."""
    rng = np.random.default_rng(0)
    prompts = [[0] * int(n) for n in rng.integers(5, 200, 40)]
    owner = rng.integers(0, 40, 300).tolist()
    texts = TokenizedReplies(
        samples=[str(place) for place in range(300)],
        prompts=prompts,
        replies=[[0] * int(n) for n in rng.integers(0, 90, 300)],
        prompt_of=owner,
        leads=[[] for _ in range(300)],
        row=np.arange(300),
    )
    reader = object.__new__(ForwardPass)
    reader._device, reader._bytes = "cpu", 100
    monkeypatch.setattr(forward_pass, "MEMORY", {"cpu": 100 * 1000})
    monkeypatch.setattr(forward_pass, "TOKENS", 1)
    batches = list(reader.batches(texts))
    assert sorted(row for batch in batches for row in batch) == list(range(300))
    assert len(batches) < 100
    for batch in batches:
        longest = max(len(prompts[owner[row]]) + len(texts.replies[row]) for row in batch)
        assert len(batch) == 1 or len(batch) * longest * 100 <= 100 * 1000


def test_wide_models_are_read_in_full_batches() -> None:
    """Where the states of one reply exceed the memory, as of 30 layers of 576 numbers."""
    texts = TokenizedReplies(
        samples=[str(place) for place in range(64)],
        prompts=[[0] * 50],
        replies=[[0] * 78] * 64,
        prompt_of=[0] * 64,
        leads=[[]] * 64,
        row=np.arange(64),
    )
    reader = object.__new__(ForwardPass)
    reader._device, reader._bytes = "cpu", 2**22
    assert [len(batch) for batch in reader.batches(texts)] == [forward_pass.TOKENS // 128] * 8


def test_layers_are_spread_over_the_depth() -> None:
    assert spread(2) == (0, 1, 2)
    assert spread(28) == (0, 7, 14, 21, 28)
