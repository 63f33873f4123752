"""Help and wrong words are answered before anything is imported that computes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from hnet_seq import cli
from hnet_seq.cli import VERBS
from hnet_seq.commands.checks import is_small
from modalities import dna
from tests.conftest import make_model

ROOT = Path(__file__).parents[1]
HEAVY = ["torch", "sklearn", "scipy", "pyarrow", "pandas", "omegaconf", "Bio", "fsspec"]
ACTIONS = {
    "classify": ["train", "finetune", "predict", "evaluate"],
    "boundaries": ["enrich", "stability", "motifs"],
    "score": ["sequences", "variants", "mutagenesis", "genes", "measured"],
    "shard": ["make", "check", "peek"],
}
LINES = [[verb, "--help"] for verb in VERBS]
LINES += [[verb, action, "--help"] for verb, actions in ACTIONS.items() for action in actions]

SCRIPT = """
import contextlib, io, json, sys
from hnet_seq.cli import main
codes = []
for line in json.loads(sys.argv[1]):
    try:
        codes.append(main(line))
    except SystemExit as stopped:
        codes.append(stopped.code)
found = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps([codes, found]), file=sys.stderr)
"""


def answered(lines: list[list[str]], where: Path) -> tuple[list[int], list[str], str]:
    """Exit codes of commands in one process, what it imported, and what it said."""
    command = [sys.executable, "-c", SCRIPT, json.dumps(lines), json.dumps(HEAVY)]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=True)
    *said, last = done.stderr.splitlines()
    codes, found = json.loads(last)
    return codes, found, "\n".join(said)


def test_help_of_every_verb_and_action_imports_nothing_heavy(tmp_path: Path) -> None:
    codes, found, _ = answered(LINES, tmp_path)
    assert codes == [0] * len(LINES)
    assert found == []


WRONG: dict[str, tuple[int, str]] = {
    "embed nowhere x.fa --out v.csv": (2, "--out: v.csv has no known format"),
    "embed nowhere x.fa --out v.npy": (1, "nowhere: no such file or folder"),
    "embed model x.fa --out v.npy": (1, "x.fa: no such file"),
    "embed model b.bed --genome g.fa --haplotypes x.vcf --out v.npy": (1, "x.vcf: no such file"),
    "embed model b.bed --genome g.fa --haplotypes g.fa --out g.fa": (2, "--out: g.fa has no known"),
    "score model g.fa --haplotypes v.tsv": (2, "--haplotypes: is for BED, and g.fa is FASTA"),
    "score model b.bed --genome g.fa --samples a": (2, "--samples: are those of haplotypes"),
    "embed model g.fa --out v.npy --device tpu": (2, "'tpu' is no device"),
    "embed model g.fa --out v.npy --batch-tokens 0": (2, "--batch-tokens: '0'"),
    "segment model x.fa --bed b.bed": (1, "x.fa: no such file"),
    "segment model g.fa --annotation a.gff": (2, "--annotation: goes together with --out"),
    "segment model g.fa --bed model": (2, "--bed: model is a folder; name a file in it"),
    "segment model g.fa --bigwig g.fa/b.bw": (2, "--bigwig: g.fa/b.bw cannot be written"),
    "segment model g.fa --bed b --region a --left-context -1": (
        2,
        "--left-context: must be 0 or more",
    ),
    "segment two g.fa --bed b --stage 2": (2, "--stage: two has stages 0 to 1; got 2"),
    "embed two g.fa --out v.npy --level chunk --stage -3": (2, "--stage: is -3; the model has"),
    "score model x.fa": (1, "x.fa: no such file"),
    "score sequences model x.fa": (1, "x.fa: no such file"),
    "score model": (2, "INPUT: give sequences"),
    "score model --mutagenesis a:1-9": (2, "--genome: mutagenesis needs the genome"),
    "generate model": (2, "give --prompt LETTERS"),
    "generate model --prompt A --samples 0": (2, "--samples: must be 1 or more"),
    "generate model --prompts x.fa": (1, "x.fa: no such file"),
    "info hnet_2stage_XL --context 0": (2, "--context: is 0"),
    "info ecoli_demo --context 9": (
        2,
        "--context: is for a checkpoint or a configuration or one of two; ecoli",
    ),
    "info hnet_2stage_XL --config c.json": (2, "--config: is for a checkpoint; hnet_2stage_XL is"),
    "boundaries motifs model g.fa --seed 3 --motifs g.fa --out o": (2, "--seed 3"),
    "classify train model --out o": (2, "give --genome"),
    "classify train model --out o --data x.csv": (1, "x.csv: no such file"),
    "classify train model --out o --data g.fa --test-fraction 2": (2, "--test-fraction: is 2.0"),
    "classify predict c.npz x.fa": (1, "c.npz: no such file"),
    "boundaries enrich model x.fa --features f --out o": (1, "x.fa: no such file"),
    # Numbers and pairs of options.
    "generate model --prompt A --top-p 2": (2, "--top-p: expected above 0, up to 1; got 2.0"),
    "generate model --prompt A --temperature nan": (2, "--temperature: expected 0 or more"),
    f"generate model --prompt A --seed {1 << 70}": (2, "--seed: is"),
    "embed two g.fa --out v.npy --level base --layer inner": (2, "--level: is base, but inner"),
    "embed two g.fa --out v.npy --level chunk --strands average": (2, "--strands: is average"),
    "score model v.tsv --genome g.fa --window 1": (2, "--window: is 1; expected 2 or more"),
    "score model v.tsv --genome g.fa --markov-order 99": (2, "--markov-order: is 99; expected 0"),
    "score model t.csv --measured y --test-fraction 2": (2, "--test-fraction: is 2.0"),
    "score model t.csv --measured y --split split --test-fraction .3": (
        2,
        "--test-fraction: is for a drawn split; the column split says which rows test",
    ),
    "score model t.csv --measured y --seed -1": (2, "--seed: is -1; expected 0 to 4294967295"),
    "score model t.csv --measured y --flanks A ?": (2, "--flanks: '?': position 1"),
    "boundaries stability two g.fa --out o --places 0": (2, "--places: must be 1 or more; got 0"),
    "boundaries stability two g.fa --out o --stage 2": (2, "--stage: two has stages 0 to 1; got 2"),
    "boundaries enrich model g.fa --features g.gff --out o --near 600": (2, "--near: is 600, more"),
    "boundaries enrich model g.fa --features g.gff --out o --seed -1": (2, "--seed: is -1"),
    "classify train model --out o --data t.csv --test-fraction .3": (
        2,
        "--test-fraction: is for a drawn split; t.csv says which rows test",
    ),
    "classify train two --out o --data t.csv --stage 5": (2, "--stage: is 5; the model has"),
    "classify train model --out o --data t.csv --problem regression --label y --probe svm": (
        2,
        "--probe: numbers are learned by ridge regression",
    ),
    "classify finetune two --out o --data t.csv --epochs 0": (2, "--epochs: is 0; expected 1"),
    "classify finetune two --out o --data t.csv --seeds 0": (2, "--seeds: must be 1 or more"),
    "info two --batch-tokens 0": (2, "--batch-tokens: is 0"),
    # Files: missing, of another kind, in each other's place.
    "embed two t.csv --out v.npy --label z": (1, "t.csv: line 1: no column 'z'"),
    "embed model g.fa --out v.npy --genome g.fa": (2, "--genome: is for BED, and g.fa is FASTA"),
    "embed model b.bed --out v.npy": (2, "--genome: b.bed is BED, places without letters"),
    "score model b.bed": (2, "--genome: b.bed is BED, places without letters"),
    "score two t.csv --where z=1": (1, "t.csv: line 1: no column 'z'"),
    "score model t.csv --measured z": (1, "t.csv: line 1: no column 'z'"),
    "score model v.tsv --genome g.fa --out s.png": (2, "--out: s.png has no known format"),
    "score model v.tsv --genome g.fa --out s.vcf": (2, "--out: s.vcf: scores go into the VCF"),
    "score model --genes g.gff": (2, "--genome: genes need the genome"),
    "score model --genes x.gff --genome g.fa": (1, "x.gff: no such file"),
    "score model v.tsv --genome g.fa --region q:1-9": (1, "--region: no record 'q'"),
    "score model --mutagenesis a:1-2 --genome g.fa --out m.vcf": (2, "--out: m.vcf has no known"),
    "score text g.fa": (1, "text: the model reads text; expected one trained on DNA"),
    "segment model g.fa --bed g.fa": (2, "--bed: g.fa is the input g.fa; name another file"),
    "segment model g.fa --bed b --bigwig b": (2, "--bigwig: b is the file of --bed; name another"),
    "segment two 1.fa --bed {stage}.fa": (2, "--bed: 1.fa is the input 1.fa; name another file"),
    "segment two g.fa --bed {stage}.b --bigwig 1.b --stage 1": (2, "--bigwig: 1.b is the file of"),
    "segment two g.fa --annotation c.gff --out o --picture d": (
        1,
        "c.gff: --picture: no CDS is called 'd', and no record of g.fa; CDS are c",
    ),
    "segment two g.fa --annotation g.gff --out o": (1, "g.gff: no CDS with a strand"),
    "segment two g.fa --chunks c.csv": (2, "--chunks: c.csv should end in .parquet, .tsv"),
    "segment text g.fa --show -1": (2, "--show: is -1; expected 0 or more"),
    "segment text --shards s": (1, "s/manifest.json: not found: not a folder of shards"),
    "boundaries enrich model g.fa --features f --out o": (1, "f: no such file"),
    "explore model x.fa": (1, "x.fa: no such file"),
    "explore nowhere": (1, "nowhere: no such file or folder"),
    "explore model g.fa --port 70000": (2, "--port: is 70000; expected 0 to 65535"),
    "explore model g.fa --export p.txt": (2, "--export: p.txt is no page; end it in .html"),
    "explore model --export p.html": (2, "--export: goes with GENOME, on which it lies"),
    "explore two g.fa --region zz:1-9": (1, "g.fa: --region: no record 'zz'"),
    "explore two g.fa --beside nowhere": (1, "nowhere: no such file or folder"),
    "explore two g.fa --beside two": (2, "--beside: two is the model itself; give another"),
    "explore text g.fa --annotation g.gff": (2, "--annotation: is for DNA; text was"),
    "explore model g.fa --maps": (2, "--maps: goes with --export; leave it out"),
    "explain model x.fa --region a:1-4 --out o": (1, "x.fa: no such file"),
    "explain model g.fa --region a:1-4 --out g.fa": (2, "--out: g.fa is a file; name a folder"),
    "explain model g.fa --region zz:1-9 --out o": (1, "g.fa: --region: no record 'zz'"),
    "explain model g.fa --region a:1-4 --out o --steps 0": (2, "--steps: must be 1 or more"),
    "explain model g.fa --region a:1-4 --out o --window 1": (2, "--window: must be 2 or more"),
    "explain model g.fa --region a:1-4 --out o --markov-order 99": (2, "--markov-order: is 99"),
    "explain model g.fa --region a:1-4 --out o --pairs p": (1, "p: no such file"),
    "explain model g.fa --region a:1-4 --out o --pairs g.fa": (1, "g.fa: line 1: 1 columns"),
    "explain text g.fa --region a:1-4 --out o": (1, "text: the model reads text; expected one"),
    "benchmark list none": (2, "SUITE: 'none' is none of ecoli-per-base, ecoli-tiny, "),
    "benchmark run ecoli-tiny model --data . --out o": (
        1,
        "ecoli_536/genome.fna.gz: not there, and",
    ),
    "benchmark run ecoli-tiny model --data . --out o --tasks a": (2, "--tasks: 'a' is none of"),
    "benchmark run ecoli-tiny model --data . --out g.fa": (2, "--out: g.fa is a file; name"),
    "benchmark run ecoli-tiny model --data . --out o --shots 3,3": (
        2,
        "argument --shots: '3,3' is",
    ),
    "benchmark run ecoli-tiny model --data . --out o --seeds 0": (2, "--seeds: must be 1 or more"),
    "benchmark run t.csv model --data . --out o": (2, "SUITE: 't.csv' is none of"),
    "benchmark run ecoli-tiny text --data . --out o": (1, "text: the model reads text; expected"),
    "benchmark table o": (1, "o: no such file"),
    "lexicon model x.fa --out o": (1, "x.fa: no such file"),
    "lexicon model g.fa --out g.fa": (2, "--out: g.fa is a file; name a folder"),
    "lexicon model g.fa --out o --vocabulary 0": (2, "--vocabulary: must be 1 or more; got 0"),
    "lexicon model g.fa --out o --vocabulary 70000": (2, "--vocabulary: is 70,000; at most 65,536"),
    "lexicon model g.fa --out o --left-context 5": (2, "--left-context: goes with --region"),
    "lexicon two g.fa --out o --shards s": (2, "--shards: is for text and code; two was"),
    "lexicon two g.fa --out o --features f": (1, "f: no such file"),
    "lexicon two g.fa two --out o": (2, "INPUT: two is no model of text; give one"),
    "lexicon text g.fa --out o --features g.gff": (2, "--features: is for DNA; text was"),
    "lexicon text --out o": (2, "INPUT: give files or folders of text, or --shards DIR"),
    "boundaries motifs model g.fa --motifs t.csv --out o": (1, "t.csv: line 1"),
    "classify train model --out o --data t.csv --label z": (1, "t.csv: line 1: no column 'z'"),
    "classify train model --out o --data few.csv": (1, "few.csv: 3 rows, 1 of them 'b' in 1 group"),
    "classify predict g.fa b.bed": (1, "g.fa: is no probe of `hnet-seq classify train`"),
    "classify predict model g.fa": (1, "model: is a folder; give the probe.npz in it"),
    "classify predict p.npz b.bed": (2, "--genome: b.bed is BED, places without letters"),
    "classify evaluate p.npz t.csv --label z": (1, "t.csv: line 1: no column 'z'"),
    "classify evaluate p.npz folder --label z": (1, "folder/train.csv: line 1: no column 'z'"),
    "generate text --prompts g.fa --out g.fa": (2, "--out: g.fa is the input g.fa; name another"),
    "markov s": (1, "s/manifest.json: not found: not a folder of shards"),
    "shard g.fa --out model --validation last:2": (2, "model: exists already; choose another"),
    "shard g.fa --out new --validation last:2": (2, "--validation last:2: expected a fraction"),
    "shard g.fa --out g.fa/new": (2, "--out: g.fa/new cannot be written"),
    "shard x.fa --out new": (1, "x.fa: no such file"),
    "shard peek model --count 0": (2, "--count: must be 1 or more; got 0"),
    "report nowhere": (1, "nowhere: no such folder; give the --out of a verb"),
    "report model --baseline nowhere": (1, "nowhere: no such folder; give the --out of hnet"),
    "info nowhere": (1, "nowhere: no such file or folder"),
    "info two --as-flops-of nowhere": (1, "nowhere: no such file or folder"),
}


def _rows() -> list[str]:
    """Of a table with a split: sequences that are unlike, two classes and a number."""
    letters = np.random.default_rng(0).integers(0, 4, (40, 60))
    splits = ["train", "train", "train", "test"]
    return [
        f"{dna.decode(own.astype(np.uint8))},{'ab'[row % 2]},{row},{splits[row // 2 % 4]}"
        for row, own in enumerate(letters)
    ]


def test_what_is_wrong_is_told_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.safetensors").touch()
    (tmp_path / "model/config.json").write_text("{}")
    (tmp_path / "1.fa").write_text(">a\nACGT\n")
    (tmp_path / "c.gff").write_text("a\tx\tCDS\t1\t3\t.\t+\t0\tID=c\n")
    (tmp_path / "g.gff").write_text("a\tx\tgene\t1\t4\t.\t+\t.\tID=g\n")
    np.savez(tmp_path / "p.npz", about=np.zeros(1))
    (tmp_path / "b.bed").write_text("a\t0\t4\n")
    (tmp_path / "v.tsv").write_text("chrom\tpos\tref\talt\na\t1\tA\tC\n")
    (tmp_path / "t.csv").write_text("\n".join(["sequence,label,y,split", *_rows()]) + "\n")
    (tmp_path / "few.csv").write_text("sequence,label\nACGT,a\nACTT,b\nACGA,a\n")
    (tmp_path / "folder").mkdir()
    for split in ("train", "test"):
        (tmp_path / f"folder/{split}.csv").write_text("sequence,label\nACGT,a\n")
    two = make_model("two stages, MLPs outside, tied")
    two.metadata["modality"] = "dna"
    two.save_pretrained(tmp_path / "two")
    two.metadata["modality"] = "text"
    two.save_pretrained(tmp_path / "text")
    codes, found, said = answered([line.split() for line in WRONG], tmp_path)
    lines = [line for line in said.splitlines() if line.startswith("hnet-seq")]
    wrong = [
        (line, got, told)
        for (line, (code, message)), got, told in zip(WRONG.items(), codes, lines, strict=True)
        if got != code or message not in told
    ]
    assert wrong == []
    # Tables of the command line, and what reads them, take a tenth of the time of these.
    assert not {"torch", "scipy", "sklearn", "pandas", "pyarrow"} & set(found)


def test_a_large_folder_is_not_read_twice(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("train.csv", "data/test.csv"):
        (tmp_path / name).write_text("sequence,label\n")
    assert is_small(tmp_path)
    assert not is_small(tmp_path, most=29)
    assert not is_small(tmp_path / "nothing")


def test_a_wrong_key_or_source_is_told_before_torch_is_imported(tmp_path: Path) -> None:
    lines = ["pretrain nothing --out r", "pretrain --out r train.stepz=4 ecoli_demo"]
    lines += ["pretrain ecoli_demo --out r", "pretrain code_text --data kod=s --out r"]
    lines += ["pretrain code_text --data code=s --out r", "pretrain --resume r ecoli_demo"]
    codes, found, said = answered([line.split() for line in lines], tmp_path)
    assert codes == [2] * len(lines)
    assert "no shards given; --data FOLDER" in said
    assert "no source 'kod'; there are: code, chinese, english" in said
    assert "no shards given for chinese" in said
    assert "leave out ecoli_demo" in said
    assert "no experiment of this name" in said
    assert "did you mean train.steps?" in said
    assert "torch" not in found


@pytest.mark.parametrize("line", ["classify train --bogus x", "embed a b --out v.npy --bogus"])
def test_the_hint_names_the_help_of_the_verb(line: str, tmp_path: Path) -> None:
    codes, _, said = answered([line.split()], tmp_path)
    verb = " ".join(word for word in line.split()[:2] if word in ("classify", "train", "embed"))
    assert codes == [2]
    assert said.endswith(f"see hnet-seq {verb} --help")


def test_help_names_guides_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.with_docs("see docs/shards.md") == "see docs/shards.md"
    monkeypatch.setattr(cli, "IN_WHEEL", tmp_path)
    assert cli.with_docs("see docs/shards.md)") == f"see {tmp_path / 'shards.md'})"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["force-include"]["docs"] == "hnet_seq/docs"
    for verb in cli.VERBS:
        for page in re.findall(r"docs/\w+\.md", cli.verb_parser(verb).description or ""):
            assert (ROOT / page).is_file()


EMBED = """
import sys
from hnet_seq.cli import main
code = main(["embed", "run", "x.fa", "--out", "v.npy", "--device", "cpu"])
late = [name for name in ("torch._dynamo", "scipy", "sklearn", "Bio") if name in sys.modules]
sys.exit(f"{late}" if late else code)
"""


def test_embedding_imports_no_compiler_and_no_statistics(tmp_path: Path) -> None:
    """Each takes as long as all the rest; a start is to cost little more than torch itself."""
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "run")
    (tmp_path / "x.fa").write_text(">a\nACGTTGCA\n")
    command = [sys.executable, "-c", EMBED]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
