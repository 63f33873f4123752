"""The flag of strand symmetry: in checkpoints, beside causal weights, and where it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.boundary_policy import BoundaryPolicy, use_boundary_policy
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.flops import flops_per_token
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.ops.packing import Packing
from tests.model.strand_models import (
    LAYOUTS,
    assert_mirrored,
    reverse_complement,
    shape_of,
    strand_model,
)

LENGTHS = [37, 1, 64, 2]
BOUNDS = Packing.from_lengths(LENGTHS).cu_seqlens


def _ids() -> torch.Tensor:
    return torch.randint(0, 5, (sum(LENGTHS),), generator=torch.Generator().manual_seed(0))


def test_weights_are_a_causal_models_and_work_is_twice_its() -> None:
    for layout in LAYOUTS:
        shape = shape_of(layout)
        causal = HNetConfig.from_dict(
            {**shape.to_dict(), "bidirectional": False, "strand_symmetric": False}
        )
        weights = HNetForCausalLM(causal).state_dict()
        HNetForMaskedLM(shape).load_state_dict(weights)
        rates = [3.0] * shape.num_stages
        twice = 2 * flops_per_token(causal, 512, rates)
        assert flops_per_token(shape, 512, rates) == pytest.approx(twice)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_checkpoint_is_loaded_as_what_it_is(layout: str, tmp_path: Path) -> None:
    model = strand_model(layout)
    model.save_pretrained(tmp_path / "a")
    assert json.loads((tmp_path / "a/config.json").read_text())["strand_symmetric"] is True
    loaded = load_pretrained(tmp_path / "a", "cpu")
    assert torch.equal(loaded(_ids(), BOUNDS).logits, model(_ids(), BOUNDS).logits)
    loaded.save_pretrained(tmp_path / "b")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with pytest.raises(ValueError, match="HNetForMaskedLM takes it"):
        HNetForCausalLM.from_pretrained(tmp_path / "a")
    twin = load_pretrained(tmp_path / "a", "cpu", twin=True)
    assert twin.config.strand_symmetric
    ids = _ids()
    assert_mirrored(twin(ids, BOUNDS), twin(reverse_complement(ids, LENGTHS), BOUNDS), LENGTHS)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bidirectional": False}, "set bidirectional: true"),
        ({"strand_symmetric": "yes"}, "expected true or false"),
        ({"vocab_size": 256}, "is of DNA, base by base, with vocab_size 8; got 256"),
        ({"boundary_policies": [{"policy": "stride", "every": 3}]}, "stride goes by one end"),
        ({"boundary_policies": [{"policy": "top_k", "every": 9, "top": 3}]}, "top_k goes by one"),
        ({"ngram_counts": {"orders": [2]}}, "take ngram_memory"),
    ],
)
def test_what_has_no_other_strand_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shape_of("one stage", **changed)


def test_no_rule_may_cut_it_afterwards_and_it_has_no_running_state() -> None:
    model = strand_model("one stage")
    rule = BoundaryPolicy("stride", every=4)
    with pytest.raises(ValueError, match="cut alike from both"), use_boundary_policy(model, [rule]):
        pass
    with use_boundary_policy(model, [BoundaryPolicy()]):
        model(_ids(), BOUNDS)
    with pytest.raises(ValueError, match="reads whole sequences"):
        model.backbone.new_state(1, torch.device("cpu"))


def test_the_flag_is_in_the_json_only_where_it_is_set() -> None:
    plain = shape_of("one stage", strand_symmetric=False)
    assert "strand_symmetric" not in plain.to_dict()
    assert HNetConfig.from_dict(shape_of("one stage").to_dict()).strand_symmetric
