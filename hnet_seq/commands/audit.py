"""Audit labelled sequences: what makes a score on them mean less than it says.

Copies, relatives by alignment and by coordinates over the splits, labels that follow from length,
letters, places or how negatives were made, or from nothing; with --genome what of it stands there,
with --shards what of it a model was pretrained on. No model is needed. --clean writes a split
without what was found, and audits it again.

Guide: docs/audit.md
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hnet_seq.commands.checks import (
    check_genome,
    check_outputs,
    check_seed,
    check_there,
    manifest_here,
)
from hnet_seq.commands.classify_data import add_label_arguments
from hnet_seq.commands.later import later
from hnet_seq.tasks.choices import CLEAN_BY, CLEAN_MODES, FAIL_ON
from modalities.errors import InputError, UsageError
from pipelines.storage.files import check_folder

EXAMPLE = "hnet-seq audit enhancers.csv --out audited --fail-on serious"

MEANT = {
    "": {
        "": "out label sequence_column where task problem split group_by test_fraction "
        "label_separator seed genome shards clean fail_on",
        "problem=multi-label": "label_separator",
        "of=a drawn split": "test_fraction",
        "clean": "mode by",
    }
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq audit``."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a table or folder as --data of classify takes it; several are audited one by one, "
        "and copies among them counted",
    )
    parser.add_argument("--out", metavar="FOLDER", help="for audit.json, which report shows")
    add_label_arguments(parser.add_argument_group("labelled sequences"))
    parser.add_argument("--seed", type=int, default=0, help="of every draw (%(default)s)")
    beside = parser.add_argument_group("beside them")
    beside.add_argument(
        "--genome", metavar="GENOME", help="that they are from: which classes stand in it"
    )
    beside.add_argument(
        "--shards",
        action="append",
        default=[],
        metavar="FOLDER",
        help="of hnet-seq shard, that a model was pretrained on; again for more",
    )
    clean = parser.add_argument_group("a cleaner split")
    clean.add_argument(
        "--clean", metavar="OUT", help="folder for train.csv, test.csv, changes.tsv, audit.json"
    )
    clean.add_argument(
        "--mode",
        choices=CLEAN_MODES,
        default=CLEAN_MODES[0],
        help="filter: train stays, what has its like there is dropped (default); resplit: groups "
        "are drawn anew",
    )
    clean.add_argument(
        "--by",
        choices=CLEAN_BY,
        default=CLEAN_BY[0],
        help="what belongs together: what is alike (default), near by coordinates, or on one "
        "chromosome",
    )
    parser.add_argument(
        "--fail-on",
        choices=FAIL_ON,
        help="exit with 1 where a finding is so bad or worse; with --clean what is left of them",
    )


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    for name in ("out", "clean"):
        if getattr(args, name):
            check_folder(getattr(args, name), name)
    check_there(*args.files, args.genome)
    check_seed(args.seed)
    if not 0 < args.test_fraction < 1:
        raise UsageError("test_fraction", f"is {args.test_fraction}; expected 0 to 1")
    check_sets(args.files, clean=args.clean, out=args.out, genome=args.genome)
    check_sources(args.shards, args.genome)
    return later("hnet_seq.tasks.audit")(args)


def check_sources(shards: Sequence[str], genome: str | None) -> None:
    """Raise InputError for shards that hold no DNA, and a genome that cannot be read."""
    for folder in shards:
        manifest = manifest_here(folder)
        if manifest is not None and manifest.modality != "dna":
            raise InputError(folder, f"holds {manifest.modality}; give shards of DNA")
    if genome:
        check_genome(genome)


def check_sets(
    files: Sequence[str | Path],
    *,
    clean: str | Path | None = None,
    out: str | Path | None = None,
    genome: str | Path | None = None,
) -> None:
    """Each file is a data set of its own, and one is cleaned at a time."""
    paths = [Path(file) for file in files]
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("files", "has one file twice; give each once")
    if clean and len(paths) > 1:
        raise UsageError("clean", f"is for one data set, and {len(paths)} are given")
    if clean:
        from hnet_seq.tasks.auditing.clean_folder import FILES, check_clean_folder

        target = Path(clean).resolve()
        if out and target == Path(out).resolve():
            raise UsageError("clean", f"{clean} is --out, and both have an audit.json")
        for path in paths:
            if target == path.resolve() or (path.is_dir() and path.resolve() in target.parents):
                raise UsageError("clean", f"{clean} lies in the input {path}; name another")
        read = [file for path in paths for file in (_files(path) if path.is_dir() else [path])]
        check_outputs({"clean": [Path(clean, name) for name in FILES]}, *read, genome)
        check_clean_folder(Path(clean))
    if len(paths) > 1 and not any(path.is_dir() for path in paths):
        from hnet_seq.tasks.classification.labelled_data import split_of_name

        splits = {split_of_name(path.name) for path in paths}
        if "train" in splits and "test" in splits:
            raise UsageError(
                "files",
                f"{paths[0].name} and {paths[1].name} are splits of one data set by their names; "
                "put them into one folder and give that",
            )


def _files(folder: Path) -> list[Path]:
    """Tables that a folder of splits is read from: links in it may point into another."""
    return [file for part in ("*", "data/*") for file in folder.glob(part) if file.is_file()]
