"""Random numbers by hash: their distributions, and that (seed, step, id) alone decides them."""

import torch
from sfr_train.flow.noise import HashNoise


def make(seed: int = 0, step: int = 0, count: int = 20_000) -> HashNoise:
    ids = torch.arange(count)
    return HashNoise(seed, step, ids, ids)


def test_normals_are_standard_and_uncorrelated() -> None:
    draws = make().normal(5)
    # standard errors at 20,000 draws: mean .007, variance .01, fourth moment .07, correlation .007
    assert draws.mean(0).abs().max() < 0.03
    assert (draws.var(0) - 1).abs().max() < 0.04
    assert ((draws**4).mean(0) - 3).abs().max() < 0.3
    assert (torch.corrcoef(draws.T) - torch.eye(5)).abs().max() < 0.03
    assert abs(float((draws[1:] * draws[:-1]).mean())) < 0.02


def test_uniforms_are_even_and_inside_the_interval() -> None:
    draws = make().uniform()
    assert draws.min() > 0
    assert draws.max() < 1
    counts = torch.histc(draws, bins=10, min=0, max=1)
    assert (counts - 2000).abs().max() < 200  # 4.7 standard deviations


def test_a_draw_depends_on_its_id_and_not_on_the_batch() -> None:
    all_of_them = make(count=50)
    some = torch.tensor([7, 3, 41])
    few = HashNoise(0, 0, some, some)
    assert torch.equal(few.normal(9), all_of_them.normal(9)[some])
    assert torch.equal(few.uniform(), all_of_them.uniform()[some])


def test_seed_step_and_id_each_change_the_draw() -> None:
    base = make(count=100).normal(4)
    for other in (make(seed=1, count=100), make(step=1, count=100)):
        assert (
            abs(float(torch.corrcoef(torch.stack([base.ravel(), other.normal(4).ravel()]))[0, 1]))
            < 0.2
        )
    assert len(torch.unique(base)) == 400


def test_a_group_shares_its_time_but_not_its_source_points() -> None:
    ids = torch.arange(6)
    noise = HashNoise(0, 0, ids, torch.tensor([4, 4, 4, 9, 9, 9]))
    assert len(torch.unique(noise.uniform())) == 2
    assert len(torch.unique(noise.normal(1))) == 6


def test_global_generators_do_not_move() -> None:
    before = torch.get_rng_state()
    make(count=10).normal(3)
    assert torch.equal(before, torch.get_rng_state())
