"""Token losses and future losses: closed forms, the identities between them, both ends of p."""

import math
from typing import Any

import pytest
import torch
from sfr_train.flow.head import Prediction
from sfr_train.loop.token_trainer import cross_entropy
from sfr_train.objectives import (
    OBJECTIVES,
    cka,
    dft,
    entropy,
    focal,
    gem,
    label_smoothing,
    read_objective,
    tofu,
)
from sfr_train.objectives.base import Anchors, Sizes
from sfr_train.objectives.future_cosine import one_minus_cosine
from sfr_train.objectives.neftune import embedding_noise

from sfr_eval.errors import UserError
from tests.support.flow import GeneratorNoise

V, N = 9, 7
TOKEN_LOSSES = {
    "ce": cross_entropy,
    "label_smoothing": lambda z, y: label_smoothing.token_loss(z, y, smoothing=0.1),
    "focal": lambda z, y: focal.token_loss(z, y, gamma=3.0),
    "focal half": lambda z, y: focal.token_loss(z, y, gamma=0.5),
    "tofu": lambda z, y: tofu.token_loss(z, y, gamma=3.0, beta=0.8),
    "tofu half": lambda z, y: tofu.token_loss(z, y, gamma=0.5, beta=0.8),
    "gem": lambda z, y: gem.token_loss(z, y, beta=0.7, weighting="linear"),
    "gem logsigmoid": lambda z, y: gem.token_loss(z, y, beta=0.7, weighting="logsigmoid"),
    "dft": dft.token_loss,
    "entropy": lambda z, y: entropy.token_loss(z, y, beta=0.1),
}


