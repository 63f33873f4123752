"""Which of a model's hidden states vectors are made of, and how to get hold of them.

A layer has a vector at every position of one resolution: the bases, or the chunks of a stage. What
an :class:`HNetOutput` does not hold is heard from the module that computes it, and put where the
output has the vectors of that resolution; so poolings need not know about layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import get_ident
from typing import Any

from torch import Tensor, nn

import modalities
from hnet_seq.heads.base import HNetWithHead
from hnet_seq.model.hnet import HNet, HNetOutput
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.needed import only_up_to
from hnet_seq.ops.strands import mean_of_strands
from hnet_seq.tasks.embedding.layer_choice import Layer
from modalities import dna
from modalities.base import Modality
from modalities.errors import InputError, UsageError

Placed = Callable[[HNetOutput], HNetOutput]


@contextmanager
def listening(model: HNetLanguageModel, layer: Layer) -> Iterator[Placed]:
    """Inside the block, a function that puts the layer's vectors of the last call in its output.

    They become ``hidden`` where the layer has a vector a base, else ``chunks[resolution - 1]``.
    What the layer does not need is not computed: outputs do not have it. The model is changed in no
    way that does not go with the block. Calls of other threads are not heard.
    """
    module = _module(model, layer)
    if module is None:
        with only_up_to(model, layer.resolution):
            yield lambda output: output
        return
    heard: dict[int, Tensor] = {}  # by thread: others may call the same module meanwhile

    def hear(module: nn.Module, inputs: Any, output: Tensor) -> None:
        heard[get_ident()] = output

    def placed(output: HNetOutput) -> HNetOutput:
        # A piece of a long sequence may begin no chunk: then nothing was computed.
        vectors = heard.pop(get_ident(), output.hidden.new_zeros(0, layer.width))
        if output.both_strands is not None:
            vectors = mean_of_strands(vectors)
        if not layer.resolution:
            return replace(output, hidden=vectors)
        chunks = list(output.chunks)
        chunks[layer.resolution - 1] = vectors
        return replace(output, chunks=chunks)

    handle = module.register_forward_hook(hear)
    try:
        with only_up_to(model, layer.resolution, encoder=layer.name == "encoder"):
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
    """Raise UsageError below 1, or for what is no number."""
    if not hasattr(batch_tokens, "__float__") or batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens!r}; expected 1 or more")


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
