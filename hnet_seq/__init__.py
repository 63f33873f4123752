"""H-Net for sequences without a tokenizer."""

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.ratio_loss import ratio_loss

__version__ = "0.1.0"

__all__ = ["HNetConfig", "HNetForCausalLM", "__version__", "ratio_loss"]
