"""Flow matching against closed forms, and MTP as its degenerate case (T1 to T11 of the method)."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sfr_train.flow.flow import (
    FlowMatching,
    constant_source,
    gaussian_source,
    mean_square,
    min_snr_weight,
    straight_path,
    sum_square,
    transported_kl,
)
from sfr_train.flow.head import FlowHead, Prediction, TimeFreeHead, TokenHeads
from sfr_train.objectives.base import Anchors
from sfr_train.objectives.mtp import NextTokens
from sfr_train.objectives.sfr import Flow

from tests.support.flow import GeneratorNoise, integrate

V, K, H, N = 11, 4, 6, 9


def noise(count: int, seed: int = 0) -> GeneratorNoise:
    return GeneratorNoise(count, torch.Generator().manual_seed(seed))


def random_point(seed: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(V, generator=generator, dtype=torch.float64), dim=0)


def make_heads(seed: int = 1, dtype: torch.dtype = torch.float64) -> TokenHeads:
    torch.manual_seed(seed)
    return TokenHeads(hidden_size=H, vocabulary=V, tokens=K).to(dtype)


def mtp_batch(seed: int = 2, dtype: torch.dtype = torch.float64) -> Anchors:
    """Nine states; the last ones have fewer than four tokens ahead, one has an ignored token."""
    torch.manual_seed(seed)
    tokens = torch.randint(0, V, (N, K))
    valid = torch.ones(N, K, dtype=torch.bool)
    for n in range(N - K + 1, N):
        valid[n, N - n :] = False  # past the end of the sample: the last state has one token ahead
    valid[2, 1] = False
    return Anchors(
        hidden=torch.randn(N, H, dtype=dtype),
        weight=valid.to(dtype),
        sequences=torch.arange(N),
        tokens=tokens.masked_fill(~valid, -100),
    )


def degenerate(heads: TokenHeads, point: torch.Tensor, divergence: Any = None) -> Flow:
    """SFR's own class with a constant source, one-hot targets and a time-free head."""
    head = TimeFreeHead(heads, point)
    flow = FlowMatching(constant_source(point), head, divergence or transported_kl(point))
    return Flow(flow, tokens=K)


def drawn_loss(
    flow: FlowMatching, hidden: torch.Tensor, *, target: torch.Tensor, noise: GeneratorNoise
) -> torch.Tensor:
    """The loss at times drawn before the source points."""
    tau = noise.uniform().to(target)
    return flow.loss(hidden, target=target, noise=noise, tau=tau)


