"""H-Net for sequences without a tokenizer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hnet_seq.threads import choose_wait_policy

WAIT_POLICY = choose_wait_policy()

if TYPE_CHECKING:
    from hnet_seq.heads.head_config import HeadConfig as HeadConfig
    from hnet_seq.heads.sequence_classification import (
        HNetForSequenceClassification as HNetForSequenceClassification,
    )
    from hnet_seq.heads.token_classification import (
        HNetForTokenClassification as HNetForTokenClassification,
    )
    from hnet_seq.model.causal_lm import HNetForCausalLM as HNetForCausalLM
    from hnet_seq.model.config import HNetConfig as HNetConfig
    from hnet_seq.model.masked_lm import HNetForMaskedLM as HNetForMaskedLM
    from hnet_seq.model.ratio_loss import ratio_loss as ratio_loss
    from hnet_seq.tasks.classify import classify as classify
    from hnet_seq.tasks.embed import embed as embed
    from hnet_seq.tasks.pretrain import pretrain as pretrain
    from hnet_seq.tasks.score import score as score
    from hnet_seq.tasks.scoring.mutagenesis import saturation_mutagenesis as saturation_mutagenesis
    from hnet_seq.tasks.scoring.variant_scores import score_variants as score_variants
    from hnet_seq.tasks.segment import segment as segment
    from hnet_seq.train.finetune import finetune as finetune
    from hnet_seq.train.finetune_config import FinetuneConfig as FinetuneConfig

__version__ = "0.1.0"

# Imported on first use: torch takes seconds, and ``hnet-seq --help`` needs none of it.
_HOMES = {
    "FinetuneConfig": "hnet_seq.train.finetune_config",
    "HNetConfig": "hnet_seq.model.config",
    "HNetForCausalLM": "hnet_seq.model.causal_lm",
    "HNetForMaskedLM": "hnet_seq.model.masked_lm",
    "HNetForSequenceClassification": "hnet_seq.heads.sequence_classification",
    "HNetForTokenClassification": "hnet_seq.heads.token_classification",
    "HeadConfig": "hnet_seq.heads.head_config",
    "classify": "hnet_seq.tasks.classify",
    "embed": "hnet_seq.tasks.embed",
    "finetune": "hnet_seq.train.finetune",
    "pretrain": "hnet_seq.tasks.pretrain",
    "ratio_loss": "hnet_seq.model.ratio_loss",
    "saturation_mutagenesis": "hnet_seq.tasks.scoring.mutagenesis",
    "score": "hnet_seq.tasks.score",
    "score_variants": "hnet_seq.tasks.scoring.variant_scores",
    "segment": "hnet_seq.tasks.segment",
}

__all__ = [
    "FinetuneConfig",
    "HNetConfig",
    "HNetForCausalLM",
    "HNetForMaskedLM",
    "HNetForSequenceClassification",
    "HNetForTokenClassification",
    "HeadConfig",
    "__version__",
    "classify",
    "embed",
    "finetune",
    "pretrain",
    "ratio_loss",
    "saturation_mutagenesis",
    "score",
    "score_variants",
    "segment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
