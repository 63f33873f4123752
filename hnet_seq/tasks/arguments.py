"""Command-line arguments that several verbs share."""

from __future__ import annotations

import argparse

import torch


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """``--device``: where to compute; None where it is not given."""
    parser.add_argument("--device", type=_device, help="cpu, cuda, ...; a GPU if there is one")


def add_batch_arguments(parser: argparse.ArgumentParser, batch_tokens: int) -> None:
    """``--batch-tokens`` (bases, with this default) and ``--device``, for forward calls."""
    parser.add_argument(
        "--batch-tokens",
        type=_positive,
        default=batch_tokens,
        metavar="BASES",
        help="bases of one forward call (%(default)s)",
    )
    add_device_argument(parser)


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return number


def _device(name: str) -> str:
    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise argparse.ArgumentTypeError(
            f"{name!r} is no device; expected cpu, cuda, cuda:1, ..."
        ) from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError(f"{name}: torch sees no CUDA device; use cpu")
    return name
