"""Models for tests of explanations: some that copy the base d places before."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hnet_seq import HNetConfig, HNetForCausalLM, HNetForMaskedLM
from hnet_seq.model.hnet import HNetOutput
from hnet_seq.ops.packing import Packing

SURE = 5.0  # logit of the copied base


@dataclass
class History:
    """The last bases of each slot."""

    seen: Tensor
    recent: Tensor
    encoder: tuple[()] = ()
    decoder: tuple[()] = ()
    inner: None = None

    @property
    def num_slots(self) -> int:
        return self.seen.numel()

    @property
    def num_bytes(self) -> int:
        return self.seen.nbytes + self.recent.nbytes

    def select(self, slots: Tensor) -> History:
        return History(self.seen[slots], self.recent[slots])


class Copying(HNetForCausalLM):
    """Expects the base that stands ``distance`` before, and otherwise nothing."""

    distance = 6

    def new_state(self, slots: int) -> History:  # type: ignore[override]
        return History(torch.zeros(slots, dtype=torch.int64), torch.full((slots, self.distance), 4))

    def encode(  # type: ignore[override]
        self, input_ids: Tensor, packing: Packing, state: History | None = None
    ) -> HNetOutput:
        state = state or self.new_state(packing.num_sequences)
        found = []
        for slot, ids in enumerate(input_ids.split(packing.lengths)):
            past = torch.cat([state.recent[slot], ids])
            found.append(past[1 : 1 + len(ids)])
            state.recent[slot] = past[-self.distance :]
            state.seen[slot] += len(ids)
        return HNetOutput(torch.cat(found)[:, None].float(), [], [])

    def logits(self, out: HNetOutput) -> Tensor:
        copied = out.hidden[:, 0].long()
        logits = torch.nn.functional.one_hot(copied, 8).float() * SURE
        return torch.where(copied[:, None] < 4, logits, 0.0)


class CopyingBoth(HNetForMaskedLM):
    """The same of a masked model, from behind."""

    distance = 6

    def encode(self, input_ids: Tensor, packing: Packing) -> HNetOutput:
        sequences = input_ids.split(packing.lengths)
        ahead = [
            torch.cat([x[self.distance :], x.new_full((self.distance,), 4)]) for x in sequences
        ]
        return HNetOutput(torch.cat(ahead)[:, None].float(), [], [])

    logits = Copying.logits


def shape(*, bidirectional: bool) -> HNetConfig:
    return HNetConfig.from_dict(
        {
            "arch_layout": ["m1"],
            "d_model": [32],
            "d_intermediate": [0],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {"num_heads": [], "rotary_emb_dim": [], "window_size": []},
            **({"bidirectional": True} if bidirectional else {}),
        }
    )
