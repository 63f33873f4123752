"""No option is ignored in silence: each verb has a table of what its options need, and keeps it."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hnet_seq import HNetForMaskedLM
from hnet_seq.cli import VERBS, main, options_of, parsed, verb_parser
from hnet_seq.commands.meaning import Table, check_meant
from tests.conftest import make_model
from tests.malformed.conftest import Good, Refused

MISUSE = 2
ROOT = Path(__file__).parents[2]
# Arguments that a verb cannot do without; where an option is meant is looked at after them.
NEEDED = {
    "shard": "{genome}",
    "markov": "{shards}",
    "embed": "{model} {genome} --out {tmp}/v.npy",
    "classify train": "{model} --out {tmp}/o",
    "classify finetune": "{model} --out {tmp}/o",
    "classify evaluate": "{probe} {table}",
    "segment": "{model} {genome} --bed {tmp}/b",
    "boundaries enrich": "{model} {genome} --out {tmp}/o --features {genes}",
    "boundaries motifs": "{model} {genome} --out {tmp}/o --motifs {genes}",
    "score": "{model} {genome}",
    "generate": "{model} --prompt A",
    "audit": "{table}",
    "benchmark run": "ecoli-tiny {model} --data {tmp} --out {tmp}/o",
    "lexicon": "{model} {genome} --out {tmp}/o",
    "explore": "{model} {genome}",
    "explain": "{model} {genome} --region a:1-9 --out {tmp}/o",
}
# What makes a condition fail, where the line without the option does not.
UNMET: dict[tuple[str, str], str] = {
    ("shard", "genomes=files"): "shard {tmp}",
    ("shard", "asked=making shards"): "shard check {shards}",
    ("shard", "asked=shard peek"): "shard {genome} --out {tmp}/s",
    ("shard", "duplicates=near"): "shard {genome} --out {tmp}/s --duplicates exact",
    ("shard", "modality=dna|dna_bytes"): "shard {genome} --out {tmp}/s --modality text",
    ("shard", "modality=dna"): "shard {genome} --out {tmp}/s --modality dna_bytes",
    ("shard", "!dask"): "shard {genome} --out {tmp}/s --dask local:1",
    ("shard", "!keep_minified"): "shard {genome} --out {tmp}/s --modality code --keep-minified",
    ("markov", "of=shards of DNA"): "markov {of_bytes}",
    ("classify train", "of=a drawn split"): "classify train {model} --out {tmp}/o --data {table}",
    ("classify finetune", "of=a drawn split"): "classify finetune {model} --out {tmp}/o "
    "--data {table}",
    ("classify finetune", "stops_by=data without a validation split"): "classify finetune {model} "
    "--out {tmp}/o --data {table}",
    ("classify finetune", "part!=head"): "classify finetune {model} --out {tmp}/o --part head "
    "--data {table}",
    ("classify finetune", "!lora"): "classify finetune {model} --out {tmp}/o --lora 4 "
    "--data {table}",
    ("classify finetune", "part!=head|inner|1"): "classify finetune {model} --out {tmp}/o --part 1 "
    "--data {table}",
    ("embed", "level=sequence"): "embed {model} {genome} --out {tmp}/v.npy --level base",
    ("embed", "vectors=chunks|the encoder|the decoder"): "embed {model} {genome} --out {tmp}/v.npy "
    "--pooling bases",
    ("audit", "of=a drawn split"): "audit {table} --split given",
    ("explore", "!export"): "explore {model} {genome} --export {tmp}/p.html",
    ("explore", "of=DNA"): "explore {text_model} {genome} --export {tmp}/p.html",
    ("explain", "of=a causal model"): "explain {masked} {genome} --region a:1-9 --out {tmp}/o",
    ("explain", "baselines!=0"): "explain {model} {genome} --region a:1-9 --out {tmp}/o "
    "--baselines 0",
    ("lexicon", "of=DNA"): "lexicon {text_model} {genome} --out {tmp}/o",
    ("pretrain", "!resume"): "pretrain --resume {tmp}/r",
    ("pretrain", "out"): "pretrain --resume {tmp}/r",
    ("segment", "of=DNA"): "segment {text_model} {genome}",
    (
        "score",
        "use=mutagenesis|sequences|variants|genes",
    ): "score {model} {measured} --measured label",
    ("score", "use=measured|sequences"): "score {model} {variants} --genome {genome}",
    ("score", "use=sequences"): "score {model} --mutagenesis a:1-9 --genome {genome}",
    ("score", "use=variants"): "score {model} {measured} --measured label",
    ("score", "use=mutagenesis"): "score {model} {genome}",
    ("score", "use=genes"): "score {model} {genome}",
    ("score", "use=sequences|variants"): "score {model} --mutagenesis a:1-9 --genome {genome}",
    ("score", "use=mutagenesis|variants|genes"): "score {model} {genome}",
    ("score", "of=a drawn split"): "score {model} {measured} --measured length --split split",
    ("generate", "temperature!=0"): "generate {model} --prompt A --temperature 0",
    ("generate", "of=models that cut"): "generate {isotropic} --prompt A",
    ("info", "of=a checkpoint"): "info hnet_2stage_XL",
    ("info", "of=a checkpoint|a configuration"): "info ecoli_demo",
    ("info", "of=a checkpoint|a configuration|one of two"): "info ecoli_demo",
}
VALUES = {
    "device": "cpu",
    "annotation": "{genes} --out {tmp}",
    "explore annotation": "{genes}",
    "flanks": "A A",
    "where": "a=b",
    "label_separator": ",",
    "test_fraction": "0.3",
    "dask": "local:1",
}
# What these say decides what is asked for.
ELSEWHERE = {
    ("score", "use=mutagenesis", "mutagenesis"),
    ("score", "use=genes", "genes"),
    ("score", "use=measured", "measured"),
}


def actions_of_verbs() -> Iterator[tuple[str, argparse.ArgumentParser, Table]]:
    """Words that lead to it, parser and table of every verb and action."""
    for verb in VERBS:
        parser = verb_parser(verb)
        table = parser.get_default("_meant")
        below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        children = below[0].choices if below else {"": parser}
        for action, child in children.items():
            yield f"{verb} {action}".strip(), child, table[action]


def options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Those of a verb by name, but --help."""
    return {a.dest: a for a in parser._actions if a.option_strings and a.dest != "help"}


