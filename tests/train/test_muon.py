"""Muon: which parameters it changes, at which rates, and that its steps are orthogonal."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hnet_seq.experiments import load_experiment
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.train.muon import orthogonal
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.tables import AdamWWithTables
from modalities.errors import UsageError
from tests.conftest import make_model

TWO_STAGES = "two stages, MLPs outside, tied"


def test_it_changes_the_matrices_of_layers_at_the_rates_of_their_stages() -> None:
    model = make_model(TWO_STAGES)
    config = OptimizerConfig(1.0, stage_multipliers=[4, 2, 1], matrices="muon")
    optimizer = build_optimizer(model, config, [3.0, 3.0])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        names[id(parameter)]: (group["peak"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
        if group.get("muon")
    }
    assert found["backbone.encoder.layers.0.mixer.in_proj.weight"] == (4.0, 0.1)
    assert found["backbone.main_network.encoder.layers.0.mlp.fc1.weight"] == (2.0, 0.1)
    parameters = dict(model.named_parameters())
    assert all(parameters[name].dim() == 2 for name in found)
    for left in ("embeddings", "lm_head", "routing_module", "residual_proj", "norm", "conv1d"):
        assert not any(left in name for name in found), left
    # All others are AdamW's, and nothing is in two groups.
    groups = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(groups) == len({id(p) for p in groups}) == len(parameters)
    plain = build_optimizer(model, OptimizerConfig(1.0), [3.0, 3.0])
    assert not any("muon" in group for group in plain.param_groups)


@pytest.mark.parametrize("shape", [(40, 40), (24, 96), (96, 24)])
def test_a_step_is_orthogonal_and_as_large_as_one_of_adamw(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    gradient = torch.randn(shape, generator=generator)
    values = torch.linalg.svdvals(orthogonal(gradient))
    assert 0.5 < values.min() < values.max() < 1.35
    weight = nn.Parameter(torch.zeros(shape))
    optimizer = _optimizer([weight], 0.01, 0.0)
    weight.grad = gradient
    optimizer.step()
    assert weight.detach().square().mean().sqrt() == pytest.approx(0.2 * 0.01, rel=0.25)
    assert (weight.detach() * gradient).sum() < 0


def _optimizer(weights: list[Tensor], rate: float, decay: float) -> AdamWWithTables:
    group = {"params": weights, "lr": rate, "weight_decay": decay, "muon": True}
    return AdamWWithTables([group], [], 0.1, (0.9, 0.95))


def test_it_is_the_muon_of_torch_but_for_bfloat16() -> None:
    generator = torch.Generator().manual_seed(0)
    own, other = (nn.Parameter(torch.ones(48, 24)) for _ in range(2))
    ours = _optimizer([own], 0.02, 0.1)
    theirs = torch.optim.Muon([other], 0.02, 0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        own.grad = torch.randn(48, 24, generator=generator)
        other.grad = own.grad.clone()
        ours.step()
        theirs.step()
    moved = (other.detach() - 1).abs().max()
    torch.testing.assert_close(own.detach(), other.detach(), rtol=0, atol=0.03 * moved.item())


def test_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="not one of adamw, muon"):
        load_experiment("ecoli_demo", ["train.optimizer.matrices=sgd"])
