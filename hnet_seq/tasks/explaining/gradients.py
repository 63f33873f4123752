"""What each base adds to the log-likelihood of a stretch, by gradients through the one-hot face.

The log-likelihood is of the bases of the stretch given all before them. Of a base it has two
parts: its own probability, in which it is what is predicted, and what it does to the probabilities
of those behind it. Nothing has to depend on a base for the first, so both are given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.heads.one_hot import HNetOneHot
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import counted_texts, left_out
from hnet_seq.tasks.explaining.substituted import Window
from modalities import dna
from modalities.base import Tokens

Floats = NDArray[np.float64]
_BASES = len(dna.BASES)


@dataclass(frozen=True)
class Attribution:
    """By base of a stretch, nats.

    Attributes:
        total: (L,) of the log-likelihood of the stretch.
        own: (L,) the part of it that is the base's own probability.
        change, missed: of integrated gradients, what the totals are to add up to, and the size of
            what they lack of it.

    NaN of an unknown base. The first base that is read has no probability, so no ``own``.
    """

    total: Floats
    own: Floats
    change: float = 0.0
    missed: float = 0.0

    @property
    def behind(self) -> Floats:
        """(L,) what the base does to those behind it."""
        found: Floats = self.total - np.nan_to_num(self.own)
        return found


def gradient_by_input(
    model: HNetForCausalLM, window: Window, *, straight_through: bool = False
) -> Attribution:
    """Gradient times the base that stands there less the mean of the other three.

    What the mean of the three substitutions would take off, were the model linear: to be held
    against saturation mutagenesis. A constant added to the gradient of all four letters, which a
    one-hot model leaves open, changes nothing (Majdandzic et al., Genome Biology 24:109, 2023).

    Args:
        straight_through: see :class:`hnet_seq.heads.one_hot.HNetOneHot`.
    """
    face = HNetOneHot(model, "logits", straight_through=straight_through)
    here = slice(window.start, window.end)
    x = _one_hot(what_is_read(model, window), model).requires_grad_()
    likely, _ = _likelihood(face, x, window)
    (gradient,) = torch.autograd.grad((likely * x[..., here].mT).sum(), x)
    of_letters = gradient[0, :, here].double().cpu().numpy().T  # (L, 4)
    own = likely.detach()[0].double().cpu().numpy()
    total, part = (_over_others(values, window.letters) for values in (of_letters, own))
    return Attribution(total, _without_first(part, window))


def integrated_gradients(
    model: HNetForCausalLM,
    window: Window,
    baselines: list[Tokens],
    *,
    steps: int,
    batch_tokens: int,
    straight_through: bool = False,
) -> Attribution:
    """Gradients along straight lines from other stretches to this one, the mean over them.

    Sundararajan, Taly and Yan, ICML 2017; midpoints of equal steps. What lies before the stretch
    stays.

    Args:
        baselines: (L,) each, in place of the stretch.
        steps: on each line.
    """
    face = HNetOneHot(model, "logits", straight_through=straight_through)
    here, read = slice(window.start, window.end), what_is_read(model, window)
    target = _one_hot(read, model)
    most = max(1, batch_tokens // len(read))
    totals, owns, changes = [], [], []
    for letters in baselines:
        changed = np.concatenate([read[: window.start], letters, read[window.end :]])
        other = _one_hot(changed, model)
        apart = (target - other)[..., here]
        gradient = torch.zeros_like(apart, dtype=torch.float64)
        known = torch.zeros_like(gradient)
        shares = (torch.arange(steps, dtype=target.dtype, device=target.device) + 0.5) / steps
        for some in shares.split(most):
            x = (other + some.view(-1, 1, 1) * (target - other)).requires_grad_()
            own, _ = _likelihood(face, x, window)
            (found,) = torch.autograd.grad((own * x[..., here].mT).sum(), x)
            gradient += found[..., here].double().sum(0, keepdim=True) / steps
            known += own.detach().mT.double().sum(0, keepdim=True) / steps
        totals.append((apart * gradient).sum((0, 1)).cpu().numpy())
        owns.append((apart * known).sum((0, 1)).cpu().numpy())
        with torch.no_grad():
            ends = [float(_likelihood(face, x, window)[1].sum()) for x in (target, other)]
        changes.append(ends[0] - ends[1])
    missed = [abs(own.sum() - change) for own, change in zip(totals, changes, strict=True)]
    means = (float(np.mean(values)) for values in (changes, missed))
    bases = window.letters <= max(dna.BASES)
    total, part = (np.where(bases, np.mean(several, 0), np.nan) for several in (totals, owns))
    return Attribution(total, _without_first(part, window), *means)


def _without_first(own: Floats, window: Window) -> Floats:
    """NaN for the first base of all, of which nothing is expected."""
    return np.where(np.arange(window.start, window.end) == 0, np.nan, own)


def _likelihood(face: HNetOneHot, x: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    """Of sequences (B, 4, n) the log-probabilities (B, L, 4) of all letters of the stretch, 0 at
    the first base of all, and the log-likelihood (B,) of those that stand there."""
    here = slice(window.start, window.end)
    with left_out(face.model):
        logits: Tensor = face(x)
    known = logits.float().log_softmax(2)[:, :-1, :_BASES]
    known = torch.cat([torch.zeros_like(known[:, :1]), known], 1)[:, here]
    return known, (known * x[..., here].mT).sum((1, 2))


def what_is_read(model: HNetForCausalLM, window: Window) -> Tokens:
    """(n,) the window up to the end of its stretch; all of it where counts of the training text
    are judged by what is read."""
    return window.tokens if counted_texts(model) else window.tokens[: window.end]


def _one_hot(tokens: Tokens, model: HNetForCausalLM) -> Tensor:
    """(1, 4, n); an unknown base is a column of zeros."""
    columns = np.zeros((_BASES, len(tokens)), np.float32)
    known = np.flatnonzero(tokens <= max(dna.BASES))
    columns[tokens[known], known] = 1
    return torch.from_numpy(columns)[None].to(model.embeddings.weight.device)


def _over_others(values: Floats, letters: Tokens) -> Floats:
    """(L,) the value of the letter that stands there less the mean of the other three."""
    known = letters <= max(dna.BASES)
    own = values[np.arange(len(letters)), np.where(known, letters, 0)]
    found: Floats = own - (values.sum(1) - own) / (_BASES - 1)
    return np.where(known, found, np.nan)


def over_others(effects: NDArray[np.floating]) -> Floats:
    """(L,) of what each letter does to a log-likelihood (L, 4), 0 for the one that stands there,
    what the mean of the three others takes off."""
    found: Floats = -np.asarray(effects, np.float64).sum(1) / (_BASES - 1)
    return found