CASES = [
    (words, condition, option)
    for words, _, table in actions_of_verbs()
    for condition, names in table.items()
    for option in names.split()
    if condition and (words, condition, option) not in ELSEWHERE
]


def test_every_option_stands_in_the_table_of_its_verb() -> None:
    for words, parser, table in actions_of_verbs():
        told = {option for names in table.values() for option in names.split()}
        assert told == set(options(parser)), words


@pytest.fixture(scope="module")
def places(good: Good, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the lines above name."""
    folder = tmp_path_factory.mktemp("places")
    draw = np.random.default_rng(0)
    rows = []
    for number in range(24):
        letters = "".join(draw.choice(list("ACGT"), 12))
        split = ("train", "dev", "test")[number // 2 % 3]
        rows.append(f"{letters},{'ab'[number % 2]},{split},{number}\n")
    of_classes = (row.rpartition(",")[0] + "\n" for row in rows)
    (folder / "t.csv").write_text("".join(["sequence,label,split\n", *of_classes]))
    (folder / "m.csv").write_text("".join(["sequence,label,split,length\n", *rows]))
    (folder / "v.vcf").write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n")
    for name, kind, modality in (("text", "one stage", "text"), ("flat", "isotropic", "dna")):
        model = make_model(kind)
        model.metadata["modality"] = modality
        model.save_pretrained(folder / name)
    masked = dataclasses.replace(model.config, bidirectional=True)
    HNetForMaskedLM(masked).save_pretrained(folder / "masked")
    (folder / "words").mkdir()
    (folder / "words/a.txt").write_text("one word after the other\n")
    lines = (
        f"shard {folder / 'words'} --modality text --out {folder / 'bytes'}",
        f"classify train {good.model} --data {folder / 't.csv'} --out {folder / 'probe'}",
    )
    for line in lines:
        assert main(line.split()) == 0
    paths = {name: getattr(good, name) for name in ("model", "genome", "genes", "shards")}
    paths |= {"text_model": folder / "text", "isotropic": folder / "flat"}
    paths["masked"] = folder / "masked"
    paths |= {"table": folder / "t.csv", "variants": folder / "v.vcf"}
    paths |= {"measured": folder / "m.csv"}
    return paths | {"of_bytes": folder / "bytes", "probe": folder / "probe/probe.npz"}


@pytest.mark.parametrize(("words", "condition", "option"), CASES)
def test_an_option_without_meaning_is_misuse(
    words: str,
    condition: str,
    option: str,
    places: dict[str, Path],
    tmp_path: Path,
    refused: Refused,
) -> None:
    """With the value that is its default, too."""
    action = next(parser for name, parser, _ in actions_of_verbs() if name == words)
    written = options(action)[option]
    line = UNMET.get((words, condition), f"{words} {NEEDED.get(words, '')}")
    line += f" {options_of(action)[option]}"
    if written.nargs != 0:
        default = written.default if isinstance(written.default, int | float) else None
        plain = next(iter(written.choices)) if written.choices else default or "1"
        line += f" {VALUES.get(f'{words} {option}', VALUES.get(option, plain))}"
    said = refused(line.format(**places, tmp=tmp_path).split(), MISUSE, options_of(action)[option])
    # A use that is a command of its own does not have the option at all.
    says = r"goes with --|means nothing beside --|: is for |: unrecognized arguments: --"
    assert re.search(says, said), said


def test_lines_of_the_guides_mean_what_they_say() -> None:
    """What depends on a model or on an input is left to the tests of each page."""
    count = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text().replace("\\\n", " ")
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL):
            for line in re.findall(r"^\s*(?:\$ )?hnet-seq (.*)$", block, re.MULTILINE):
                words = shlex.split(re.split(r" [|>&]", line)[0], comments=True)
                if words[0] in VERBS and "..." not in words:
                    count += 1
                    check_meant(parsed(words[0], words[1:])[1])
    assert count > 50