def one_hot(tokens: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(tokens.clamp(min=0), V).double()


def mtp_by_hand(heads: TokenHeads, batch: Anchors) -> torch.Tensor:
    """Sum of -log softmax(W_i h + b_i)[y_{t+i}] over valid pairs, straight from Def. A.4."""
    assert batch.tokens is not None
    total = torch.zeros((), dtype=batch.hidden.dtype)
    for n in range(N):
        for i in range(K):
            if batch.weight[n, i]:
                logits = heads.heads[i].weight @ batch.hidden[n] + heads.heads[i].bias
                total = total - torch.log_softmax(logits, 0)[batch.tokens[n, i]]
    return total


def test_t1_the_path_stays_on_the_simplex_with_slope_e_minus_pi() -> None:
    point, target = random_point(), one_hot(torch.tensor([3, 7]))
    start = point.expand_as(target)
    for tau in (0.0, 0.3, 0.999):
        here = torch.full((2,), tau, dtype=torch.float64)
        state, velocity = straight_path(start, target, here)
        later, _ = straight_path(start, target, here + 1e-6)
        slope = (later - state) / 1e-6
        assert (slope - (target - point)).abs().max() < 1e-6
        assert (slope - velocity).abs().max() < 1e-6
        assert state.min() >= 0
        assert (state.sum(-1) - 1).abs().max() < 1e-12


def test_t2_velocities_of_target_and_head_sum_to_zero() -> None:
    heads, batch, point = make_heads(), mtp_batch(), random_point()
    target = one_hot(batch.tokens)
    _, velocity = straight_path(point.expand_as(target), target, torch.rand(N))
    predicted = TimeFreeHead(heads, point).predict(target, torch.rand(N), batch.hidden).velocity
    assert velocity.sum(-1).abs().max() < 1e-12
    assert predicted.sum(-1).abs().max() < 1e-12


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_t3_the_divergence_is_cross_entropy_at_any_time(seed: int) -> None:
    heads, batch, point = make_heads(), mtp_batch(), random_point(seed)
    flow = degenerate(heads, point).flow
    target = one_hot(batch.tokens)
    loss = drawn_loss(flow, batch.hidden, target=target, noise=noise(N, seed))
    prediction = flow.head.predict(target, torch.zeros(N), batch.hidden)
    end, guess = (target - point) + point, prediction.velocity + point
    literal = (torch.xlogy(end, end) - torch.where(end > 1e-9, end * guess.log(), 0)).sum(-1)
    picked = torch.log_softmax(heads(batch.hidden), -1).gather(
        -1, batch.tokens.clamp(min=0)[..., None]
    )
    assert (loss - literal).abs().max() < 1e-11
    assert (loss + picked[..., 0]).abs().max() < 1e-11


def test_t4_square_distance_of_velocities_is_that_of_end_points() -> None:
    heads, batch, point = make_heads(), mtp_batch(), random_point()
    flow = degenerate(heads, point, sum_square).flow
    target = one_hot(batch.tokens)
    loss = drawn_loss(flow, batch.hidden, target=target, noise=noise(N))
    brier = (target - torch.softmax(heads(batch.hidden), -1)).square().sum(-1)
    assert (loss - brier).abs().max() < 1e-14


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 1e-5)])
def test_t5_gradients_to_heads_and_states_are_those_of_mtp(
    dtype: torch.dtype, tolerance: float
) -> None:
    gradients = []
    for make in (
        lambda heads: degenerate(heads, random_point().to(dtype)),
        NextTokens,
    ):
        heads, batch = make_heads(dtype=dtype), mtp_batch(dtype=dtype)
        batch.hidden.requires_grad_()
        make(heads).terms(batch, noise(N)).total.backward()
        gradients.append([batch.hidden.grad, *(p.grad for p in heads.parameters())])
    for ours, theirs in zip(*gradients, strict=True):
        assert theirs.abs().max() > 0.1  # the comparison is not vacuous
        assert (ours - theirs).abs().max() < tolerance


def test_t5_the_logit_gradient_is_q_minus_e() -> None:
    logits = torch.randn(N, K, V, dtype=torch.float64, requires_grad=True)
    point, target = random_point(), one_hot(torch.randint(0, V, (N, K)))
    log_q = torch.log_softmax(logits, -1)
    prediction = Prediction(log_q.exp() - point, log_q)
    transported_kl(point)(target - point, prediction).sum().backward()
    assert (logits.grad - (log_q.exp() - target)).abs().max() < 1e-12


def test_t6_the_loss_knows_neither_time_nor_source_point() -> None:
    heads, batch = make_heads(), mtp_batch()
    losses = [
        degenerate(heads, random_point(seed)).terms(batch, noise(N, seed)).total.item()
        for seed in range(3)
    ]
    assert max(losses) - min(losses) < 1e-11


@pytest.mark.parametrize("steps", [1, 3, 17])
@pytest.mark.parametrize("method", ["euler", "midpoint"])
def test_t7_integration_ends_at_q_after_any_number_of_steps(steps: int, method: Any) -> None:
    heads, batch, point = make_heads(), mtp_batch(), random_point()
    head = TimeFreeHead(heads, point)
    start = point.expand(N, K, V)
    end = integrate(
        lambda state, tau: head.predict(state, tau, batch.hidden).velocity,
        start,
        steps=steps,
        method=method,
    )
    assert (end - torch.softmax(heads(batch.hidden), -1)).abs().max() < 1e-15


