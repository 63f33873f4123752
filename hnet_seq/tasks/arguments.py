"""Command-line arguments that several verbs share."""

from __future__ import annotations

import argparse
import re

from hnet_seq.model.limits import CACHE_LIMIT
from hnet_seq.train.precision import PRECISIONS

#: What stands for a model, as help texts say it.
CHECKPOINT = (
    "run, checkpoint folder, file, a name that `hnet-seq info` lists, or owner/name on the hub"
)


def add_device_argument(parser: argparse.ArgumentParser) -> None:
    """``--device``: where to compute; None where it is not given."""
    parser.add_argument("--device", type=_device, help="cpu, cuda, ...; a GPU if there is one")


def add_dask_argument(parser: argparse._ActionsContainer) -> None:
    """``--dask``: where the workers are that compute; ``hnet_seq.cli`` goes to them."""
    parser.add_argument(
        "--dask",
        metavar="CLUSTER",
        help="compute on a Dask cluster: local:N, tcp://HOST:PORT, or a scheduler's FILE.json",
    )


def add_twin_argument(parser: argparse._ActionsContainer) -> None:
    """``--twin``: the untrained twin in the model's place."""
    parser.add_argument(
        "--twin",
        action="store_true",
        help="take the untrained twin: the same shape with the weights that training began with",
    )


def add_batch_arguments(parser: argparse.ArgumentParser, batch_tokens: int) -> None:
    """``--batch-tokens`` (bases, with this default) and ``--device``, for forward calls."""
    parser.add_argument(
        "--batch-tokens",
        type=positive,
        default=batch_tokens,
        metavar="BASES",
        help="bases of one forward call (%(default)s)",
    )
    add_device_argument(parser)


def add_input_arguments(parser: argparse._ActionsContainer) -> None:
    """``--genome`` and how sequences are read from BED on it, and from tables."""
    parser.add_argument(
        "--genome", metavar="GENOME", help="FASTA, GenBank or 2bit that BED lies on"
    )
    add_reading_arguments(parser)


def add_reading_arguments(parser: argparse._ActionsContainer) -> None:
    """``--blocks``, ``--haplotypes``, ``--samples`` and ``--where``."""
    parser.add_argument(
        "--blocks", action="store_true", help="join the blocks of BED rows that have them (BED12)"
    )
    parser.add_argument(
        "--haplotypes",
        metavar="VCF",
        help="phased VCF or BCF: read BED (score: or variants) on each haplotype of each sample",
    )
    parser.add_argument(
        "--samples",
        action="append",
        default=[],
        metavar="NAMES",
        help="of --haplotypes, with commas between (all)",
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="of a table only these rows; again for other columns, or for more values of one",
    )


def add_precision_argument(parser: argparse.ArgumentParser) -> None:
    """``--precision`` of forward calls."""
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="of the forward calls; bf16 is for GPUs (%(default)s)",
    )


def add_attention_window_argument(parser: argparse.ArgumentParser) -> None:
    """``--attention-window``, in positions."""
    parser.add_argument(
        "--attention-window",
        type=positive,
        metavar="POSITIONS",
        help="what global attention may see, for records too long for its cache (all)",
    )


def add_streaming_arguments(parser: argparse.ArgumentParser) -> None:
    """``--attention-window`` and ``--cache-limit`` (GB), for sequences of any length."""
    add_attention_window_argument(parser)
    parser.add_argument(
        "--cache-limit",
        type=_gigabytes,
        default=CACHE_LIMIT,
        metavar="GB",
        help=f"what global attention may cache ({CACHE_LIMIT / 1e9:g})",
    )


def positive(text: str) -> int:
    """A type of options: a whole number of 1 or more."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return number


def _gigabytes(text: str) -> int:
    """Bytes."""
    try:
        size = float(text)
    except ValueError:
        size = -1.0
    if not size >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of gigabytes, 0 or more")
    return round(min(size, 1e9) * 1e9)


def _device(name: str) -> str:
    if name == "cpu":
        return name
    wrong = argparse.ArgumentTypeError(f"{name!r} is no device; expected cpu, cuda, cuda:1, ...")
    if not re.fullmatch(r"(cpu|cuda|mps|xpu|hpu|xla|mtia|privateuseone)(:\d+)?", name):
        raise wrong
    import torch  # what there is of a kind, only torch knows

    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise wrong from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError(f"{name}: torch sees no CUDA device; use cpu")
    return name
