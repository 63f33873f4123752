"""Which of a model's hidden states vectors are made of, and how to get hold of them.

A layer has a vector at every position of one resolution: the bases, or the chunks of a stage. What
an :class:`HNetOutput` does not hold is heard from the module that computes it, and put where the
output has the vectors of that resolution; so poolings need not know about layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

import modalities
from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.head_config import CHUNK_POOLINGS, POOLINGS
from hnet_seq.model.hnet import HNet, HNetOutput
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.choices import LAYERS
from modalities import dna
from modalities.base import Modality
from modalities.errors import InputError, UsageError

Placed = Callable[[HNetOutput], HNetOutput]


@dataclass(frozen=True)
class Layer:
    """One choice.

    Attributes:
        name: ``final``, the last hidden state of every base; ``inner``, what the inner network
            gives back for the chunks of ``stage``, as wide as the stage; ``encoder`` and
            ``decoder`` of ``stage``; ``innermost``, the innermost network's output in its own
            width.
        stage: 0 is the outermost; that of the deepest for ``innermost``, 0 for ``final``.
        resolution: 0 for the bases, else r: the chunks of stage r - 1.
        width: D of its vectors.
    """

    name: str
    stage: int
    resolution: int
    width: int


def find_layer(model: HNetLanguageModel, name: str, stage: int = -1) -> Layer:
    """The layer of that name; ``stage`` from the outside in, -1 the innermost.

    Raises:
        UsageError: the model has no such layer or stage.
    """
    if name not in LAYERS:
        raise UsageError("layer", f"is {name!r}; expected one of {', '.join(LAYERS)}")
    widths, stages = model.config.d_model, model.num_stages
    if name == "final":
        return Layer(name, 0, 0, widths[0])
    if name == "innermost":
        return Layer(name, stages, stages, widths[stages])
    if not stages:
        raise UsageError(
            "layer", f"is {name}: an isotropic model has no chunks; use final or innermost"
        )
    if not -stages <= stage < stages:
        raise UsageError("stage", f"is {stage}; the model has stages 0 to {stages - 1}")
    stage %= stages
    return Layer(name, stage, stage + (name == "inner"), widths[stage])


def default_layer(pooling: str) -> str:
    """What a pooling averages where no layer is named."""
    return "inner" if pooling in CHUNK_POOLINGS else "final"


def check_layer_pooling(layer: Layer, pooling: str) -> None:
    """Raise UsageError where the layer has no vectors of the kind that is pooled."""
    if pooling in CHUNK_POOLINGS and not layer.resolution:
        raise UsageError(
            "pooling", f"is {pooling}, but {layer.name} has a vector a base; use bases or last"
        )
    if pooling not in CHUNK_POOLINGS and layer.resolution:
        raise UsageError(
            "pooling",
            f"is {pooling}, but {layer.name} has a vector a chunk; use chunks or chunks_weighted",
        )


def layer_of_pooling(
    model: HNetLanguageModel, pooling: str, stage: int, layer: str | None = None
) -> Layer:
    """The layer that a pooling reads.

    Raises:
        UsageError: the model cannot be pooled like that.
    """
    if pooling not in POOLINGS:
        raise UsageError("pooling", f"is {pooling!r}; expected one of {', '.join(POOLINGS)}")
    if layer is None and pooling in CHUNK_POOLINGS and not model.num_stages:
        raise UsageError(
            "pooling", f"{pooling}: an isotropic model has no chunks; use bases or last"
        )
    found = find_layer(model, layer or default_layer(pooling), stage)
    check_layer_pooling(found, pooling)
    return found


def layer_of_level(
    model: HNetLanguageModel, level: str, stage: int, layer: str | None = None
) -> Layer:
    """The layer whose vectors become the rows of level ``chunk`` or ``base``.

    Raises:
        UsageError: there is none, or it has another resolution.
    """
    assert level in ("chunk", "base")
    if layer is None and level == "chunk" and not model.num_stages:
        raise UsageError("level", "is chunk: an isotropic model has no chunks; use base")
    found = find_layer(model, layer or ("inner" if level == "chunk" else "final"), stage)
    if (level == "chunk") != bool(found.resolution):
        has, wanted = ("chunk", "chunk") if found.resolution else ("base", "base")
        raise UsageError(
            "level", f"is {level}, but {found.name} has a vector a {has}; use --level {wanted}"
        )
    return found


@contextmanager
def listening(model: HNetLanguageModel, layer: Layer) -> Iterator[Placed]:
    """Inside the block, a function that puts the layer's vectors of the last call in its output.

    They become ``hidden`` where the layer has a vector a base, else ``chunks[resolution - 1]``. The
    model is changed in no way, but for a hook that goes with the block.
    """
    module = _module(model, layer)
    if module is None:
        yield lambda output: output
        return
    heard: list[Tensor] = []

    def hear(module: nn.Module, inputs: Any, output: Tensor) -> None:
        heard.append(output)

    def placed(output: HNetOutput) -> HNetOutput:
        # A piece of a long sequence may begin no chunk: then nothing was computed.
        empty = output.hidden.new_zeros(0, layer.width)
        vectors = heard.pop() if heard else empty
        heard.clear()
        if not layer.resolution:
            return replace(output, hidden=vectors)
        chunks = list(output.chunks)
        chunks[layer.resolution - 1] = vectors
        return replace(output, chunks=chunks)

    handle = module.register_forward_hook(hear)
    try:
        yield placed
    finally:
        handle.remove()


def _module(model: HNetLanguageModel, layer: Layer) -> nn.Module | None:
    if layer.name in ("final", "inner"):
        return None
    network: HNet = model.backbone
    for _ in range(layer.stage):
        assert isinstance(network.main_network, HNet)
        network = network.main_network
    if layer.name == "innermost":
        return network.main_network
    return network.encoder if layer.name == "encoder" else network.decoder


def check_batch_tokens(batch_tokens: int) -> None:
    """Raise UsageError below 1."""
    if batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")


def check_modality(model: HNetLanguageModel | HNetWithHead) -> None:
    """Raise InputError for a model that was trained on anything but DNA."""
    modality = model.metadata.get("modality", dna.DNA.name)
    if modality != dna.DNA.name or model.config.vocab_size < dna.DNA.vocab_size:
        raise InputError(
            None,
            f"the model reads {modality} with {model.config.vocab_size} tokens; "
            "expected one trained on DNA",
        )


def modality_of(model: HNetLanguageModel) -> Modality:
    """What the model reads; DNA where its checkpoint does not say.

    Raises:
        InputError: the model's vocabulary is too small for it.
    """
    name = model.metadata.get("modality", dna.DNA.name)
    modality = modalities.get(name)
    if model.config.vocab_size < modality.vocab_size:
        raise InputError(
            None,
            f"the model reads {name} with {model.config.vocab_size} tokens; expected "
            f"{modality.vocab_size} or more",
        )
    return modality
