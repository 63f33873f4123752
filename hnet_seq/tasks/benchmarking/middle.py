"""The hidden state of one base of each sequence, with what lies around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.heads.pooling import early_pool
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.embedding.rows import one_call
from hnet_seq.train.labelled_batches import longest_first
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens


def middle_vectors(
    model: HNetLanguageModel,
    sequences: Sequence[Tokens],
    strands: Strands,
    batch_tokens: int,
    device: str | None,
) -> NDArray[np.float32]:
    """(N, D) the final hidden state of the middle base of each sequence.

    Args:
        sequences: (L,) each, all of one odd length: a base and as many on either side.
        strands: ``average``: the mean with the state that the base has in the reverse complement,
            so that a causal model has read both sides of it; ``none``: what stands before alone.
    """
    found = np.empty((len(sequences), model.config.d_model[0]), np.float32)
    lengths = np.array([len(each) for each in sequences], np.int64)
    middle = int(lengths[0]) // 2
    assert (lengths == 2 * middle + 1).all(), "drawn so"
    with computing(model, device) as where, torch.inference_mode():

        def states(picked: list[Tokens]) -> NDArray[np.float32]:
            output, packing = one_call(model, picked, where)
            rows: NDArray[np.float32] = (
                early_pool(output.hidden, packing.cu_seqlens, middle).cpu().numpy()
            )
            return rows

        for batch in longest_first(lengths, batch_tokens):
            picked = [sequences[index] for index in batch]
            own = states(picked)
            if strands == "average":
                own = (
                    own + states([dna.reverse_complement(each) for each in picked])
                ) / np.float32(2)
            found[batch] = own
    return found
