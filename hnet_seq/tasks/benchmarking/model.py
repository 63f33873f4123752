"""What a benchmark needs of a model: a name, what it is, and a vector of each sequence.

Anything with these attributes will do; nothing has to inherit. What a row compares is then the
vectors alone: the probe, the splits and the baselines are the benchmark's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.benchmarking.middle import middle_vectors
from hnet_seq.tasks.classification.frozen import default_poolings
from hnet_seq.tasks.embedding.vectors import Strands, check_modality, check_pooling, embed
from hnet_seq.tasks.run_identity import about_twin, computed_by, model_hash
from modalities import dna


class BenchmarkModel(Protocol):
    """A model whose vectors are probed.

    Attributes:
        name: of its rows, for people.
        fingerprint: of everything that its vectors depend on but the sequences: weights,
            configuration, tokenizer, layer, pooling, kind of device, and what computes there. Kept
            vectors and cells are found again by it.
        about: the same in words, and versions, JSON values: for the submission file.
        twin: the same model untrained, a row of its own; None where there is none, which rows and
            page then say.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def about(self) -> Mapping[str, Any]: ...
    @property
    def twin(self) -> BenchmarkModel | None: ...

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """A vector of each sequence, (n, d) fp32, finite, in the order given.

        Args:
            sequences: upper-case letters A, C, G, T, and N for every other code; none is empty,
                lengths differ.

        The same list gives the same bytes, in every process; a vector does not depend on the
        sequences beside it, but for rounding. A sequence that is too long is an InputError that
        says so: nothing is cut off silently.

        For tasks of bases it has ``embed_middle``, too: the vector of the base in the middle.
        """
        ...


@dataclass(frozen=True)
class FrozenHNet:
    """A checkpoint of ours, or its untrained twin, pooled in one way."""

    name: str
    model: HNetLanguageModel
    pooling: str
    stage: int = -1
    strands: Strands = "none"
    batch_tokens: int = 16384
    device: str | None = None
    twin: FrozenHNet | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Of weights, configuration and pooling; what else is there moves the last bits."""
        settings = f"{self.pooling} {self.stage} {self.strands} {self.batch_tokens}"
        known = computed_by(self.model)
        backends = ",".join(f"{name}={own}" for name, own in sorted(known["backends"].items()))
        return f"{known['model']} {settings} {known['device']} {backends}"

    @property
    def about(self) -> dict[str, Any]:
        """What made the vectors."""
        return {
            "kind": "hnet-seq",
            "weights": model_hash(self.model),
            "pooling": self.pooling,
            "stage": self.stage,
            "strands": self.strands,
            **about_twin(self.model),
        }

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """(n, d), see :class:`BenchmarkModel`."""
        return embed(
            self.model,
            list(sequences),
            pooling=self.pooling,
            stage=self.stage,
            strands=self.strands,
            batch_tokens=self.batch_tokens,
            device=self.device,
        )

    def embed_middle(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) the final hidden state of the base in the middle of each, of odd length."""
        tokens = [dna.encode(letters) for letters in sequences]
        return middle_vectors(self.model, tokens, self.strands, self.batch_tokens, self.device)


def open_hnet(
    checkpoint: str,
    *,
    name: str,
    pooling: str | None = None,
    stage: int = -1,
    strands: Strands = "none",
    batch_tokens: int = 16384,
    device: str | None = None,
    twin: bool = True,
) -> FrozenHNet:
    """A checkpoint and its untrained twin, as everything else takes checkpoints.

    Args:
        pooling: None takes the one whose probe ``classify train`` keeps.

    Raises:
        InputError: there is no checkpoint, or it reads no DNA.
        UsageError: the model cannot be pooled like that.
    """
    model = load_pretrained(checkpoint, device)
    check_modality(model)
    pooling = pooling or default_poolings(model)[0]
    check_pooling(model, pooling, stage)
    settings = (pooling, stage, strands, batch_tokens, device)
    untrained = None
    if twin:
        untrained = FrozenHNet(
            f"{name}, untrained twin", load_pretrained(checkpoint, device, twin=True), *settings
        )
    return FrozenHNet(name, model, *settings, untrained)
