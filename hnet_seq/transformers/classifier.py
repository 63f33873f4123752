"""The classifier that the Auto classes give."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hnet_seq.heads.base import initialize_head
from hnet_seq.heads.problems import head_loss
from hnet_seq.heads.sequence_classification import SequenceHead
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.hnet import HNetOutput
from hnet_seq.model.padding import pad
from hnet_seq.ops.packing import Packing
from hnet_seq.transformers.body import HNetBody, drawn_seed
from hnet_seq.transformers.config import HNetConfig
from hnet_seq.transformers.loss import held_chunks, share_of_step
from hnet_seq.transformers.models import HNetLogits
from hnet_seq.transformers.precision import in_precision_of_weights


class HNetForSequenceClassification(HNetBody):
    """Predicts classes, several labels or numbers of whole sequences."""

    _left_aside = ("lm_head.",)

    def __init__(self, config: HNetConfig) -> None:
        super().__init__(config)
        self.head_config = config.head_config()
        if config.head is None:
            config.take_head(self.head_config)
        self.num_labels = len(self.head_config.names)
        self._head_is_new = False
        self.head = SequenceHead(self._shape, self.head_config)
        self._begin()

    def _draw_own(self, generator: torch.Generator) -> None:
        initialize_head(self.head, generator.initial_seed())
        self._head_is_new = True

    def encode(self, input_ids: Tensor, packing: Packing) -> HNetOutput:
        """As :meth:`HNetBody.encode`; counted training text is no evidence for itself."""
        with left_out(self):
            return super().encode(input_ids, packing)

    def _check_loaded(self, where: Any, info: dict[str, Any]) -> None:
        """A head that the weights have nothing of is drawn; one that they have parts of is not."""
        own = {f"head.{name}" for name in self.head.state_dict()}
        if own <= set(info["missing_keys"]):
            info = info | {"missing_keys": set(info["missing_keys"]) - own}
            device = self.embeddings.weight.device
            self.head = SequenceHead(self._shape, self.head_config).to(device, self.dtype)
            initialize_head(self.head, drawn_seed())
            self._head_is_new = True
            self.head.train(self.training)
        super()._check_loaded(where, info)

    @in_precision_of_weights
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Logits (B, C), standardised numbers of a regression.

        Args:
            labels: (B,) class numbers; (B, C) of 0 and 1; (B,) or (B, K) numbers.

        Raises:
            ValueError: an adapter is trained that a new head will be missing from.
        """
        if self.training and torch.is_grad_enabled():
            self._check_head_is_trained()
        out, packing, places, mask = self._read(
            input_ids, attention_mask, inputs_embeds, output_attentions
        )
        logits = self.head(out, packing.cu_seqlens)
        loss = held = None
        if labels is not None:
            targets = self._targets(labels, logits)
            loss = head_loss(self.head_config, logits, targets)
            share = share_of_step(labels, num_items_in_batch)
            held = held_chunks(self.config, out.boundaries) if self.training else None
            loss = (loss if held is None else loss + held) * share
        found = HNetLogits(
            loss,
            logits,
            None,
            (pad(out.hidden, places, mask.shape),) if output_hidden_states else None,
            None if held is None else held.detach(),
        )
        return found if return_dict in (None, True) else found.to_tuple()

    def _check_head_is_trained(self) -> None:
        """PEFT finds heads by names that ours lacks, but for one inside of it: ``score``."""
        parameters = dict(self.head.named_parameters())
        learns = any(p.requires_grad for n, p in parameters.items() if n.endswith("linear.weight"))
        wrapped_twice = any(name.count("modules_to_save.") > 1 for name in parameters)
        if wrapped_twice or (self._head_is_new and not learns):
            raise ValueError(
                "head: it would stay at random weights, or not come back with the adapter; take "
                'LoraConfig(modules_to_save=["head"]) without task_type'
            )

    def _targets(self, labels: Tensor, logits: Tensor) -> Tensor:
        head = self.head_config
        if head.problem == "single_label":
            return labels.view(-1)
        labels = labels.view_as(logits).to(logits.dtype)
        if head.problem == "regression":
            return (labels - labels.new_tensor(head.mean)) / labels.new_tensor(head.sd)
        return labels
