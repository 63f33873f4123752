"""From a run to a model that comes with the package: rounded weights, their drift, and a card.

    python studies/ship_weights.py make run hnet_seq/weights/genomes-tiny \\
        --about studies/genomes-tiny.yaml --markov yeast=markov.yeast.json ...
    hnet-seq classify train genomes-tiny --data uci_splice.tsv.gz --out splice
    python studies/ship_weights.py add hnet_seq/weights/genomes-tiny \\
        --downstream "UCI splice=splice/classification.json"

``make`` stores the last checkpoint of a run in each of the formats of ship_weights_drift.py,
measures each against fp32 on the held-out data of the run, and keeps one. What people have to say
(accessions, licence, limits) is in a YAML file; all else in the card is from the run's own files,
from those of ``hnet-seq markov`` and ``hnet-seq classify train``, and from what is measured here.
``add`` puts later records into a card. ``card.json`` has the values, ``README.md`` is made from it.

It is no verb: it is for those who put a model into this package, which a checkout is needed for.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from ship_weights_drift import FORMATS, Measured, by_source, formats_of, measure, stored_as
from ship_weights_history import record, trained
from ship_weights_page import page

from hnet_seq.commands.classify import PROBE
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment, save_experiment
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import WEIGHTS, find_checkpoint
from hnet_seq.model.pretrained import save_weights
from hnet_seq.model.shipped import CARD, PAGE, read_card
from hnet_seq.tasks.classification.probe_file import load_probe
from hnet_seq.train.run_folder import step_of
from modalities.errors import InputError, UsageError
from modalities.file_hash import file_sha256
from pipelines.shards.open_shards import open_shards
from pipelines.storage.files import replaced_file


def main() -> None:
    args = _arguments()
    folder = Path(args.folder)
    if args.action == "make":
        card = make(Path(args.run), folder, Path(args.about), args.format, args.tokens)
    else:
        card = read_card(folder) or {}
        if not card:
            raise InputError(folder / CARD, "is missing; make the model first")
    for name, file in args.markov:
        add_markov(card, name, file)
    for name, file in args.downstream:
        add_downstream(card, name, file)
    write_card(card, folder)


def make(run: Path, folder: Path, about: Path, chosen: str, tokens: int) -> dict[str, Any]:
    """Write the weights of a run's last checkpoint, and what trained them; returns the card.

    Args:
        about: YAML with ``summary``, ``licence``, ``limits`` and, of each source, ``what``.
        chosen: one of ``FORMATS``.
        tokens: held-out tokens that formats and twin are measured on; 0: all.

    Raises:
        UsageError: the model may not be shipped.
        InputError: the run has not ended with a validation, or a source is not told of.
    """
    checkpoint = find_checkpoint(run)
    model = load_pretrained(checkpoint, "cpu")
    _refuse(model, run)
    said = yaml.safe_load(about.read_text())
    config = load_experiment(run / "config.yaml", [f"data.validation_tokens={tokens}"])
    training = trained(run, checkpoint)
    validation = record(run, step_of(checkpoint), "validation")
    sources = _sources(config, training, validation, said.get("sources", {}), about)
    twin = load_pretrained(checkpoint, "cpu", twin=True)
    found = measure(model, twin, config)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(model, folder, store=partial(stored_as, name=chosen))
    _write_recipe(config, folder)
    for source in sources:
        source["bits"]["twin"] = found["twin"].bits[source["name"]]
    return {
        "name": folder.name,
        "summary": said["summary"],
        "licence": said["licence"],
        "limits": said["limits"],
        "weights": {
            "sha256": file_sha256(folder / WEIGHTS),
            "bytes": (folder / WEIGHTS).stat().st_size,
            "parameters": sum(value.numel() for value in model.parameters()),
            "layout": model.config.arch_layout,
            "widths": model.config.d_model,
            "direction": "both" if model.config.bidirectional else "causal",
        },
        "training": training,
        "sources": sources,
        "bits_of_all": validation["bits_per_token"],
        "drift": _drift(found, chosen, tokens),
        "downstream": {},
    }


def _refuse(model: HNetLanguageModel, run: Path) -> None:
    if model.config.ngram_counts.orders:
        raise UsageError(
            run,
            "has model.ngram_counts: its weights hold the text of its training data; ship one with "
            "model.ngram_memory, whose tables are learned",
        )
    if "letters_per_token" in model.metadata:
        raise UsageError(run, "reads tokens of a tokenizer, which the other verbs do not")


def _sources(
    config: ExperimentConfig,
    training: dict[str, Any],
    validation: dict[str, Any],
    said: dict[str, dict[str, str]],
    about: Path,
) -> list[dict[str, Any]]:
    names = [source.name or Path(source.path).name for source in config.data.sources]
    scored = by_source(validation, names[0])
    found = []
    for name, source in zip(names, config.data.sources, strict=True):
        manifest = open_shards(source.path)[1]
        if "what" not in said.get(name, {}):
            raise InputError(about, f"says nothing of the source {name}; give sources.{name}.what")
        bits, tokens = scored[name]
        passes = training["passes"].get(name, training["tokens"] / manifest.tokens("train"))
        compared = manifest.statistics.get("compared_bases", 0)
        copies = manifest.statistics.get("compared_near_copy", 0)
        found.append(
            {
                "name": name,
                "what": said[name]["what"],
                "files_sha256": [file.sha256 for file in manifest.sources],
                "train_tokens": manifest.tokens("train"),
                "passes": passes,
                "split": manifest.validation,
                "held_out_tokens": manifest.tokens("validation"),
                "scored_tokens": tokens,
                "near_copies": copies / compared if compared else 0,
                "bits": {"model": bits},
            }
        )
    return found


def _write_recipe(config: ExperimentConfig, folder: Path) -> None:
    """All keys that the model was trained with: to train it again, and for fine-tuning."""
    for source in config.data.sources:
        source.name = source.name or Path(source.path).name
        source.path = source.name
    config.data.validation_tokens = 0
    config.train.init = Path(config.train.init).name
    save_experiment(config, folder / "config.yaml")


def _drift(found: dict[str, Measured], chosen: str, tokens: int) -> dict[str, Any]:
    formats = {name: asdict(found[name]) for name in FORMATS}
    return {
        "format": chosen,
        "sampled": bool(tokens),
        "scored_tokens": found["fp32"].scored,
        "windows": found["fp32"].windows,
        "formats": formats,
        "bits": found[chosen].all_bits - found["fp32"].all_bits,
    }


def add_markov(card: dict[str, Any], name: str, file: Path) -> None:
    """Put the best order, and context mixing where it is there, beside the bits of a source.

    Raises:
        InputError: it counted other bases, or the model is masked.
    """
    if card["training"]["objective"] == "masked":
        raise InputError(file, "is of counts of what comes next, and the model sees both sides")
    scores = json.loads(file.read_text())
    source = next((own for own in card["sources"] if own["name"] == name), None)
    # Letters that are no bases are not scored.
    if source is None or not 0.9 <= scores["scored_bases"] / source["held_out_tokens"] <= 1:
        raise InputError(file, f"is not of the {name} that the run was trained on")
    best = next(row for row in scores["orders"] if row["order"] == scores["best_order"])
    source["bits"] |= {"markov": best["bits_per_base"], "markov_order": best["order"]}
    if "mixing" in scores:
        source["bits"]["mixing"] = scores["mixing"]["bits_per_base"]


def add_downstream(card: dict[str, Any], name: str, file: Path) -> None:
    """The rows of a ``classification.json``: MCC, intervals, and what pretraining is worth.

    Raises:
        InputError: the probe beside it is of other weights.
    """
    if load_probe(file.with_name(PROBE)).weights != card["weights"]["sha256"]:
        raise InputError(file, f"is of other weights than this {card['name']}; classify again")
    found = json.loads(file.read_text())
    kept = ("name", "kind", "mcc")
    rows = [
        {key: row[key] for key in kept} | {"interval": row["intervals"]["mcc"]}
        for row in found["rows"]
    ]
    minus = [
        {key: own[key] for key in ("model", "other", "mcc", "interval")}
        for own in found["comparisons"]
    ]
    sizes = {"train": found["n_train"], "test": found["n_test"]}
    card["downstream"][name] = {**sizes, "rows": rows, "minus": minus}


def write_card(card: dict[str, Any], folder: Path) -> None:
    """``card.json`` and the page that is made from it."""
    for name, text in ((CARD, json.dumps(card, indent=1) + "\n"), (PAGE, page(card))):
        with replaced_file(folder / name) as file:
            file.write(text)


def _named_file(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=FILE")
    return name, Path(file)


def _arguments() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    new = actions.add_parser("make", help="weights and a card from a run")
    new.add_argument("run", metavar="RUN")
    new.add_argument("folder", metavar="FOLDER")
    new.add_argument("--about", required=True, metavar="YAML")
    new.add_argument("--format", choices=formats_of(), default="int8")
    new.add_argument("--tokens", type=int, default=200_000, help="to measure on; 0: all")
    more = actions.add_parser("add", help="more records for a card")
    more.add_argument("folder", metavar="FOLDER")
    for each in (new, more):
        for option, kind in (("--markov", "SOURCE"), ("--downstream", "SET")):
            each.add_argument(
                option, type=_named_file, action="append", default=[], metavar=f"{kind}=JSON"
            )
    return parser.parse_args()


if __name__ == "__main__":
    main()
