"""The models that the Auto classes give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin
from transformers.utils import ModelOutput

from hnet_seq.model.causal_lm import HNetForCausalLM as OwnCausalLM
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.hnet import HNetOutput
from hnet_seq.model.language_model import HNetLanguageModel, wrong_direction
from hnet_seq.model.padding import pad
from hnet_seq.model.state import going_on
from hnet_seq.ops.packing import Packing
from hnet_seq.transformers.body import HNetBody, refuse, token_head
from hnet_seq.transformers.cache import HNetCache
from hnet_seq.transformers.config import HNetConfig
from hnet_seq.transformers.loss import (
    held_chunks,
    next_token_targets,
    share_of_step,
    token_loss,
)
from hnet_seq.transformers.padding import packed_rows, rows_of
from hnet_seq.transformers.precision import in_precision_of_weights


@dataclass
class HNetModelOutput(ModelOutput):
    """Vectors (B, L, D) of every token, zero at padding."""

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


@dataclass
class HNetLogits(ModelOutput):
    """What a head gives.

    Attributes:
        loss: with labels; while training with the ratio loss, if chunks are held.
        logits: (B, L, V), zero at padding; or (B, C) of sequences.
        cache: the running state, where it was asked for.
        hidden_states: one, (B, L, D) before the head, where it was asked for.
        ratio_loss: the part of ``loss`` that holds the chunks.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    cache: HNetCache | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    ratio_loss: Tensor | None = None


