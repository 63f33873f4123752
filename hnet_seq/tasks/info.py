"""``hnet-seq info``: this installation, or what something is; arguments are in ``commands``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
from collections import Counter
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import hnet_seq
from hnet_seq.commands.info import CONTEXT, EXPERIMENT, check_rates, kind_of
from hnet_seq.configuration_keys import explained, keys_of
from hnet_seq.experiment_files import shipped
from hnet_seq.experiments import load_experiment
from hnet_seq.heads.names import HEAD
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.model.locate import read_config, read_json
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.matched import flops_per_letter
from hnet_seq.model.pretrained import outline, owned_state, read_checkpoint
from hnet_seq.model.released import configuration_file, released_names
from hnet_seq.model.shipped import PAGE, read_card, shipped_lines
from hnet_seq.ops import choices
from hnet_seq.tasks.matching import lines as match_lines
from hnet_seq.tasks.matching import match
from hnet_seq.train.memory_plan import MemoryPlan, plan_memory, untrained

_LIBRARIES = (
    "torch",
    "numpy",
    "omegaconf",
    "webdataset",
    "pyfaidx",
    "biopython",
    "scikit-learn",
    "safetensors",
    "huggingface_hub",
)
_TOKENS_PER_CHUNK = 3.0


def environment() -> dict[str, Any]:
    """This installation: versions, device, operations, experiments.

    On a GPU ``operations_bf16`` has what ``train.precision=bf16`` and ``--precision bf16`` use.
    """
    cuda = torch.cuda.is_available()
    device = torch.device("cuda:0" if cuda else "cpu")
    half = {"operations_bf16": _operations(device, torch.bfloat16)} if cuda else {}
    return {
        "version": hnet_seq.__version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "threads": torch.get_num_threads(),
        "threads_wait": hnet_seq.WAIT_POLICY,
        "operations": _operations(device, torch.float32),
        **half,
        "experiments": shipped(),
        "released": released_names(),
        "models": shipped_lines(),
    }


def _version(name: str) -> str:
    # The metadata of torch's default wheel leave out its build, 2.13.0+cu130, which runs record.
    return str(torch.__version__) if name == "torch" else metadata.version(name)


def _operations(device: torch.device, dtype: torch.dtype) -> dict[str, dict[str, str]]:
    chosen = choices(device, dtype)
    return {name: {"used": used, "why": why} for name, (used, why) in chosen.items()}


def describe(
    what: str | Path,
    *,
    tokens_per_chunk: list[float] | None = None,
    context: int = CONTEXT,
    batch_tokens: int | None = None,
    config: str | Path | None = None,
) -> dict[str, Any]:
    """A checkpoint, or a model from its shape alone.

    Nothing is computed and no weight is copied: a model of any size is described at once.

    Args:
        what: a checkpoint (see :func:`hnet_seq.model.locate.locate`), a ``.json`` configuration,
            or a released name; what exists on disk comes first.
        tokens_per_chunk: of each stage, from the outside in; 3 when None.
        context: raw tokens of a sequence.
        batch_tokens: raw tokens that training computes at once; ``context`` when None.
        config: the JSON of a checkpoint that has none beside it.

    Returns:
        Plain values; ``flops_per_token`` counts floating-point operations (a product and a sum are
        two), ``dtypes`` the stored values of each kind.

    Raises:
        FileNotFoundError: there is no such thing.
        ValueError: the files are damaged or do not fit each other.
        UsageError: there is not one number for each stage.
    """
    if file := configuration_file(what):
        shape = read_config(file)
        with torch.device("meta"):
            weights: Mapping[str, Tensor] = owned_state(language_model(shape))
        about: dict[str, Any] = {"configuration": str(file)}
    else:
        checkpoint = read_checkpoint(what, config=config)
        shape, weights = checkpoint.config, checkpoint.weights
        about = {
            "weights": str(checkpoint.found.weights),
            "configuration": str(checkpoint.found.config),
            "dtypes": _dtypes(weights, checkpoint.int8_rows),
            "metadata": checkpoint.metadata,
            "training_data": checkpoint.metadata.get("data"),
        }
        if card := read_card(checkpoint.found.folder):
            about["card"] = card
        head = checkpoint.found.folder / HEAD
        if head.is_file():
            about["head"] = read_json(head)
        else:
            weights = owned_state(outline(language_model, checkpoint))
    rates = tokens_per_chunk or [_TOKENS_PER_CHUNK] * shape.num_stages
    check_rates(rates, shape.num_stages)
    if letters := float(about.get("metadata", {}).get("letters_per_token", 0)):
        each = flops_per_letter(shape, context, rates, letters)
        about["per_letter"] = {"forward": each, "letters_per_token": letters}
    forward = flops_per_token(shape, context, rates)
    batch = batch_tokens or context
    plan = plan_memory(shape, batch, rates, context=context)
    first_steps = plan_memory(shape, batch, untrained(shape, rates), context=context)
    return about | {
        "layout": shape.arch_layout,
        "direction": _direction(shape),
        "boundaries": [str(shape.boundary_policy(s)) for s in range(shape.num_stages)],
        "widths": shape.d_model,
        "ngram_memory": shape.ngram_memory.orders,
        "ngram_counts": shape.ngram_counts.orders,
        "vocabulary": shape.vocab_size,
        "parameters": sum(v.numel() for v in weights.values() if v.is_floating_point()),
        "parameters_per_stage": parameters_per_stage(shape, weights),
        "context": context,
        "tokens_per_chunk": rates,
        "flops_per_token": {"forward": forward, "training": TRAINING_FACTOR * forward},
        "training_memory": dataclasses.asdict(plan),
        "training_memory_first_steps": dataclasses.asdict(first_steps),
    }


def _direction(shape: HNetConfig) -> str:
    if shape.strand_symmetric:
        return "both strands"
    return "both" if shape.bidirectional else "causal"


def parameters_per_stage(config: HNetConfig, weights: Mapping[str, Tensor]) -> dict[str, int]:
    """Values of each stage, from the outside in; embedding and output belong to stage 0."""
    counts: Counter[str] = Counter()
    for name, value in weights.items():
        # Each level of the recursion is one more main_network; the innermost stack is the last.
        stage = min(name.split(".").count("main_network"), config.num_stages)
        if value.is_floating_point():  # counts of n-grams are no parameters
            counts["head" if name.startswith("head.") else str(stage)] += value.numel()
    return dict(sorted(counts.items()))


def _dtypes(weights: Mapping[str, Tensor], in_int8: Collection[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for name, value in weights.items():
        dtype = "int8" if name in in_int8 else str(value.dtype).removeprefix("torch.")
        counts[dtype] += value.numel()
    return dict(sorted(counts.items()))


def environment_lines(about: dict[str, Any]) -> list[str]:
    """:func:`environment` for people."""
    lines = [f"hnet-seq {about['version']}, Python {about['python']}"]
    lines += [f"  {name} {version}" for name, version in about["libraries"].items()]
    threads = (
        f", {about['threads']} threads, {about['threads_wait']}" if about["device"] == "CPU" else ""
    )
    lines.append(f"device: {about['device']}{threads}")
    for title, key in (("operations", "operations"), ("operations in bf16", "operations_bf16")):
        if key in about:
            lines.append(f"{title}:")
            lines += [f"  {name}: {op['used']} ({op['why']})" for name, op in about[key].items()]
    lines.append(f"experiments: {', '.join(about['experiments'])}")
    lines.append(f"released configurations: {', '.join(about['released'])}")
    lines.append("models that come with the package:")
    lines += [f"  {line}" for line in about["models"]]
    return lines


def description_lines(about: dict[str, Any]) -> list[str]:
    """:func:`describe` for people."""
    lines = [f"{key}: {about[key]}" for key in ("weights", "configuration") if key in about]
    lines += [f"layout: {json.dumps(about['layout'])}", f"widths: {about['widths']}"]
    lines.append(f"direction: {about['direction']}")
    lines.append(f"boundaries: {', '.join(about['boundaries']) or 'none, isotropic'}")
    for key, what in (("ngram_memory", "learned"), ("ngram_counts", "counted")):
        if orders := about[key]:
            lines.append(f"n-grams, {what}: orders {', '.join(map(str, orders))}")
    count = about["parameters"]
    lines.append(f"parameters: {count:,} ({4e-9 * count:.2f} GB in fp32)")
    for stage, size in about["parameters_per_stage"].items():
        lines.append(f"  {stage if stage == 'head' else f'stage {stage}'}: {size:,}")
    rates = ", ".join(f"{rate:g}" for rate in about["tokens_per_chunk"])
    flops = about["flops_per_token"]
    lines.append(
        f"per token at {rates + ' tokens per chunk' if rates else 'no chunks'}, context "
        f"{about['context']}: {flops['forward'] / 1e6:.2f} MFLOP forward, "
        f"{flops['training'] / 1e6:.2f} training"
    )
    if joined := about.get("per_letter"):
        lines.append(
            f"per byte or base: {joined['forward'] / 1e6:.2f} MFLOP forward, at "
            f"{joined['letters_per_token']:g} to a token, context {about['context']}"
        )
    lines += MemoryPlan(**about["training_memory"]).lines()
    first = MemoryPlan(**about["training_memory_first_steps"])
    if first.tokens_per_chunk != about["tokens_per_chunk"]:
        often = ", ".join(f"{rate:g}" for rate in first.tokens_per_chunk)
        lines.append(
            f"  from scratch more in the first steps, at {often} tokens per chunk: "
            f"{first.resident / 1e6:,.0f} MB"
        )
    if "dtypes" in about:
        kinds = about["dtypes"]
        one = len(kinds) == 1
        shown = (kind if one else f"{kind} ({size:,})" for kind, size in kinds.items())
        lines.append(f"dtype: {', '.join(shown)}")
        lines.append(f"training data: {about['training_data'] or 'not recorded'}")
        # Thousands of merges are for machines: --json has them.
        hidden = ("data", "tokenizer")
        rest = sorted((key, value) for key, value in about["metadata"].items() if key not in hidden)
        lines += [f"{key}: {value}" for key, value in rest]
    if "head" in about:
        lines.append(f"head: {json.dumps(about['head'])}")
    if "card" in about:
        page = Path(about["weights"]).with_name(PAGE)
        lines += ["", page.read_text().rstrip()] if page.is_file() else []
    return lines


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.what is None:
        about = environment()
        lines = environment_lines(about)
    elif args.as_flops_of:
        about = match(
            args.what,
            args.as_flops_of,
            context=args.context,
            tokens_per_chunk=args.tokens_per_chunk,
            letters_per_token=args.letters_per_token,
        )
        lines = match_lines(about)
    elif kind_of(args.what) == EXPERIMENT:
        experiment = load_experiment(args.what)
        about = {"experiment": args.what, "keys": [vars(key) for key in keys_of(experiment)]}
        lines = explained(experiment)
    else:
        about = describe(
            args.what,
            tokens_per_chunk=args.tokens_per_chunk,
            context=args.context,
            batch_tokens=args.batch_tokens,
            config=args.config,
        )
        lines = description_lines(about)
    print(json.dumps(about, indent=2) if args.json else "\n".join(lines))
    return 0
