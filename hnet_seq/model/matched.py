"""Isotropic models of another one's work: what a comparison at equal operations asks for."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable

from hnet_seq.model.config import HNetConfig
from hnet_seq.model.flops import flops_per_token

_LAYERS = re.compile(r"[mMtT]\d+")
_WIDTH = 32  # steps of a width without attention: Mamba-2 at expand 2 needs multiples of it


def flops_per_letter(
    config: HNetConfig, context: float, tokens_per_chunk: list[float], letters_per_token: float = 1
) -> float:
    """Forward operations per byte or base.

    Args:
        context: of a sequence, in letters.
        tokens_per_chunk: see :func:`hnet_seq.model.flops.flops_per_token`.
        letters_per_token: what a tokenizer joins.
    """
    tokens = context / letters_per_token
    return flops_per_token(config, tokens, tokens_per_chunk) / letters_per_token


def matched(
    config: HNetConfig, flops: float, context: float, letters_per_token: float = 1
) -> dict[str, HNetConfig]:
    """The shape with as near as possible ``flops`` a letter, by its ``layers`` or its ``width``.

    Heads keep their width, and an MLP its share of the model's.

    Raises:
        ValueError: the layout is not one stack of layers of one kind, such as ``["T6"]``.
    """
    layout = config.arch_layout
    if len(layout) != 1 or not isinstance(layout[0], str) or not _LAYERS.fullmatch(layout[0]):
        raise ValueError(f"{layout}: work is matched by isotropic layouts of one kind, as [T6]")

    def work(shape: HNetConfig) -> float:
        return flops_per_letter(shape, context, [], letters_per_token)

    def layers(count: int) -> HNetConfig:
        return dataclasses.replace(config, arch_layout=[f"{layout[0][0]}{count}"])

    has_heads = layout[0][0] in "tT"
    head = config.d_model[0] // config.attn_cfg.num_heads[0] if has_heads else 0

    def width(steps: int) -> HNetConfig:
        shape, step = copy.deepcopy(config), head or _WIDTH
        shape.d_model = [steps * step]
        shape.d_intermediate = [round(config.d_intermediate[0] * steps * step / config.d_model[0])]
        if has_heads:
            shape.attn_cfg.num_heads = [steps]
        return shape

    return {"layers": _nearest(layers, work, flops), "width": _nearest(width, work, flops)}


def _nearest(
    shape: Callable[[int], HNetConfig], work: Callable[[HNetConfig], float], flops: float
) -> HNetConfig:
    count = 1
    while work(shape(count + 1)) < flops:
        count += 1
    return min((shape(count), shape(count + 1)), key=lambda found: abs(work(found) - flops))
