"""What a head can reach that ignores the model: the reference of a flow loss."""

import math
from typing import Any

import pytest
import torch
from sfr_train.flow.blind import BlindField, isotropic
from sfr_train.flow.flow import FlowMatching, gaussian_source, mean_square
from sfr_train.flow.head import FlowHead
from sfr_train.objectives.base import Anchors, Sizes
from sfr_train.objectives.sfr import Flow, Settings, build

from tests.support.flow import GeneratorNoise


def noise(count: int, seed: int = 0) -> GeneratorNoise:
    return GeneratorNoise(count, torch.Generator().manual_seed(seed))


def field_of(target: torch.Tensor) -> BlindField:
    values, vectors = torch.linalg.eigh(torch.cov(target.double().T, correction=0))
    return BlindField(target.mean(0), values.clamp(min=0).float(), vectors.float())


def loss_and_reference(
    target: torch.Tensor, field: BlindField, *, tau_weight: Any, head: Any = None
) -> float:
    """The loss of a head, by default the field, over the expected loss at the same times."""
    scale = float(target.square().mean().sqrt())
    flow = FlowMatching(gaussian_source, head or field, mean_square, tau_weight, scale=scale)
    draws = noise(len(target))
    tau = draws.uniform()
    loss = flow.loss(torch.zeros(len(target), 1), target=target, noise=draws, tau=tau)
    return float(loss.detach().mean() / (field.loss(tau) * flow.weight(tau)).mean())


@pytest.fixture(scope="module")
def sentences() -> torch.Tensor:
    """MiniLM's embeddings of parts of the benchmark's replies, of length 1."""
    from sfr_train.data.world_text import persona_chats
    from sfr_train.targets.segments import TargetSettings
    from sfr_train.targets.text_encoder import SentenceEncoder

    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    world = PersonaWorld.load(find_suite("persona"))
    replies = [
        chat["completion"][0]["content"].split() for chat in persona_chats(world, rows=180, seed=0)
    ]
    texts = [" ".join(reply[i : i + 10]) for reply in replies for i in range(0, 24, 8) if reply[i:]]
    return torch.from_numpy(SentenceEncoder(TargetSettings()).encode(texts)).float()


def test_the_loss_of_one_coordinate_is_that_of_the_formula() -> None:
    field = BlindField(torch.tensor([3.0]), torch.tensor([4.0]), torch.eye(1))
    # At tau = 1/2: var z = 1 + 1/4, slope (2 - 1/2) / (5/4) = 6/5, loss 4 / (5/4) = 3.2.
    half = torch.tensor([0.5])
    assert float(field.velocity(torch.tensor([[2.5]]), half)) == pytest.approx(3 + 1.2)
    assert float(field.loss(half)) == pytest.approx(3.2)
    ends = torch.tensor([0.0, 1.0])
    assert field.loss(ends).tolist() == pytest.approx([4, 1])


@pytest.mark.parametrize("scale", [1 / 32, 0.5, 1.0])
def test_equal_eigenvalues_give_s_pi_over_two(scale: float) -> None:
    tau = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    mean = isotropic(3, scale=scale).loss(tau).mean()
    assert float(mean) == pytest.approx(scale * math.pi / 2, rel=1e-3)


def test_targets_that_do_not_vary_are_predicted_without_loss() -> None:
    field = BlindField(torch.ones(2), torch.zeros(2), torch.eye(2))
    tau = torch.tensor([0.0, 0.4, 1.0])
    assert field.loss(tau).tolist() == [0, 0, 0]
    assert torch.isfinite(field.velocity(torch.randn(3, 2), tau)).all()


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.9])
def test_no_linear_prediction_from_z_is_better(tau: float) -> None:
    """The normal equations: what is left has no covariance with z and no mean."""
    torch.manual_seed(0)
    mixing = torch.randn(5, 5, dtype=torch.float64) * torch.tensor([2.0, 1.0, 0.5, 0.2, 0.05])
    target = torch.rand(400_000, 5, dtype=torch.float64) ** 3 @ mixing.T + 0.7  # not Gaussian
    values, vectors = torch.linalg.eigh(torch.cov(target.T, correction=0))
    field = BlindField(target.mean(0), values, vectors)
    start = torch.randn_like(target)
    state = tau * target + (1 - tau) * start
    time = torch.full((len(target),), tau, dtype=torch.float64)
    rest = target - start - field.velocity(state, time)
    assert rest.mean(0).abs().max() < 0.02
    assert (rest.T @ (state - state.mean(0)) / len(target)).abs().max() < 0.02
    assert float(rest.square().mean()) == pytest.approx(float(field.loss(time[:1])), rel=0.01)


