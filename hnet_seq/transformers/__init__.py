"""H-Net among the models of ``transformers``; importing this registers it with the Auto classes.

::

    import hnet_seq.transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained("runs/dna/checkpoints/step-001000")

Names are those of :mod:`hnet_seq`, the classes are those of ``transformers``: the same layers under
the same names, so that either side reads what the other wrote. Nothing is pickled, and no code
comes from a checkpoint. Guide: docs/transformers.md
"""

from __future__ import annotations

from hnet_seq.peers.files import INSTALL

try:
    import transformers as _library
except ImportError as error:  # one line with the remedy, for whoever imports this by name
    raise ImportError(f"transformers is not installed: {INSTALL}") from error

from hnet_seq.transformers.cache import HNetCache
from hnet_seq.transformers.classifier import HNetForSequenceClassification
from hnet_seq.transformers.config import MODEL_TYPE, HNetConfig
from hnet_seq.transformers.convert import convert
from hnet_seq.transformers.models import (
    HNetForCausalLM,
    HNetForMaskedLM,
    HNetModel,
)
from hnet_seq.transformers.tokenizer import HNetTokenizer

__all__ = [
    "HNetCache",
    "HNetConfig",
    "HNetForCausalLM",
    "HNetForMaskedLM",
    "HNetForSequenceClassification",
    "HNetModel",
    "HNetTokenizer",
    "convert",
]

_library.AutoConfig.register(MODEL_TYPE, HNetConfig)
_library.AutoModel.register(HNetConfig, HNetModel)
_library.AutoModelForCausalLM.register(HNetConfig, HNetForCausalLM)
_library.AutoModelForMaskedLM.register(HNetConfig, HNetForMaskedLM)
_library.AutoModelForSequenceClassification.register(HNetConfig, HNetForSequenceClassification)
_library.AutoTokenizer.register(HNetConfig, tokenizer_class=HNetTokenizer)
