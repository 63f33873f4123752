"""Any checkpoint that ``hnet_seq`` opens, as a folder that ``transformers`` opens."""

from __future__ import annotations

from pathlib import Path

import torch

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.names import HEAD
from hnet_seq.heads.sequence_classification import (
    HNetForSequenceClassification as OwnClassifier,
)
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.checkpoint import owned_state
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import locate
from hnet_seq.transformers.body import HNetBody
from hnet_seq.transformers.classifier import HNetForSequenceClassification
from hnet_seq.transformers.config import HNetConfig
from hnet_seq.transformers.models import (
    HNetForCausalLM,
    HNetForMaskedLM,
)
from hnet_seq.transformers.tokenizer import HNetTokenizer


def convert(checkpoint: str | Path, folder: str | Path) -> HNetBody:
    """Write weights, configuration, tokenizer and model card; and give the model.

    Args:
        checkpoint: see :func:`hnet_seq.model.locate.locate`: also a run, a released ``.pt``, a
            model that ships, one on the hub.

    Raises:
        FileNotFoundError: no weights there.
        ValueError: the files are damaged, or the model is one that the library cannot load.
    """
    found = locate(checkpoint)
    own: HNetLanguageModel | HNetWithHead
    if (found.folder / HEAD).is_file():
        own = OwnClassifier.from_pretrained(checkpoint, device="cpu")
    else:
        own = load_pretrained(checkpoint, "cpu")
    model = as_transformers(own)
    model.save_pretrained(folder)
    modality = model.config.reads
    if modality is not None:
        markers = isinstance(own, HNetWithHead) and own.head_config.markers
        tokenizer = HNetTokenizer(
            modality.name,
            markers="both" if markers else "none",
            mask=own.config.vocab_size > modality.vocab_size,
        )
        tokenizer.save_pretrained(folder)
    return model


def as_transformers(own: HNetLanguageModel | HNetWithHead) -> HNetBody:
    """A model of ours as one of theirs, with the same weights in memory; in evaluation mode."""
    kind: type[HNetBody] = HNetForMaskedLM if own.config.bidirectional else HNetForCausalLM
    config = HNetConfig.of(own.config, own.metadata)
    if isinstance(own, HNetWithHead):
        kind = HNetForSequenceClassification
        config.take_head(own.head_config)
    config.architectures = [kind.__name__]
    with torch.device("meta"):
        model = kind(config)
    model.load_state_dict(owned_state(own), strict=False, assign=True)
    model.tie_weights()
    assert not any(value.is_meta for value in model.state_dict().values())
    return model.eval()
