"""``info --as-flops-of``: which layers or width give a model the work of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hnet_seq.experiment_files import is_experiment
from hnet_seq.experiments import load_experiment
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.locate import read_config
from hnet_seq.model.matched import flops_per_letter, matched
from hnet_seq.model.pretrained import read_checkpoint
from modalities.errors import UsageError
from modalities.tokenizer import k_of

_CHUNK = 3.0  # tokens, where neither an experiment nor the command line says


def match(
    what: str,
    other: str,
    *,
    context: int,
    tokens_per_chunk: list[float] | None = None,
    letters_per_token: float | None = None,
) -> dict[str, Any]:
    """The work of two models, and the shapes with which the first has that of the second.

    Args:
        what, other: experiments, checkpoints, or ``.json`` configurations.
        context: letters of a sequence.
        tokens_per_chunk: of the stages of ``other``; the targets of an experiment, else 3, if None.
        letters_per_token: of the tokenizer of ``what``; that of its checkpoint if None.

    Returns:
        Plain values; operations are those of a forward pass, a letter.

    Raises:
        UsageError: ``what`` is no isotropic model of one kind of layer, or nothing says how many
            letters its byte pairs join.
    """
    shape, _, known = _read(what)
    rival, targets, joined = _read(other)
    letters = letters_per_token or known
    if letters is None:
        raise UsageError(
            "letters_per_token",
            f"what a byte pair of {what} stands for is known once it is trained: give it, or a "
            "run of it (train.steps=1 will do)",
        )
    rates = tokens_per_chunk or targets or [_CHUNK] * rival.num_stages
    if len(rates) != rival.num_stages:
        raise UsageError(
            "tokens_per_chunk", f"{other} has {rival.num_stages} stages; got {len(rates)} numbers"
        )
    if joined is None:
        raise UsageError("as_flops_of", f"{other} has byte pairs of its own; give a run of it")
    wanted = flops_per_letter(rival, context, rates, joined)
    try:
        shapes = matched(shape, wanted, context, letters)
    except ValueError as error:
        raise UsageError("what", str(error)) from None
    return {
        "context": context,
        "letters_per_token": letters,
        "other": {"name": other, "tokens_per_chunk": rates, "flops_per_letter": wanted},
        "model": {
            "name": what,
            "flops_per_letter": flops_per_letter(
                shape, context, [_CHUNK] * shape.num_stages, letters
            ),
        },
        **{
            way: {
                "keys": _keys(found, shape),
                "flops_per_letter": flops_per_letter(found, context, [], letters),
            }
            for way, found in shapes.items()
        },
    }


def lines(about: dict[str, Any]) -> list[str]:
    """:func:`match` for people."""
    other, wanted = about["other"], about["other"]["flops_per_letter"]
    rates = ", ".join(f"{rate:g}" for rate in other["tokens_per_chunk"])
    said = [
        f"{other['name']}: {wanted / 1e6:.2f} MFLOP forward a byte or base"
        + (f", {rates} tokens per chunk" if rates else ""),
        _line(about["model"]["name"], about["model"], wanted)
        + f", {about['letters_per_token']:g} letters a token, context {about['context']}",
    ]
    for way in ("layers", "width"):
        keys = " ".join(f"{key}={value}" for key, value in about[way]["keys"].items())
        said.append(_line(f"as much by {way}, {keys or 'as it is'}", about[way], wanted))
    return said


def _line(name: str, found: dict[str, Any], wanted: float) -> str:
    flops = found["flops_per_letter"]
    return f"{name}: {flops / 1e6:.2f} MFLOP, {flops / wanted:.3f} of it"


def _read(what: str) -> tuple[HNetConfig, list[float], float | None]:
    """Shape, target chunks, and letters of a token; None where they are not known."""
    if is_experiment(what) and not Path(what).is_dir():
        experiment = load_experiment(what)
        name = experiment.data.tokenizer
        joined = {"none": 1.0, "bpe": None}.get(name, k_of(name))
        return experiment.model, list(experiment.train.ratio_loss.targets), joined
    if Path(what).suffix == ".json":
        return read_config(Path(what)), [], 1.0
    checkpoint = read_checkpoint(what)
    return checkpoint.config, [], float(checkpoint.metadata.get("letters_per_token", 1))


def _keys(found: HNetConfig, before: HNetConfig) -> dict[str, Any]:
    """What to set of ``model``, as a command line has it."""
    new, old = found.to_dict(), before.to_dict()
    keys = {
        f"model.{key}": new[key] for key in ("d_model", "d_intermediate") if new[key] != old[key]
    }
    if new["attn_cfg"] != old["attn_cfg"]:
        keys["model.attn_cfg.num_heads"] = new["attn_cfg"]["num_heads"]
    if new["arch_layout"] != old["arch_layout"]:
        keys["model.arch_layout"] = f"[{new['arch_layout'][0]}]"
    return {key: str(value).replace(" ", "") for key, value in keys.items()}
