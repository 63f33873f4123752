"""The commands that studies/full_disk.py tries: every verb, and every format that one writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Command:
    """One command line; ``{in}`` is the folder of inputs, ``{out}`` where it writes.

    Attributes:
        timed: final names of files that hold times, and so differ from run to run.
        again: what goes on after a failure, where that is another command.
        folders: that are made before what comes into them, which SIGKILL may leave empty.
        kept: names of what a failure may leave for it, besides whole files.
        ranks: so many processes do it together.
    """

    name: str
    line: str
    timed: tuple[str, ...] = ()
    again: str = ""
    folders: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    ranks: int = 1


# A checkpoint after every step: one that SIGTERM asks for is none that would not be there.
_TINY = """
model: {arch_layout: [m1, [m1], m1], d_model: [32, 32], d_intermediate: [0, 0], vocab_size: 8,
  ssm_cfg: {d_conv: 4, expand: 2, d_state: 16, chunk_size: 64}}
data: {context: 128, batch_tokens: 128}
train: {steps: 4, log_every: 1, schedule: {name: wsd, warmup: 0.0, decay: 0.5, final: 0.0},
  validate_every: 0, checkpoint_every: 1, ratio_loss: {targets: [3.0], weights: [1.0]}}
"""
_SUITE = """
name: made
title: made up
about: numbers of windows
source: this study
met: true
tasks: [{name: effect, path: measured.csv, label: effect, problem: regression, metric: spearman}]
"""
_BASES = 6_000
_VCF = """##fileformat=VCFv4.2
##contig=<ID=chr1>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
_TIMES = ("run.json", "metrics.jsonl", "config.yaml", "finetune.jsonl", "classification.json")
_NUMBERED = (".metadata", "optimizer-00000.sha256")  # hold torch's number of a save
_SHARD = "shard {in}/genome.fa --validation last:0.1 --guard 0 --out {out}/shards"
_PRETRAIN = "pretrain {in}/tiny.yaml --data {in}/shards --out {out}/run"
# Classes would be the same files, and take seconds for the choice of penalties.
_ROWS = "--data {in}/measured.csv --label effect --problem regression --out {out}/"
_SCORED = "score {in}/run {in}/variants.vcf --genome {in}/genome.fa --window 64 --out {out}/s."
_SEGMENT = "segment {in}/run {in}/genome.fa --region chr1:1-1000 "
_BOUNDARIES = "{in}/run {in}/genome.fa --region chr1:1-500 --out {out}/about"


def _pretrained(
    name: str, options: str = "", ranks: int = 1, timed: tuple[str, ...] = ()
) -> Command:
    line = f"{_PRETRAIN} {options}"
    again = f"{line} --continue"
    return Command(name, line, (*_TIMES, *timed), again, kept=("run",), ranks=ranks)