def test_t8_sfr_gives_the_loss_and_the_divisor_of_mtp() -> None:
    heads, batch = make_heads(), mtp_batch()
    ours, theirs = degenerate(heads, random_point()), NextTokens(heads)
    expected = mtp_by_hand(heads, batch).detach()
    assert abs(float(ours.terms(batch, noise(N)).total.detach() - expected)) < 1e-11
    assert abs(float(theirs.terms(batch, noise(N)).total.detach() - expected)) < 1e-11
    pairs = N * K - (1 + 2 + 3) - 1  # minus the tail and the ignored token
    assert float(ours.step_weight(batch.weight, batch.sequences)) == pairs
    assert float(theirs.step_weight(batch.weight, batch.sequences)) == pairs


def train(make: Any, steps: int = 200) -> list[torch.Tensor]:
    """SGD on a trunk and the heads from the same initialization."""
    torch.manual_seed(0)
    trunk = torch.nn.Linear(3, H).double()
    heads = make_heads()
    loss = make(heads)
    parameters = [*trunk.parameters(), *heads.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        inputs = torch.randn(N, 3, generator=generator, dtype=torch.float64)
        batch = mtp_batch(seed=step)
        batch = Anchors(trunk(inputs), batch.weight, batch.sequences, tokens=batch.tokens)
        optimizer.zero_grad()
        (loss.terms(batch, noise(N, step)).total / batch.weight.sum()).backward()
        optimizer.step()
    return [p.detach() for p in parameters]


def test_t9_two_hundred_steps_give_the_same_parameters() -> None:
    ours = train(lambda heads: degenerate(heads, random_point()))
    theirs = train(NextTokens)
    start = make_heads()
    assert (ours[2] - start.heads[0].weight).abs().max() > 0.1  # something was trained
    assert max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True)) < 1e-9


def test_t10_a_gaussian_source_breaks_the_equality() -> None:
    heads, batch, point = make_heads(), mtp_batch(), random_point()
    target = one_hot(batch.tokens)
    head = TimeFreeHead(heads, point)
    exact = FlowMatching(constant_source(point), head, sum_square)
    broken = FlowMatching(gaussian_source, head, sum_square)
    losses = [
        drawn_loss(flow, batch.hidden, target=target, noise=noise(N)).mean()
        for flow in (exact, broken)
    ]
    assert abs(float(losses[0] - losses[1])) > 1


def test_t10_a_head_that_knows_the_time_breaks_the_equality() -> None:
    class Timed(TimeFreeHead):
        def predict(self, state: Any, tau: Any, hidden: Any) -> Prediction:
            log_end = torch.log_softmax(self.tokens(hidden) * (1 + tau)[:, None, None], -1)
            return Prediction(log_end.exp() - self.point, log_end)

    heads, batch, point = make_heads(), mtp_batch(), random_point()
    flow = FlowMatching(constant_source(point), Timed(heads, point), transported_kl(point))
    target = one_hot(batch.tokens)
    loss = drawn_loss(flow, batch.hidden, target=target, noise=noise(N))
    total = (loss * batch.weight).sum().item()
    assert abs(total - mtp_by_hand(heads, batch).item()) > 0.1


ATOMS = torch.stack([torch.ones(8), -torch.ones(8)]).double()
SHARES = torch.tensor([0.7, 0.3], dtype=torch.float64)


