"""Every boundary policy, and models that follow them with tables as training would leave them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from hnet_seq import HNetConfig
from hnet_seq.model.boundary_policy import FITTED, BoundaryPolicy
from hnet_seq.model.byte_pairs import BytePairs
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.surprise import Surprise

#: Of tokens 0 to 3; 2 is the delimiter.
POLICIES = {
    "learned": BoundaryPolicy(),
    "top_k": BoundaryPolicy("top_k", every=7, top=2),
    "stride": BoundaryPolicy("stride", every=3, phase=1),
    "delimiters": BoundaryPolicy("delimiters", tokens=[2]),
    "snapped": BoundaryPolicy("snapped", every=5, phase=2, tokens=[2]),
    "random": BoundaryPolicy("random", rate=0.4, seed=1),
    "entropy": BoundaryPolicy("entropy", orders=[1, 3], symbols=4, rate=0.3),
    "surprisal": BoundaryPolicy("surprisal", orders=[1, 3], symbols=4, rate=0.3),
    "byte pairs": BoundaryPolicy("byte_pairs", every=9, merges=5),
    "byte pairs of words": BoundaryPolicy("byte_pairs", every=9, merges=5, tokens=[2]),
}
MERGES = [(0, 1), (2, 3), (1, 3), (0, 0), (0, 3)]


def with_policy(shape: dict[str, Any], rule: BoundaryPolicy, **options: Any) -> HNetLanguageModel:
    """A model whose outermost stage may follow the rule; an inner one is learned."""
    values = dict(shape)
    if rule.policy in FITTED:
        stages = HNetConfig.from_dict(shape).num_stages
        values["boundary_policies"] = [asdict(rule), *({} for _ in range(stages - 1))]
    model = language_model(HNetConfig.from_dict(values), **options).eval()
    fill_tables(model)
    return model


@torch.no_grad()
def fill_tables(model: HNetLanguageModel) -> None:
    """Counts, thresholds and merges as of some training data."""
    generator = torch.Generator().manual_seed(6)
    for module in model.modules():
        if isinstance(module, BytePairs):
            module.set_merges(MERGES)
        if isinstance(module, Surprise):
            # Some n-grams more often than others, and some never.
            words = torch.randint(0, module.symbols, (12, 5), generator=generator)
            text = words[torch.randint(0, 12, (60,), generator=generator)]
            module.count([text.flatten().byte()])
            module.threshold.fill_(round(1e6 * (1.6 if module.rule.policy == "entropy" else 2.2)))
