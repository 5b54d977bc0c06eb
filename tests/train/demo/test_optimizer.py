"""Muon against torch.optim.Muon, equal up to its bfloat16; and both optimizers as one."""

from typing import Any

import pytest
import torch
from sfr_train.demo.optimizer import Muon, make_optimizer, orthogonalized


@pytest.mark.parametrize("shape", [(24, 48), (48, 48), (96, 32)])
def test_four_steps_equal_torch_up_to_bfloat16(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    start = torch.randn(shape)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    mine = Muon([ours], lr=0.01, weight_decay=0.1)
    oracle = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        gradient = torch.randn(shape)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        oracle.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved
    assert moved > 0


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(5, 16, 40)
    orthogonal = orthogonalized(matrices)
    values = torch.linalg.svdvals(orthogonal)
    assert values.min() > 0.5
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    rotated = left.mT @ orthogonal @ right.mT  # diagonal if the singular vectors are the same
    assert (rotated - torch.diag_embed(rotated.diagonal(dim1=1, dim2=2))).abs().max() < 1e-4
    assert torch.allclose(orthogonalized(matrices.mT), orthogonal.mT, atol=1e-5)


def test_the_rest_learns_at_its_own_rate() -> None:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=32,
        )
    )
    joint = make_optimizer(
        model, name="muon", learning_rate=0.1, weight_decay=0.0, embedding_factor=2.5
    )
    rates = {id(p): group["lr"] for group in joint.param_groups for p in group["params"]}
    assert set(rates) == {id(parameter) for parameter in model.parameters()}
    assert rates[id(model.get_input_embeddings().weight)] == pytest.approx(0.25)
    assert rates[id(model.model.layers[0].mlp.up_proj.weight)] == pytest.approx(0.1)


def test_a_joint_optimizer_takes_the_heads_group() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(4, 3)
            self.layer = torch.nn.Linear(3, 3)

        def get_input_embeddings(self) -> Any:
            return self.embed

        def get_output_embeddings(self) -> None:
            return None

    model, head = Model(), torch.nn.Linear(3, 2)
    optimizer = make_optimizer(model, name="muon", learning_rate=0.1, weight_decay=0.0)
    optimizer.add_param_group({"params": list(head.parameters()), "lr": 0.5})
    before = [p.detach().clone() for p in (*model.parameters(), *head.parameters())]
    head(model.layer(model.embed(torch.tensor([0, 1, 2, 3])))).square().sum().backward()
    assert {group["lr"] for group in optimizer.param_groups} == {0.1, 0.5}
    optimizer.step()
    after = [*model.parameters(), *head.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(after, before, strict=True))
    # A scheduler that sets the rate here sets it in the optimizer that steps.
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    still = [p.detach().clone() for p in after]
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(after, still, strict=True))
