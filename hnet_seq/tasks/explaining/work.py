"""What an explanation computes through the model that takes long, as items that can be shared out
and kept: blocks of rows of dependency maps, and lines of integrated gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.dependencies import halves, without_unknown
from hnet_seq.analysis.shuffle import shuffle_record
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.explanation import MODEL, SHUFFLED, TWIN
from hnet_seq.tasks.explaining.gradients import Attribution, integrated_gradients
from hnet_seq.tasks.explaining.substituted import EFFECTS, Window, rows_of
from modalities import dna
from modalities.base import Tokens

Floats = NDArray[np.float64]
Values = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """What a map is of.

    Attributes:
        name: ``model``, ``twin`` or ``shuffled``.
        window: what is read.
    """

    name: str
    window: Window

    @property
    def twin(self) -> bool:
        """Whether the untrained twin reads it."""
        return self.name == TWIN


@dataclass(frozen=True)
class Item:
    """Rows ``first`` to ``last`` of a map, or a line of integrated gradients, on one strand."""

    kind: Literal["rows", "line"]
    index: int
    strand: int
    first: int
    last: int


@dataclass(frozen=True)
class Work:
    """All of it.

    Attributes:
        sources: the model's own first.
        baselines: (L,) each, on the forward strand.
        strands: 1 or 2.
        steps: of each line.
    """

    window: Window
    sources: Sequence[Source]
    baselines: Sequence[Tokens]
    strands: int
    steps: int
    causal: bool

    def items(self) -> Iterator[Item]:
        """In order; the model's own map comes first."""
        for index, source in enumerate(self.sources):
            for strand in range(self.strands):
                for first, last in source.window.blocks():
                    yield Item("rows", index, strand, first, last)
        for index in range(len(self.baselines)):
            for strand in range(self.strands):
                yield Item("line", index, strand, 0, 1)

    def tokens(self, item: Item) -> int:
        """Through the model."""
        if item.kind == "line":
            return 4 * self.steps * self.window.end  # with gradients, about
        window = self.sources[item.index].window
        return window.cost(item.first, item.last, whole=not self.causal)

    def height(self, item: Item) -> int:
        """Values that an item gives."""
        if item.kind == "line":
            return 2 * self.window.length + 2
        return (item.last - item.first) * (self.window.length + EFFECTS)

    def compute(
        self,
        model_of: Callable[[bool], HNetLanguageModel],
        item: Item,
        batch_tokens: int,
    ) -> Values:
        """The values of an item, in a row.

        Args:
            model_of: the model, or its twin.
        """
        if item.kind == "line":
            model, letters = model_of(False), self.baselines[item.index]
            assert isinstance(model, HNetForCausalLM)
            if item.strand:
                letters = dna.reverse_complement(letters)
            found = integrated_gradients(
                model,
                self._on(self.window, item.strand),
                [letters],
                steps=self.steps,
                batch_tokens=batch_tokens,
            )
            return np.concatenate([found.total, found.own, [found.change, found.missed]]).astype(
                np.float32
            )
        source = self.sources[item.index]
        window = self._on(source.window, item.strand)
        return rows_of(model_of(source.twin), window, item.first, item.last, batch_tokens).ravel()

    def _on(self, window: Window, strand: int) -> Window:
        return window.reverse_complement if strand else window

    def found(self, values: Iterable[tuple[Item, Values]]) -> Found:
        """What all items together give."""
        length = self.window.length
        rows: dict[tuple[int, int], list[Values]] = {}
        lines: dict[int, list[Values]] = {}
        for item, own in values:
            if item.kind == "line":
                lines.setdefault(item.strand, []).append(own)
            else:
                rows.setdefault((item.index, item.strand), []).append(
                    own.reshape(-1, length + EFFECTS)
                )
        whole = {key: np.concatenate(own).astype(np.float64) for key, own in rows.items()}
        maps = []
        for index, source in enumerate(self.sources):
            each = [whole[index, strand][:, :length] for strand in range(self.strands)]
            if self.causal:
                found = halves(each[0], each[1] if self.strands == 2 else None)
            else:
                found = each[0]
            maps.append((source.name, without_unknown(found, source.window.letters)))
        effects = [whole[0, strand][:, length:] for strand in range(self.strands)]
        means = [np.stack(lines[strand]).astype(np.float64).mean(0) for strand in sorted(lines)]
        integrated = [
            Attribution(own[:length], own[length:-2], float(own[-2]), float(own[-1]))
            for own in means
        ]
        return Found(maps, effects, integrated)


@dataclass(frozen=True)
class Found:
    """What :class:`Work` gives.

    Attributes:
        maps: name and (L, L) of each source.
        effects: of each strand, by its places, (L, 4) what a letter does to the log-likelihood.
        integrated: of each strand, by its places.
    """

    maps: Sequence[tuple[str, Floats]]
    effects: Sequence[Floats]
    integrated: Sequence[Attribution]


def plan(
    model: HNetLanguageModel,
    window: Window,
    *,
    strands: str,
    twin: bool = False,
    shuffles: int = 0,
    baselines: int = 0,
    steps: int = 1,
    seed: int = 0,
) -> Work:
    """What is to be computed; draws depend on ``seed`` and what is read alone."""
    causal = isinstance(model, HNetForCausalLM)
    generator = np.random.default_rng(seed)
    sources = [Source(MODEL, window)]
    if twin:
        sources.append(Source(TWIN, window))
    for _ in range(shuffles):
        shuffled = shuffle_record(window.tokens, generator)
        sources.append(Source(SHUFFLED, Window(shuffled, window.start, window.end)))
    lines = [
        shuffle_record(window.letters, generator, max(window.length, 1))
        for _ in range(baselines if causal else 0)
    ]
    both = causal and strands == "average"
    return Work(window, sources, lines, 1 + both, steps, causal)


def mean_of_strands(values: Sequence[Floats]) -> Floats:
    """(L,) by places of the sequence, of values by the places of each strand: of those that
    are known; NaN where none is."""
    if not len(values):
        return np.full(0, math.nan)
    turned = [own[::-1] if strand else own for strand, own in enumerate(values)]
    known = np.sum([~np.isnan(own) for own in turned], 0)
    mean: Floats = np.nansum(turned, 0) / np.where(known, known, math.nan)
    return mean
