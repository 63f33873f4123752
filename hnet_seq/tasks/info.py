"""Versions, device, chosen operations and shipped experiments; or what a checkpoint is."""

from __future__ import annotations

import argparse
import platform
from collections import Counter
from importlib import metadata

import torch

import hnet_seq
from hnet_seq.config import shipped
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.ops import choices
from hnet_seq.train.optimizer import parameter_groups

EXAMPLE = "hnet-seq info run --tokens-per-chunk 3"

_LIBRARIES = ("torch", "numpy", "omegaconf", "webdataset", "pyfaidx", "biopython", "scikit-learn")
_CONTEXT = 8192


def environment() -> list[str]:
    """Lines about this installation."""
    lines = [f"hnet-seq {hnet_seq.__version__}, Python {platform.python_version()}"]
    lines += [f"  {name} {metadata.version(name)}" for name in _LIBRARIES]
    if torch.cuda.is_available():
        lines.append(f"device: {torch.cuda.get_device_name()}")
    else:
        lines.append(f"device: CPU, {torch.get_num_threads()} threads")
    lines.append("operations:")
    lines += [f"  {name}: {used} ({why})" for name, (used, why) in choices().items()]
    lines.append(f"experiments: {', '.join(shipped())}")
    return lines


def describe(model: HNetForCausalLM, tokens_per_chunk: list[float], context: int) -> list[str]:
    """Lines about a model: layout, parameters per stage, work per token, training data."""
    config = model.config
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    per_stage: Counter[int] = Counter()
    for (stage, _), names in parameter_groups(model).items():
        per_stage[stage] += sum(sizes[name] for name in names)
    forward = flops_per_token(config, context, tokens_per_chunk)
    lines = [f"layout: {config.arch_layout}", f"widths: {config.d_model}"]
    lines.append(f"parameters: {sum(sizes.values()):,}")
    lines += [f"  stage {stage}: {count:,}" for stage, count in sorted(per_stage.items())]
    rate = ", ".join(f"{n:g}" for n in tokens_per_chunk) or "no chunks"
    lines.append(
        f"per token at {rate} tokens per chunk, context {context}: "
        f"{forward / 1e6:.2f} MFLOP forward, {TRAINING_FACTOR * forward / 1e6:.2f} training"
    )
    lines += [f"{key}: {value}" for key, value in sorted(model.metadata.items())]
    return lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq info``."""
    parser.add_argument("checkpoint", nargs="?", help="checkpoint folder or run folder")
    parser.add_argument(
        "--tokens-per-chunk", type=float, nargs="*", metavar="N", help="of each stage (default 3)"
    )
    parser.add_argument("--context", type=int, default=_CONTEXT, help="tokens (%(default)s)")


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.checkpoint is None:
        print("\n".join(environment()))
        return 0
    model = HNetForCausalLM.from_pretrained(args.checkpoint, "cpu")
    rates = args.tokens_per_chunk or [3.0] * model.num_stages
    if len(rates) != model.num_stages:
        raise ValueError(f"--tokens-per-chunk: this model has {model.num_stages} stages")
    print("\n".join(describe(model, rates, args.context)))
    return 0
