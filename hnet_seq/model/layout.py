"""The layout grammar of H-Net checkpoints: ``["m4", ["T1m4", ["T26"], "m4T1"], "m4"]``.

A list of three is a stage: encoder, inner network, decoder. A list of one is the innermost stack.
A stack is a run of letter-number pairs: m / M a Mamba-2 layer, t / T causal self-attention,
capitals with a SwiGLU MLP after the mixer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

_STACK = re.compile(r"(?:[mMtT][0-9]+)+")
_RUN = re.compile(r"([mMtT])([0-9]+)")


@dataclass(frozen=True)
class LayerSpec:
    """One layer: its mixer, and whether an MLP follows."""

    mixer: Literal["mamba2", "attention"]
    mlp: bool

    @property
    def residual_additions(self) -> int:
        return 1 + self.mlp


StackSpec = tuple[LayerSpec, ...]


@dataclass(frozen=True)
class StageSpec:
    """The encoder and decoder around one more level of chunking."""

    encoder: StackSpec
    decoder: StackSpec

    @property
    def residual_additions(self) -> int:
        return residual_additions(self.encoder) + residual_additions(self.decoder)


@dataclass(frozen=True)
class Layout:
    """Stages from the outside in, and the innermost stack. No stages: an isotropic model."""

    stages: tuple[StageSpec, ...]
    innermost: StackSpec


def residual_additions(stack: StackSpec) -> int:
    """How many outputs the stack adds to its residual stream."""
    return sum(layer.residual_additions for layer in stack)


def parse_stack(text: str) -> StackSpec:
    """``"T1m4"`` to its layers.

    Raises:
        ValueError: the text is not ``([mMtT][0-9]+)+``.
    """
    if not isinstance(text, str) or not _STACK.fullmatch(text):
        raise ValueError(
            f"layout {text!r}: expected letters m, M, t or T each with a count, such as 'M3T1'"
        )
    layers: list[LayerSpec] = []
    for letter, count in _RUN.findall(text):
        mixer: Literal["mamba2", "attention"] = "mamba2" if letter in "mM" else "attention"
        layers += [LayerSpec(mixer, mlp=letter.isupper())] * int(count)
    return tuple(layers)


def parse_layout(layout: Any) -> Layout:
    """The nested list of a checkpoint's ``arch_layout``.

    Raises:
        ValueError: a list has neither one nor three elements, or a stack is misspelt.
    """
    stages: list[StageSpec] = []
    while True:
        if not isinstance(layout, (list, tuple)) or len(layout) not in (1, 3):
            raise ValueError(
                f"layout {layout!r}: expected [encoder, [inner], decoder] or [innermost]"
            )
        if len(layout) == 1:
            innermost = parse_stack(layout[0])
            if not innermost:
                raise ValueError(f"layout {layout!r}: the innermost stack has no layers")
            return Layout(tuple(stages), innermost)
        encoder, layout, decoder = layout
        stages.append(StageSpec(parse_stack(encoder), parse_stack(decoder)))