def logit_gradient(loss: Any, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    logits = (2 * torch.randn(N, V, dtype=torch.float64)).requires_grad_()
    token = torch.randint(0, V, (N,))
    loss(logits, token).sum().backward()
    assert logits.grad is not None
    return logits.grad, logits.detach(), token


def one_hot(token: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(token, V).double()


@pytest.mark.parametrize("beta", [0.5, 0.8, 1.3])
def test_tofu_without_focusing_has_the_gradient_of_gem_linear(beta: float) -> None:
    ours, _, _ = logit_gradient(lambda z, y: tofu.token_loss(z, y, gamma=0.0, beta=beta))
    theirs, _, _ = logit_gradient(lambda z, y: gem.token_loss(z, y, beta=beta, weighting="linear"))
    assert (ours - theirs).abs().max() < 1e-12


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_tofu_at_temperature_one_has_the_gradient_of_focal(gamma: float) -> None:
    ours, _, _ = logit_gradient(lambda z, y: tofu.token_loss(z, y, gamma=gamma, beta=1.0))
    theirs, _, _ = logit_gradient(lambda z, y: focal.token_loss(z, y, gamma=gamma))
    assert (ours - theirs).abs().max() < 1e-6  # focal clamps 1 - p at 1e-7


def test_tofu_with_neither_is_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, token = torch.randn(N, V), torch.randint(0, V, (N,))
    ours = tofu.token_loss(logits, token, gamma=0.0, beta=1.0)
    assert torch.allclose(ours, cross_entropy(logits, token), atol=1e-6)


def test_gem_linear_has_gradient_q_minus_e() -> None:
    gradient, logits, token = logit_gradient(
        lambda z, y: gem.token_loss(z, y, beta=0.7, weighting="linear")
    )
    assert (gradient - (torch.softmax(logits / 0.7, -1) - one_hot(token))).abs().max() < 1e-12


def test_gem_logsigmoid_is_about_half_of_linear() -> None:
    half, _, _ = logit_gradient(lambda z, y: gem.token_loss(z, y, beta=0.7, weighting="logsigmoid"))
    whole, _, _ = logit_gradient(lambda z, y: gem.token_loss(z, y, beta=0.7, weighting="linear"))
    difference = (half - 0.5 * whole).abs().max()
    assert 1e-5 < difference < 0.03  # close but not equal


def test_tofu_gradient_is_weighted_tempered_softmax_minus_e() -> None:
    gradient, logits, token = logit_gradient(TOKEN_LOSSES["tofu"])
    p = torch.softmax(logits, -1).gather(1, token[:, None])
    weight = (1 - p) ** 3 - 3 * p * (1 - p) ** 2 * p.log()
    expected = weight * (torch.softmax(logits / 0.8, -1) - one_hot(token))
    assert (gradient - expected).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("p", "weight"),
    [(1e-6, 1.00004), (0.1, 1.28853), (0.2, 1.13002), (0.5, 0.384930), (0.9, 0.00384473)],
)
def test_focal_slope_has_the_published_values(p: float, weight: float) -> None:
    slope = tofu.focal_slope(torch.tensor([math.log(p)], dtype=torch.float64), 3.0)
    assert float(slope) == pytest.approx(weight, rel=1e-5)


def test_dft_weights_cross_entropy_by_its_own_probability() -> None:
    gradient, logits, token = logit_gradient(dft.token_loss)
    p = torch.softmax(logits, -1)
    expected = p.gather(1, token[:, None]) * (p - one_hot(token))
    assert (gradient - expected).abs().max() < 1e-12


def test_label_smoothing_is_torchs_own() -> None:
    torch.manual_seed(0)
    logits, token = torch.randn(N, V), torch.randint(0, V, (N,))
    theirs = torch.nn.functional.cross_entropy(logits, token, label_smoothing=0.1, reduction="none")
    assert torch.allclose(TOKEN_LOSSES["label_smoothing"](logits, token), theirs, atol=1e-6)


@pytest.mark.parametrize("name", TOKEN_LOSSES)
@pytest.mark.parametrize("gap", [-300.0, -90.0, 0.0, 20.0, 90.0, 300.0])
def test_losses_and_gradients_are_finite_where_p_is_0_or_1(name: str, gap: float) -> None:
    logits = torch.zeros(1, V)
    logits[0, 3] = gap  # p from e^-300, which is 0 in float32, to 1
    logits.requires_grad_()
    loss = TOKEN_LOSSES[name](logits, torch.tensor([3]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("gamma", [0.0, 3.0])
def test_a_certain_token_has_no_gradient(gamma: float) -> None:
    logits = torch.zeros(1, V)
    logits[0, 3] = 200.0
    logits.requires_grad_()
    tofu.token_loss(logits, torch.tensor([3]), gamma=gamma, beta=0.8).sum().backward()
    assert logits.grad.abs().max() < 1e-6


def test_unbiased_cka_is_one_for_rotations_and_zero_for_noise() -> None:
    torch.manual_seed(0)
    x = torch.randn(400, 6, dtype=torch.float64)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    assert float(cka.unbiased_cka(x, 3 * x @ rotation + 5)) == pytest.approx(1, abs=1e-9)
    strangers = [float(cka.unbiased_cka(torch.randn(8, 6), torch.randn(8, 6))) for _ in range(300)]
    # The biased estimator gives about .5 here; the mean of 300 has a standard error under .02.
    assert abs(sum(strangers) / 300) < 0.06


@pytest.mark.parametrize(
    ("width", "rows", "offset"), [(3584, 32, 7.0), (576, 8, 10.0), (64, 4, 100)]
)
def test_cka_keeps_its_digits_where_states_are_nearly_equal(
    width: int, rows: int, offset: float
) -> None:
    """A mean of `offset` spreads: at 7 the cosine of two states is .98, as in a large model."""
    torch.manual_seed(0)
    spread = torch.randn(rows, width, dtype=torch.float64)
    states = spread + offset * torch.randn(width, dtype=torch.float64)
    targets = spread[:, :16] + 0.5 * torch.randn(rows, 16, dtype=torch.float64)
    exact = cka.unbiased_cka(states, targets)
    narrow = states.float().requires_grad_()
    ours = cka.unbiased_cka(narrow, targets.float())
    assert float(ours.detach()) == pytest.approx(float(exact), abs=1e-3)
    assert float(exact) == pytest.approx(float(cka.unbiased_cka(spread, targets)), abs=1e-9)
    (1 - ours).backward()
    assert torch.isfinite(narrow.grad).all()


def test_cka_of_equal_states_is_zero_and_has_a_finite_gradient() -> None:
    states = torch.ones(6, 5).requires_grad_()
    value = cka.unbiased_cka(states, torch.randn(6, 4))
    value.backward()
    assert float(value.detach()) == 0
    assert torch.isfinite(states.grad).all()


def test_cka_below_zero_still_has_a_gradient() -> None:
    for seed in range(50):
        torch.manual_seed(seed)
        states, targets = torch.randn(5, 3).requires_grad_(), torch.randn(5, 3)
        value = cka.unbiased_cka(states, targets)
        if float(value.detach()) < -0.1:
            value.backward()
            assert states.grad.abs().max() > 1e-3
            return
    raise AssertionError("no value below 0 in 50 draws")


def test_unbiased_hsic_is_the_sum_over_distinct_indices() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(6, 2, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    k, m = x @ x.T, y @ y.T
    import itertools

    terms = [
        k[i, j] * m[i, j] + k[i, j] * m[q, r] - 2 * k[i, j] * m[i, q]
        for i, j, q, r in itertools.permutations(range(6), 4)
    ]
    assert float(cka.unbiased_hsic(x, y)) == pytest.approx(float(sum(terms) / len(terms)))


def test_cka_leaves_small_batches_and_unweighted_anchors_out() -> None:
    loss = cka.Alignment()
    hidden, target = torch.randn(6, 5, requires_grad=True), torch.randn(6, 4)
    sequences = torch.tensor([0, 0, 1, 1, 2, 2])
    few = Anchors(hidden, torch.ones(6), sequences, target=target)
    assert float(loss.terms(few, _noise(6)).total) == 0
    assert float(loss.step_weight(few.weight, sequences)) == 0
    sequences = torch.tensor([0, 1, 2, 3, 3, 3])
    weight = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    enough = Anchors(hidden, weight, sequences, target=target)
    loss.terms(enough, _noise(6)).total.backward()
    assert float(loss.step_weight(weight, sequences)) == 1
    assert hidden.grad[5].abs().max() == 0
    assert hidden.grad[4].abs().max() > 0


def test_cosine_ignores_length_and_is_finite_at_zero() -> None:
    prediction = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]], requires_grad=True)
    target = torch.tensor([[6.0, 8.0], [1.0, 0.0], [5.0, 0.0]])
    loss = one_minus_cosine(target, Prediction(prediction))
    assert loss.tolist() == pytest.approx([0, 1, 2], abs=1e-6)
    loss.sum().backward()
    assert torch.isfinite(prediction.grad).all()
    assert prediction.grad[1].abs().max() > 0  # else a zero-initialized head would never start


def test_neftune_noise_has_the_size_of_the_true_length() -> None:
    torch.manual_seed(0)
    embeddings = torch.zeros(2, 50, 64)
    lengths = torch.tensor([[50], [5]]).expand(2, 50)
    noise = embedding_noise(embeddings, lengths, alpha=5.0)
    for row, length in ((0, 50), (1, 5)):
        bound = 5 / math.sqrt(length * 64)
        assert bound * 0.99 < float(noise[row].abs().max()) <= bound
        assert abs(float(noise[row].mean())) < 4 * bound / math.sqrt(3 * 50 * 64)


SAMPLED = ("dqo", "ebft")
"""They learn from the model's own samples; their tests are in tests/train/policy."""


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name not in SAMPLED])
def test_every_listed_objective_builds_with_its_defaults(name: str) -> None:
    module, settings = read_objective(name)
    torch.manual_seed(0)
    objective = module.build(settings, Sizes(hidden=8, vocabulary=V, target=6))
    if objective.future is None or name == "kl_to_base":  # which needs a model
        return
    count = 8
    anchors = Anchors(
        hidden=torch.randn(count, 8, requires_grad=True),
        weight=torch.ones(count, 4) if objective.future.tokens else torch.ones(count),
        sequences=torch.arange(count),
        target=torch.randn(count, 6),
        tokens=torch.randint(0, V, (count, 4)) if objective.future.tokens else None,
    )
    terms = objective.future.terms(anchors, _noise(count))
    terms.total.backward()
    assert torch.isfinite(terms.total)
    if objective.future.head is not None:
        assert any(p.grad.abs().max() > 0 for p in objective.future.head.parameters())


def test_an_unknown_objective_suggests_the_nearest_name() -> None:
    with pytest.raises(UserError, match="objective tofuu: unknown; did you mean `tofu`"):
        read_objective("tofuu")


def _noise(count: int) -> GeneratorNoise:
    return GeneratorNoise(count, torch.Generator().manual_seed(0))
