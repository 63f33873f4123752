"""What can be known to be wrong of text and code that a model of bytes is to cut."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import modalities
from hnet_seq.commands.checks import manifest_here
from hnet_seq.commands.meaning import check_meant
from modalities import text
from modalities.errors import InputError, UsageError

if TYPE_CHECKING:
    from pipelines.shards.manifest import Manifest


def check_documents(args: argparse.Namespace, modality: str) -> None:
    """Raise for words that mean nothing for a model of bytes, or shards of something else.

    Also for an output in a folder of text: what waits there would be read as a document.
    """
    check_meant(args, f"{args.checkpoint} was trained on {modality}", of="text and code")
    if bool(args.inputs) == bool(args.shards):
        raise UsageError("INPUT", "give files or folders of text, or --shards DIR")
    if args.inputs and modalities.get(modality).complement_table is not None:
        raise UsageError("INPUT", f"a model of {modality} reads shards; give --shards DIR")
    for folder in args.inputs if args.out else ():
        inside = Path(args.out).resolve().is_relative_to(Path(folder).resolve())
        if inside and Path(folder).is_dir():
            said = f"{args.out} is in the input {folder}; name a folder outside of it"
            raise UsageError("out", said)
    for location in args.shards:
        if manifest := manifest_here(location):
            check_shards(location, manifest, args.checkpoint)


def check_shards(location: str, manifest: Manifest, checkpoint: str) -> None:
    """Raise InputError for shards that a model of bytes has nothing to cut of."""
    if modalities.get(manifest.modality).vocabulary != text.VOCABULARY:
        raise InputError(
            location, f"holds {manifest.modality}; {checkpoint} reads bytes: text or code"
        )
    if not manifest.tokens("validation"):
        raise InputError(location, "has no validation split; shard again with --validation")
