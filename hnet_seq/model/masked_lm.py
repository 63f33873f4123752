"""A bidirectional model of raw sequences: it predicts masked tokens from both sides."""

from __future__ import annotations

from typing import Any

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.language_model import HNetLanguageModel


class HNetForMaskedLM(HNetLanguageModel):
    """Predicts tokens that were hidden; every vector has seen the whole sequence.

    Reversing a sequence reverses its hidden states, logits and boundaries; of a strand-symmetric
    model its reverse complement does, see :mod:`hnet_seq.model.strands`. The logits of a
    position are those of its own token, not of the next one. Such a model has no running state: it
    neither generates nor streams.

    See :class:`hnet_seq.model.language_model.HNetLanguageModel` for its arguments; which token
    stands for a hidden one is the caller's choice, see :mod:`hnet_seq.train.masking`.
    """

    bidirectional = True


def language_model(config: HNetConfig, **options: Any) -> HNetLanguageModel:
    """The model that a configuration describes: masked where it is bidirectional, else causal."""
    return (HNetForMaskedLM if config.bidirectional else HNetForCausalLM)(config, **options)
