"""A model of ours as a reader of zero-shot tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.evidence.zero_shot.reader import HIDDEN_EVERY, Likelihood, sum_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.sampling import Sampling
from hnet_seq.model.streaming import CACHE_LIMIT, in_calls, stream
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.embedding.vectors import check_modality
from hnet_seq.tasks.run_identity import model_hash
from hnet_seq.tasks.scoring.likelihoods import base_log_likelihoods, scoring
from hnet_seq.train.labelled_batches import pack
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

_GREEDY = Sampling(temperature=0, allowed=dna.BASES)


class HNetReader:
    """A causal or masked model, see :class:`hnet_seq.evidence.zero_shot.reader.Reader`.

    Args:
        name: in tables.
        batch_tokens: bases of one forward call.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.

    Raises:
        InputError: the model was trained on anything but DNA.
        UsageError: ``batch_tokens`` below 1.
    """

    def __init__(
        self,
        model: HNetLanguageModel,
        name: str,
        *,
        batch_tokens: int = BATCH_TOKENS,
        device: str | torch.device | None = None,
    ) -> None:
        if batch_tokens < 1:
            raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")
        check_modality(model)
        self.name = name
        self._model = model
        self._batch_tokens = batch_tokens
        self.device = device

    @property
    def fingerprint(self) -> str:
        """Of weights and configuration."""
        return model_hash(self._model)

    @property
    def reads(self) -> Literal["before", "around"]:
        """What a base is predicted from: those before it, or all others."""
        return "before" if isinstance(self._model, HNetForCausalLM) else "around"

    def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
        """Of each sequence; of a masked model what it says of each base when that is hidden."""
        model = self._model
        if not isinstance(model, HNetForCausalLM):
            rows = self.base_log_probabilities(sequences)
            return [sum_of(own, tokens) for own, tokens in zip(rows, sequences, strict=True)]
        with computing(model, self.device), scoring(model):
            values = base_log_likelihoods(model, sequences, batch_tokens=self._batch_tokens)
        return [
            Likelihood(float(own.sum(dtype=np.float64)), int((tokens[1:] < dna.UNKNOWN).sum()))
            for own, tokens in zip(values, sequences, strict=True)
        ]

    def base_log_probabilities(self, sequences: Sequence[Tokens]) -> list[NDArray[np.float32]]:
        """(L, 4) of each sequence; of a causal model NaN at the first base."""
        found = [np.full((len(own), 4), np.nan, np.float32) for own in sequences]
        with computing(self._model, self.device) as where, torch.inference_mode():
            if isinstance(self._model, HNetForCausalLM):
                self._causal(self._model, sequences, found)
            else:
                self._masked(sequences, found, where)
        return found

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        """The most likely next ``bases`` of each prompt."""
        model = self._model
        if not isinstance(model, HNetForCausalLM):
            raise InputError(
                None, "is bidirectional: it does not go on from a beginning", where=self.name
            )
        found: list[Tokens] = []
        with computing(model, self.device):
            for call in in_calls(prompts, self._batch_tokens, len):
                new = model.generate(list(call), bases, sampling=_GREEDY)
                found += [own.cpu().numpy().astype(np.uint8) for own in new]
        return found

    def _causal(
        self,
        model: HNetForCausalLM,
        sequences: Sequence[Tokens],
        found: list[NDArray[np.float32]],
    ) -> None:
        with scoring(model):
            for call in stream(
                model, enumerate(sequences), self._batch_tokens, cache_limit=CACHE_LIMIT
            ):
                rows = _of_bases(model.logits(call.output))
                first = 0
                for piece in call.pieces:
                    count = piece.end - piece.start
                    # The last row of a sequence is of the base after its end.
                    place = found[piece.key][piece.start + 1 : piece.end + 1]
                    place[:] = rows[first : first + len(place)]
                    first += count

    def _masked(
        self,
        sequences: Sequence[Tokens],
        found: list[NDArray[np.float32]],
        device: torch.device,
    ) -> None:
        model = self._model
        numbered = list(enumerate(sequences))
        for call in in_calls(numbered, self._batch_tokens, lambda item: len(item[1])):
            for phase in range(HIDDEN_EVERY):
                hidden = [own.copy() for _, own in call]
                for own in hidden:
                    own[phase::HIDDEN_EVERY] = dna.MASK
                packed = pack(hidden, device)
                rows = _of_bases(model(packed.input_ids, packed.cu_seqlens).logits)
                ends = np.cumsum([len(own) for own in hidden])
                for (index, own), end in zip(call, ends.tolist(), strict=True):
                    of_own = rows[end - len(own) : end]
                    found[index][phase::HIDDEN_EVERY] = of_own[phase::HIDDEN_EVERY]


def _of_bases(logits: torch.Tensor) -> NDArray[np.float32]:
    """(T, V) logits to (T, 4) log-probabilities of A, C, G, T among all tokens."""
    rows: NDArray[np.float32] = logits.float().log_softmax(-1)[:, : len(dna.BASES)].cpu().numpy()
    return rows