COMMANDS = [
    Command("shard", _SHARD),
    Command("shard to other shards", f"{_SHARD} --block-size 1000 --shard-size 1500"),
    Command(
        "shard of text",
        "shard {in}/notes.jsonl --modality text --validation fraction:0.2 --out {out}/shards",
    ),
    _pretrained("pretrain, written at once"),
    _pretrained("pretrain, written beside", "train.parallel.async_save=true"),
    _pretrained("pretrain, fsdp2", "train.parallel.strategy=fsdp2", ranks=2, timed=_NUMBERED),
    Command("markov", "markov {in}/shards --max-order 3 --out {out}/markov.json", ("markov.json",)),
    *(
        Command(
            f"embed {kind}",
            f"embed {{in}}/run {{in}}/windows.fa --out {{out}}/v.{kind} --level {level}",
            ("v.json",),
        )
        for kind, level in (
            ("parquet", "chunk"), ("npy", "base"), ("h5ad", "chunk"), ("zarr", "chunk")
        )
    ),
    Command(
        "embed by two",
        "embed {in}/run {in}/windows.fa --out {out}/v.parquet",
        ("v.json", "v.parquet.ranks.json"),
        kept=("v.parquet.ranks", "v.parquet.ranks.json"),
        ranks=2,
    ),
    Command(
        "classify train",
        f"classify train {{in}}/run {_ROWS}probe --pooling bases",
        _TIMES,
    ),
    Command(
        "classify finetune",
        f"classify finetune {{in}}/run {_ROWS}tuned --seeds 2 --epochs 1",
        (*_TIMES, "*.npz"),
        kept=("tuned",),
    ),
    Command(
        "audit",
        "audit {in}/measured.csv --label effect --problem regression --out {out}/about "
        "--clean {out}/cleaned",
        ("audit.json",),
    ),
    Command(
        "benchmark",
        "benchmark run {in}/suite.yaml {in}/run --data {in} --out {out}/bench --shots none",
        kept=("bench",),
    ),
    *(
        Command(
            f"classify predict {kind}",
            f"classify predict {{in}}/probe/probe.npz {{in}}/windows.fa --out {{out}}/p.{kind}",
        )
        for kind in ("tsv", "parquet")
    ),
    *(
        Command(f"segment {kind}", f"{_SEGMENT}{option} {{out}}/s.{kind}")
        for option, kind in (
            ("--bed", "bed"), ("--bigwig", "bw"),
            ("--chunks", "parquet"), ("--chunks", "tsv"), ("--chunks", "tsv.gz"),
        )
    ),
    Command(
        "segment beside genes",
        f"{_SEGMENT}--annotation {{in}}/genes.gff --out {{out}}/about",
        folders=("about/",),
    ),
    Command(
        "boundaries enrich",
        f"boundaries enrich {_BOUNDARIES} --features {{in}}/genes.gff --shifts 10 --shuffles 1",
        ("*.json",),
        folders=("about/",),
    ),
    Command(
        "boundaries stability",
        f"boundaries stability {_BOUNDARIES} --places 5 --reach 50 --left-context 50",
        ("*.json",),
        folders=("about/",),
    ),
    Command(
        "boundaries motifs",
        f"boundaries motifs {_BOUNDARIES} --motifs {{in}}/motifs.tsv --no-bpe",
        ("*.json",),
        folders=("about/",),
    ),
    Command(
        "explore",
        "explore {in}/run {in}/genome.fa --region chr1:101-300 --export {out}/page.html",
    ),
    Command(
        "explain",
        "explain {in}/run {in}/genome.fa --region chr1:101-120 --window 64 --baselines 1 "
        "--steps 2 --shuffles 1 --bigwig --out {out}/about",
        folders=("about/",),
    ),
    *(
        Command(
            f"lexicon {kind}",
            f"lexicon {_BOUNDARIES} --features {{in}}/genes.gff --vocabulary 50 --format {kind}",
            folders=("about/",),
        )
        for kind in ("tsv", "parquet")
    ),
    Command("score sequences", "score {in}/run {in}/windows.fa --out {out}/s.tsv", ("s.json",)),
    Command(
        "score tracks",
        "score {in}/run {in}/genome.fa --per-base {out}/b.bw --difference {out}/d.bw "
        "--out {out}/s.tsv",
        ("s.json",),
    ),
    *(
        Command(f"score variants {kind}", f"{_SCORED}{kind}", ("*.json",))
        for kind in ("tsv", "parquet", "vcf", "vcf.gz")
    ),
    *(
        Command(
            f"score mutagenesis {kind}",
            "score {in}/run --mutagenesis chr1:1001-1004 --genome {in}/genome.fa --window 64 "
            f"--out {{out}}/m.{kind}",
            ("*.json",),
        )
        for kind in ("tsv", "parquet")
    ),
    *(
        Command(
            f"score genes {kind}",
            "score {in}/run --genes {in}/genes.gff --genome {in}/genome.fa --window 64 --stops 1 "
            f"--out {{out}}/g.{kind}",
            ("*.json",),
        )
        for kind in ("tsv", "parquet")
    ),
    Command(
        "score measured",
        "score {in}/run {in}/measured.csv --measured effect --out {out}/e.tsv",
        ("*.json",),
    ),
    Command(
        "generate",
        "generate {in}/run --prompt ACGT --samples 20 --max-new-tokens 9 --out {out}/g.fa --seed 1",
    ),
    Command("report", "report {in}/run --out {out}/report.html", ("report.html",)),
    Command("report of results", "report {in}/probe --out {out}/report.html", ("report.html",)),
]  # fmt: skip


def make_inputs(folder: Path, run: Callable[[str], None]) -> None:
    """Random letters, a model of four steps, and a probe on it.

    Args:
        run: does a command line; ``{in}`` is the folder.
    """
    rng = np.random.default_rng(0)

    def letters(count: int) -> str:
        return "".join(rng.choice(list("ACGT"), count))

    genome = {f"chr{number}": letters(_BASES // 3) for number in (2, 1, 10)}
    (folder / "genome.fa").write_text("".join(f">{n}\n{s}\n" for n, s in genome.items()))
    windows = [letters(50) for _ in range(40)]
    (folder / "windows.fa").write_text("".join(f">w{i}\n{s}\n" for i, s in enumerate(windows)))
    rows = "".join(f"{s},{i * 7 % 11}\n" for i, s in enumerate(windows))
    (folder / "measured.csv").write_text(f"sequence,effect\n{rows}")
    notes = [{"text": letters(300), "id": f"n{number}"} for number in range(60)]
    (folder / "notes.jsonl").write_text("".join(f"{json.dumps(note)}\n" for note in notes))
    body = ""
    for place in range(500, 1_500, 40):
        own = genome["chr1"][place - 1]
        body += f"chr1\t{place}\t.\t{own}\t{'ACGT'['ACGT'.index(own) - 1]}\t.\t.\t.\n"
    (folder / "variants.vcf").write_text(_VCF + body)
    genes = "".join(
        f"chr1\t.\t{kind}\t{start}\t{start + 89}\t.\t+\t0\tID={kind}{start}\n"
        for start in range(51, 450, 150)
        for kind in ("gene", "CDS")
    )
    (folder / "genes.gff").write_text(f"##gff-version 3\n{genes}")
    (folder / "motifs.tsv").write_text("first\tACG\nsecond\tTTW\n")
    (folder / "tiny.yaml").write_text(_TINY)
    (folder / "suite.yaml").write_text(_SUITE)
    for line in (_SHARD, _PRETRAIN, f"classify train {{in}}/run {_ROWS}probe --pooling bases"):
        run(line.replace("{out}", "{in}"))
