"""Another model's vectors and likelihoods of DNA, by the rules of this package.

One vector a sequence is the mean of the hidden states of a layer over the tokens that stand for
bases: special tokens (begin, end, class, padding) are left out, as in GENEB (Ledneva et al. 2026,
arXiv 2606.04525) and in most probes of the field.

What is longer than the model's context is refused, or read in consecutive windows by choice
(``overlong="windows"``): its tokens are cut every so many as fit beside the special ones; a vector
is then the mean over the tokens of all windows, and each window's likelihood begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.evidence.zero_shot.reader import HIDDEN_EVERY, Likelihood, sum_of
from hnet_seq.peers.calls import Calls, Overlong
from hnet_seq.peers.files import Opened, open_checkpoint
from hnet_seq.peers.letters import DnaTokenizer, Spelled
from hnet_seq.peers.pooled import Pooled, mean_pooled, middle_pooled
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences

BATCH_TOKENS = 8192


class TransformersModel:
    """A checkpoint of ``transformers`` with a DNA tokenizer.

    It is what ``benchmark`` asks of a model, and a reader of zero-shot tests.

    Attributes:
        name: of the folder or of the hub.
        kind: ``causal``, ``masked``, or ``encoder`` without a head that predicts.
        layers: hidden states that can be pooled: 0 after the embedding, then one a block.
        limit: tokens of a call, special ones included; None where the model has no limit.
        fingerprint: of the files and of all that vectors depend on.
        about: the same in words and versions.
        twin: the same model untrained, where it was asked for.
    """

    def __init__(
        self,
        name: str,
        opened: Opened,
        device: str | torch.device | None = None,
        *,
        layer: int = -1,
        strands: str = "none",
        overlong: Overlong = "refuse",
        batch_tokens: int = BATCH_TOKENS,
        twin: TransformersModel | None = None,
    ) -> None:
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.name = name
        self.kind = opened.kind
        blocks = getattr(opened.model.config, "num_hidden_layers", None)
        if not isinstance(blocks, int):
            raise InputError(opened.folder, "does not say how many layers it has")
        self.layers = blocks + 1
        self.twin = twin
        if not -self.layers <= layer < self.layers:
            raise UsageError("layer", f"is {layer}; this model has 0 to {self.layers - 1}")
        if strands not in ("none", "average"):
            raise UsageError("strands", f"is {strands!r}; expected none or average")
        self._layer = layer % self.layers
        self._strands = strands
        self._tokenizer = DnaTokenizer(opened.tokenizer, opened.folder)
        model = opened.model.to(device)
        self._calls = Calls(name, model, self._tokenizer, overlong, batch_tokens)
        self.limit = self._calls.limit
        settings = {"layer": self._layer, "strands": strands, "overlong": overlong}
        settings |= {"batch_tokens": batch_tokens, "device": model.device.type}
        self.about: dict[str, Any] = {"kind": "transformers", **opened.about, **settings}
        self.fingerprint = " ".join(f"{value}" for value in self.about.values())

    @classmethod
    def from_pretrained(
        cls,
        where: str | Path,
        device: str | torch.device | None = None,
        *,
        revision: str | None = None,
        name: str | None = None,
        layer: int = -1,
        strands: str = "none",
        overlong: Overlong = "refuse",
        batch_tokens: int = BATCH_TOKENS,
        twin: bool = False,
    ) -> TransformersModel:
        """Read a folder, or ``owner/name`` of the hub; in fp32 and evaluation mode.

        Args:
            device: a GPU if there is one, else the CPU, when None.
            layer: whose hidden states are pooled, 0 to ``layers - 1`` or from the end; -1 is the
                last, as its head reads it.
            strands: ``none``, or ``average``: vectors are the mean with those of the reverse
                complement.
            overlong: what becomes of sequences beyond the context, see this module.
            batch_tokens: of one forward call; a longer sequence is a call by itself.
            twin: open the untrained twin too: the same configuration with weights that the
                library draws from seed 0.

        Raises:
            FileNotFoundError, InputError: as :func:`hnet_seq.peers.files.open_checkpoint`.
            UsageError: no such layer, strands or ``overlong``, or ``batch_tokens`` below 1.
        """
        shown = name or str(where)
        made: list[TransformersModel] = []
        for untrained in (True, False) if twin else (False,):
            opened = open_checkpoint(where, revision=revision, twin=untrained)
            model = cls(
                f"{shown}, untrained twin" if untrained else shown,
                opened,
                device,
                layer=layer,
                strands=strands,
                overlong=overlong,
                batch_tokens=batch_tokens,
                twin=made[0] if made else None,
            )
            made.append(model)
        return made[-1]

    @property
    def reads(self) -> Literal["before", "around"]:
        """What a base is predicted from: those before it, or all others."""
        return "around" if self.kind == "masked" else "before"

    def embed(self, sequences: Given) -> NDArray[np.float32]:
        """One vector for each sequence, in the order given: (N, D).

        Args:
            sequences: one or many, see :func:`modalities.given.named_sequences`.

        Raises:
            InputError: no sequences, one that is no DNA, or one beyond the context.
        """
        return self._embedded(sequences, mean_pooled)

    def embed_middle(self, sequences: Given) -> NDArray[np.float32]:
        """(N, D) of the token that stands for the base in the middle of each, as :meth:`embed`."""
        return self._embedded(sequences, middle_pooled)

    def _embedded(self, sequences: Given, pooled: Pooled) -> NDArray[np.float32]:
        named = list(named_sequences(sequences, dna.DNA))
        found = pooled(self._tokenizer, self._calls, self._layer, named)
        if self._strands == "average":
            other = [(name, dna.reverse_complement(own)) for name, own in named]
            found = (found + pooled(self._tokenizer, self._calls, self._layer, other)) / 2
        return found.astype(np.float32)

    def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
        """Of each sequence, under the tokenizer's one way to cut it.

        A causal model: the sum over its tokens, of those that stand for known bases; without the
        first (of each window) where its tokenizer puts none before it (BOS) to predict it from. A
        masked model: the sum of what it says of each base when that is hidden (the
        pseudo-log-likelihood of Salazar et al. 2020, arXiv 1910.14659, several bases hidden at a
        time).

        Raises:
            InputError: a model without a head that predicts, or a sequence beyond the context.
        """
        if self.kind != "causal":
            rows = self._rows(sequences)
            return [sum_of(own, tokens) for own, tokens in zip(rows, sequences, strict=True)]
        names, spelled = self._spelled(sequences)
        nats, bases = np.zeros(len(sequences)), np.zeros(len(sequences), np.int64)
        for windows, ids in self._calls.of(spelled, names):
            first, length, skipped = self._calls.first, len(windows[0]), self._unpredicted
            said = slice(first + skipped - 1, first + length - 1)
            logits = self._calls.forward(ids).logits[:, said].float()
            goals = ids[:, first + skipped : first + length]
            values = logits.log_softmax(-1).gather(-1, goals[..., None])[..., 0].double().cpu()
            for window, own in zip(windows, values.numpy(), strict=True):
                inside = slice(window.start + skipped, window.stop)
                known = spelled[window.sequence].known[inside]
                nats[window.sequence] += own[known].sum()
                bases[window.sequence] += spelled[window.sequence].bases[inside][known].sum()
        return [Likelihood(float(n), int(b)) for n, b in zip(nats, bases, strict=True)]

    def base_log_probabilities(self, sequences: Sequence[Tokens]) -> list[NDArray[np.float32]]:
        """(L, 4) of A, C, G, T at each base, nats; NaN at the first where nothing stands before it.

        A causal model predicts from what is before; of a masked one each base is hidden once, with
        every seventh other.

        Raises:
            InputError: a model whose tokens are no single bases, or that predicts nothing; a
                sequence beyond the context, whatever ``overlong`` is.
        """
        return self._rows(sequences, whole=True)

    def _rows(
        self, sequences: Sequence[Tokens], *, whole: bool = False
    ) -> list[NDArray[np.float32]]:
        base_ids = self._single_bases()
        names, spelled = self._spelled(sequences)
        for name, each in zip(names, spelled, strict=True):
            if (each.bases != 1).any():
                at = int(each.bases[: int((each.bases != 1).argmax())].sum())
                raise InputError(
                    None,
                    f"a token stands for several bases at base {at + 1}: {self.name} gives no "
                    "probability of each base",
                    where=name,
                )
            if whole:
                self._calls.check_fits(each, name)
        found = [np.full((len(own), 4), np.nan, np.float32) for own in sequences]
        first = self._calls.first
        for windows, ids in self._calls.of(spelled, names):
            length = len(windows[0])
            values = np.full((len(windows), length, 4), np.nan, np.float32)
            if self.kind == "causal":
                skipped = self._unpredicted
                said = slice(first + skipped - 1, first + length - 1)
                logits = self._calls.forward(ids).logits[:, said].float()
                values[:, skipped:] = logits.log_softmax(-1)[..., base_ids].cpu().numpy()
            else:
                for phase in range(min(HIDDEN_EVERY, length)):
                    places = slice(first + phase, first + length, HIDDEN_EVERY)
                    hidden = ids.clone()
                    hidden[:, places] = cast(int, self._tokenizer.mask_id)
                    logits = self._calls.forward(hidden).logits[:, places].float()
                    rows = logits.log_softmax(-1)[..., base_ids]
                    values[:, phase::HIDDEN_EVERY] = rows.cpu().numpy()
            for window, own in zip(windows, values, strict=True):
                found[window.sequence][window.start : window.stop] = own
        return found

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        """The most likely next ``bases`` of each prompt, token by token: (bases,) each.

        Only words of A, C, G and T are taken.

        Raises:
            InputError: a model that is not causal, or a prompt that leaves no room in its context.
        """
        if self.kind != "causal":
            raise InputError(
                None, f"is {self.kind}: it does not go on from a beginning", where=self.name
            )
        names, spelled = self._spelled(prompts)
        return [self._greedy(own, bases, name) for own, name in zip(spelled, names, strict=True)]

    def _greedy(self, spelled: Spelled, bases: int, name: str) -> Tokens:
        given = [*self._tokenizer.before, *spelled.ids.tolist()]
        if self.limit is not None and len(given) + bases > self.limit:
            raise InputError(
                None,
                f"{len(given)} tokens and {bases} bases to come; the model takes {self.limit}",
                where=name,
            )
        new: list[int] = []
        found = np.empty(0, np.uint8)
        while len(found) < bases:
            # All again for each token: what the library calls a cache differs by model and version.
            logits = self._calls.forward(self._calls.rows([[*given, *new]])).logits[0, -1].float()
            allowed = torch.from_numpy(self._tokenizer.pure(len(logits))).to(logits.device)
            new.append(int(logits.masked_fill(~allowed, -torch.inf).argmax()))
            found = self._tokenizer.bases_of(new)
        return found[:bases]

    @property
    def _unpredicted(self) -> int:
        """Tokens at the beginning of a window that a causal model has nothing to predict from."""
        return 0 if self._calls.first else 1

    def _spelled(self, sequences: Sequence[Tokens]) -> tuple[list[str], list[Spelled]]:
        names = [f"sequence {index}" for index in range(len(sequences))]
        return names, [self._tokenizer.spell(s, n) for n, s in zip(names, sequences, strict=True)]

    def _single_bases(self) -> list[int]:
        ids, why = self._tokenizer.base_ids, None
        if self.kind == "encoder":
            why = "has no head that predicts bases"
        elif ids is None:
            why = "its tokens are words of several bases: it gives no probability of each base"
        elif self.kind == "masked" and self._tokenizer.mask_id is None:
            why = "its tokenizer has no mask"
        if why is not None or ids is None:
            raise InputError(None, why or "", where=self.name)
        return ids