@pytest.mark.model
@pytest.mark.parametrize("tau_weight", ["none", "min_snr"])
@pytest.mark.parametrize("kind", ["isotropic", "standardised", "unit"])
def test_a_perfect_blind_head_reads_one(
    kind: str, tau_weight: str, sentences: torch.Tensor
) -> None:
    """Must hold: 1.00 +- .02 for isotropic targets and for real embeddings at both scales."""
    target = sentences
    if kind == "isotropic":
        target = torch.randn(4096, 64, generator=torch.Generator().manual_seed(0))
    if kind == "standardised":
        target = (target - target.mean(0)) / target.std(0, correction=0)
    field, target = field_of(target), target.repeat(12, 1)
    assert loss_and_reference(target, field, tau_weight=tau_weight) == pytest.approx(1, abs=0.02)
    # The isotropic reference, which does not know how the eigenvalues differ.
    plain = isotropic(target.shape[1], scale=float(target.square().mean().sqrt()))
    ratio = loss_and_reference(target, plain, tau_weight=tau_weight, head=field)
    assert ratio == pytest.approx(1, abs=0.02) if kind == "isotropic" else ratio < 0.9


def test_a_head_that_reads_the_state_reads_below_one() -> None:
    torch.manual_seed(0)
    mixing = torch.randn(8, 8)
    target = torch.randn(4_000, 8) @ mixing.T
    target = target / target.std()
    hidden = target[:, :4] + 0.1 * torch.randn(4_000, 4)  # four of eight coordinates, nearly
    field = field_of(target)
    ratios = {}
    for blind in (True, False):
        settings = Settings(
            width=64, time_size=16, skip="covariance", blind=blind, tau_per="anchor"
        )
        torch.manual_seed(1)
        built = build(settings, Sizes(hidden=4, vocabulary=9, target=8, field=field))
        future: Any = built.future
        assert isinstance(future, Flow)
        optimizer = torch.optim.Adam(future.head.parameters(), lr=2e-3)

        def terms(rows: slice, seed: int, loss: Flow = future) -> tuple[Any, Any]:
            some = target[rows]
            batch = Anchors(
                hidden[rows], torch.ones(len(some)), torch.arange(len(some)), target=some
            )
            draws = [noise(len(some), seed) for _ in range(2)]  # the same numbers for both
            return loss.terms(batch, draws[0]), loss.blind_terms(batch, draws[1])  # type: ignore[arg-type]

        for step in range(150):
            start = (step % 6) * 500
            optimizer.zero_grad()
            (terms(slice(start, start + 500), step)[0].total / 500).backward()
            optimizer.step()
        ours, reference = terms(slice(3_000, 4_000), 999)  # held out
        ratios[blind] = float(ours.total.detach() / reference.total)
    assert ratios[True] == pytest.approx(1, abs=0.02)
    assert ratios[False] < 0.8


def test_a_narrow_head_with_the_skip_starts_at_the_reference() -> None:
    torch.manual_seed(0)
    target = torch.randn(2_000, 24) @ torch.randn(24, 24)
    field = field_of(target)
    narrow = FlowHead(size=24, hidden_size=1, width=4, time_size=8, skip=field)
    ratio = loss_and_reference(target, field, tau_weight="none", head=narrow)
    assert ratio == pytest.approx(1, abs=0.05)
    assert not [name for name in narrow.state_dict() if "skip" in name]