def mixture_velocity(state: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
    """v*(z, tau) = (E[c | z, tau] - z) / (1 - tau) for atoms c_j with shares w_j."""
    left = (1 - tau)[:, None]
    distance = (state[:, None] - tau[:, None, None] * ATOMS).square().sum(-1)
    chances = torch.softmax(SHARES.log() - distance / (2 * left**2), dim=1)
    return (chances @ ATOMS - state) / left


def test_t11_the_exact_field_carries_noise_to_both_modes() -> None:
    torch.manual_seed(0)
    end = integrate(mixture_velocity, torch.randn(20_000, 8, dtype=torch.float64), steps=400)
    first = (end[:, 0] > 0).double().mean()
    # binomial: 4 standard errors of .7 at 20,000 draws are .013
    assert abs(float(first) - 0.7) < 0.013
    assert (end[:, None] - ATOMS).norm(dim=-1).min(dim=1).values.quantile(0.99) < 1e-9


def test_t11_flow_finds_two_modes_and_regression_the_mean() -> None:
    torch.manual_seed(0)
    hidden = torch.zeros(256, 1)
    head = FlowHead(size=8, hidden_size=1, width=64, time_scale=10.0)
    flow = FlowMatching(gaussian_source, head, mean_square)
    point = torch.nn.Parameter(torch.zeros(8))
    optimizer = torch.optim.Adam([*head.parameters(), point], lr=3e-3)
    for step in range(800):
        atoms = (torch.rand(256) < 0.3).long()
        target = ATOMS.float()[atoms]
        loss = drawn_loss(flow, hidden, target=target, noise=noise(256, step)).mean()
        loss = loss + mean_square(target, Prediction(point.expand(256, 8))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        end = integrate(
            lambda z, tau: head.predict(z, tau, torch.zeros(len(z), 1)).velocity,
            torch.randn(2000, 8),
            steps=50,
        )
    assert abs(float((end.mean(1) > 0).float().mean()) - 0.7) < 0.06
    assert (end.mean(1).abs() > 0.7).float().mean() > 0.95  # at a mode, not between them
    assert (point.detach() - 0.4).abs().max() < 0.1  # .7 - .3: the mean, which is no reply


def test_t11_a_constant_source_reaches_one_point_only() -> None:
    torch.manual_seed(0)
    start = torch.zeros(500, 8, dtype=torch.float64)
    end = integrate(mixture_velocity, start, steps=100)
    assert float(end.std(dim=0).max()) == 0


@pytest.mark.parametrize(("size", "scale", "expected"), [(1024, 1 / 32, 1.00098), (64, 1.0, 2.0)])
def test_a_new_head_has_loss_one_plus_s_squared(size: int, scale: float, expected: float) -> None:
    torch.manual_seed(0)
    head = FlowHead(size=size, hidden_size=4, width=16, time_size=16)
    flow = FlowMatching(gaussian_source, head, mean_square)
    target = torch.randn(4000, size) * scale
    loss = drawn_loss(flow, torch.randn(4000, 4), target=target, noise=noise(4000))
    assert abs(float(loss.mean()) - expected) < 0.01


def test_a_head_that_knows_the_end_point_has_no_loss() -> None:
    target = torch.randn(50, 8, dtype=torch.float64)

    class Oracle:
        def predict(self, state: Any, tau: Any, hidden: Any) -> Prediction:
            return Prediction((target - state) / (1 - tau)[:, None])

    flow = FlowMatching(gaussian_source, Oracle(), mean_square)
    tau = torch.linspace(0, 0.9, 50).double()
    loss = flow.loss(torch.zeros(50, 1), target=target, noise=noise(50), tau=tau)
    assert float(loss.max()) < 1e-20


@hypothesis_settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0.01, 2))
def test_min_snr_is_the_end_point_weight_moved_to_velocities(tau: float, scale: float) -> None:
    weight = float(min_snr_weight(torch.tensor([tau], dtype=torch.float64), scale=scale))
    assert math.isfinite(weight)
    assert weight >= 0
    if 0 < tau < 1:
        ratio = (tau * scale / (1 - tau)) ** 2
        assert weight == pytest.approx(min(ratio, 5.0) * (1 - tau) ** 2, rel=1e-6, abs=1e-12)
