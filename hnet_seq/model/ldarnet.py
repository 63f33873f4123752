"""LDARNet's checkpoints (Ledneva and Kuznetsov 2026, arXiv 2606.04552) as models of this package.

They are bidirectional H-Nets on DNA, ``model_ckpt_110m.pt`` of ``darlednik/LDARNet-110M`` on the
hub among them; docs/bidirectional.md says how they differ from ours. Written after their code
(github.com/darlednik/ICML-LDARNet at f247d59). Weights keep their names. The ids of A, C, G, T and
N are the same; their mask and padding move to our places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hnet_seq.model.config import HNetConfig

if TYPE_CHECKING:
    from torch import Tensor

# Keys that their configuration has beside ours, and the one value of each that is read.
_THEIRS = {"mode": "mlm", "mask_token_id": 5, "pad_token_id": 6}
_TOKENS = ("A", "C", "G", "T", "N", "[MASK]", "[PAD]")
# Row of theirs for each token of ours. What begins and ends a document they have not; their padding
# is no letter either.
_ROWS = [0, 1, 2, 3, 4, 6, 6, 5]
_BY_TOKEN = ("embeddings.weight", "lm_head.weight")
_SHARED = (".bwd.in_proj.weight", ".bwd.out_proj.weight")
_MODALITY = "dna"
_LAYOUT_110M = (["m3t1", ["M10"], "m4"], [512, 768])
_DATA = "the human reference genome and the multispecies genomes of the Nucleotide Transformer"


def is_ldarnet(values: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of theirs."""
    return "mode" in values


def ldarnet_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Their configuration in our keys.

    Raises:
        ValueError: another vocabulary, or a causal model, which their code does not run.
    """
    for key, value in {**_THEIRS, "vocab_size": len(_TOKENS)}.items():
        if values.get(key, value) != value:
            raise ValueError(f"{key}: of LDARNet {value} is read; got {values[key]!r}")
    ours = {key: value for key, value in values.items() if key not in _THEIRS}
    return ours | {
        "vocab_size": len(_ROWS),
        "bidirectional": True,
        "reading": "ldarnet",
    }


def ldarnet_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their weights by our tokens, what two scans share under the name of the first.

    Raises:
        ValueError: a matrix has not one row for each of their tokens.
    """
    for name in _BY_TOKEN:
        shape = tuple(weights[name].shape) if name in weights else (len(_TOKENS),)
        if shape[:1] != (len(_TOKENS),):
            raise ValueError(
                f"{name} is {shape}; LDARNet has {len(_TOKENS)} tokens, a row for each"
            )
    ours = {name: v[_ROWS] if name in _BY_TOKEN else v for name, v in weights.items()}
    # Files that hold a shared matrix once may hold it under its second name.
    second = {name for name in weights if name.endswith(_SHARED)}
    return {name.replace(".bwd.", ".fwd."): ours[name] for name in second} | ours


def ldarnet_metadata(config: HNetConfig) -> dict[str, str]:
    """What their model reads; of the released shape also what it was trained on."""
    if (config.arch_layout, config.d_model) != _LAYOUT_110M:
        return {"modality": _MODALITY}
    said = f"{_DATA}, as the authors state"
    return {"modality": _MODALITY, "data": said, "released": "LDARNet-110M"}