class HNetModel(HNetBody):
    """The H-Net without a head, causal or bidirectional."""

    _left_aside = ("lm_head.", "head.")

    def __init__(self, config: HNetConfig) -> None:
        super().__init__(config)
        self._begin()

    def encode(self, input_ids: Tensor, packing: Packing) -> HNetOutput:
        """As :meth:`HNetBody.encode`; counted training text is no evidence for itself."""
        with left_out(self):
            return super().encode(input_ids, packing)

    @in_precision_of_weights
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Vectors of every token, each row by itself; ``attention_mask`` (B, L), 1 at tokens."""
        out, _, places, mask = self._read(
            input_ids, attention_mask, inputs_embeds, output_attentions
        )
        vectors = pad(out.hidden, places, mask.shape)
        found = HNetModelOutput(vectors, (vectors,) if output_hidden_states else None)
        return found if return_dict in (None, True) else found.to_tuple()


class _TokenModel(HNetBody):
    """A language model: ``lm_head`` over the vectors."""

    _tied_weights_keys = {"lm_head.weight": "embeddings.weight"}  # noqa: RUF012
    _bidirectional: bool
    logits = HNetLanguageModel.logits

    def __init__(self, config: HNetConfig) -> None:
        super().__init__(config)
        if self._shape.bidirectional is not self._bidirectional:
            raise ValueError(wrong_direction(type(self).__name__, self._shape.bidirectional))
        self.lm_head = token_head(self)
        self._begin()

    def _draw_own(self, generator: torch.Generator) -> None:
        if not self._shape.tie_embeddings:
            nn.init.normal_(self.lm_head.weight, std=0.02, generator=generator)

    def get_output_embeddings(self) -> nn.Module:
        """The output matrix."""
        return self.lm_head

    def set_output_embeddings(self, value: Any) -> None:
        """Another output matrix."""
        self.lm_head = value

    def _answer(
        self,
        out: HNetOutput,
        places: Tensor,
        mask: Tensor,
        targets: Tensor | None,
        share: float,
        hidden: bool | None,
        return_dict: bool | None,
        cache: HNetCache | None = None,
    ) -> Any:
        logits = self.logits(out)
        loss = held = None
        if targets is not None:
            own = targets.flatten().index_select(0, places)
            loss = token_loss(logits, own, self.config.reads)
            held = held_chunks(self.config, out.boundaries) if self.training else None
            loss = (loss if held is None else loss + held) * share
        found = HNetLogits(
            loss,
            pad(logits, places, mask.shape),
            cache,
            (pad(out.hidden, places, mask.shape),) if hidden else None,
            None if held is None else held.detach(),
        )
        return found if return_dict in (None, True) else found.to_tuple()


class HNetForMaskedLM(_TokenModel):
    """Predicts hidden tokens from both sides."""

    _bidirectional = True

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
        """Logits (B, L, V); ``labels`` (B, L) the hidden tokens, -100 elsewhere."""
        out, _, places, mask = self._read(
            input_ids, attention_mask, inputs_embeds, output_attentions
        )
        share = 1.0 if labels is None else share_of_step(labels, num_items_in_batch)
        return self._answer(out, places, mask, labels, share, output_hidden_states, return_dict)


class HNetForCausalLM(_TokenModel, GenerationMixin):
    """Predicts the next token, and generates by the running state."""

    _bidirectional = False
    _is_stateful = True
    new_state = OwnCausalLM.new_state

    def __init__(self, config: HNetConfig) -> None:
        super().__init__(config)
        modality, end = config.reads, config.eos_token_id
        learned = modality is not None and end in modality.scored_tokens
        self.generation_config = GenerationConfig(
            bos_token_id=config.bos_token_id,
            eos_token_id=end if learned else None,  # nothing ends where no end was ever learned
            pad_token_id=config.pad_token_id,
        )

    @property
    def _encode_on(self) -> Any:
        return OwnCausalLM.encode.__get__(self)

    @in_precision_of_weights
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        cache: HNetCache | None = None,
        use_cache: bool | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Logits (B, L, V) of the token after each.

        Args:
            attention_mask: (B, L), 1 at tokens, padding on either side; with a cache the columns
                that it has read may stand before them.
            labels: (B, L) as ``input_ids``, -100 where there is none; they are moved here.
            cache: rows go on from here, and it is advanced in place; without gradients.
            use_cache: begin such a cache.
        """
        if cache is None and not use_cache:
            out, _, places, mask = self._read(
                input_ids, attention_mask, inputs_embeds, output_attentions
            )
        else:
            refuse(input_ids, inputs_embeds, output_attentions)
            assert input_ids is not None
            if cache is None:
                cache = HNetCache(self.new_state(len(input_ids)))
            mask = rows_of(input_ids, attention_mask, cache.columns)
            begun = cache.columns > 0
            packing, places, rows = packed_rows(mask, goes_on=begun)
            packing = going_on(packing, cache.state, rows)
            ids = input_ids.flatten().index_select(0, places)
            out = self._encode_on(ids, packing, cache.state)
            cache.columns += input_ids.shape[1]
        targets, share = None, 1.0
        if labels is not None:
            targets = next_token_targets(labels, mask)
            share = share_of_step(labels[:, 1:], num_items_in_batch)  # the first is no target
        return self._answer(
            out, places, mask, targets, share, output_hidden_states, return_dict, cache
        )

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False  # `forward` begins its own

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        next_sequence_length: int | None = None,
        cache: HNetCache | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        is_first_iteration: bool | None = False,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """What :meth:`forward` reads in a step of ``generate``.

        Raises:
            ValueError: prompts with padding behind them; another library's cache.
        """
        if cache is not None and not isinstance(cache, HNetCache):
            raise ValueError(
                f"cache: an H-Net goes on from an HNetCache; got {type(cache).__name__}"
            )
        if is_first_iteration and attention_mask is not None and not attention_mask[:, -1].all():
            raise ValueError(
                "attention_mask: a prompt ends with padding, and generation goes on behind it; "
                "tokenize with padding_side='left'"
            )
        if next_sequence_length is not None:
            input_ids = input_ids[:, -next_sequence_length:]
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "inputs_embeds": inputs_embeds,
            "cache": cache,
            "use_cache": use_cache,
            "output_hidden_states": output_hidden_states,
        }
