"""What a command line or a configuration cannot mean: one line, exit code 2, no output."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hnet_seq.cli import main
from tests.malformed.conftest import Good, Refused

DATA, MISUSE = 1, 2

MODEL = b"model: {arch_layout: [m1], d_model: [64], d_intermediate: [0]}\n"
CONFIGS: dict[str, tuple[bytes, str]] = {
    "tabs": (b"train:\n\tsteps: 3\n", "not readable as YAML"),
    "no mapping": (b"- 1\n- 2\n", "expected a mapping"),
    "binary": (b"\xff\xfe\x00", "not readable as YAML"),
    "an unknown key": (b"train:\n  stepz: 3\n", "did you mean train.steps?"),
    "a wrong type": (b"train:\n  steps: many\n", "train.steps"),
    "a mapping for a number": (b"train:\n  steps: {a: 1}\n", "train.steps"),
    "negative steps": (MODEL + b"train:\n  steps: -3\n", "train.steps: expected at least 1"),
    "no shards": (MODEL, "data.sources"),
    "a layout that is none": (b"model:\n  arch_layout: [q9]\n", "layout 'q9'"),
    "an include that is not there": (b"include: [model/none]\n", "model/none"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configurations(case: str, tmp_path: Path, refused: Refused) -> None:
    data, says = CONFIGS[case]
    path = tmp_path / "bad.yaml"
    path.write_bytes(data)
    named = {"no shards": "data.sources", "an include that is not there": "model/none"}
    command = ["pretrain", f"{path}", "--out", f"{tmp_path / 'run'}"]
    assert says in refused(command, MISUSE, named.get(case, f"{path}: "))


OVERRIDES = {
    "train.stepz=3": "did you mean train.steps?",
    "train.steps=-3": "train.steps: expected at least 1; got -3",
    "train.steps=[1": "not readable as YAML",
    "data.micro_batch_tokens=-1": "data.micro_batch_tokens",
    "data.workers=-1": "data.workers",
    "data.soft_mask_weight=.nan": "data.soft_mask_weight",
    "train.validate_every=-1": "train.validate_every",
    "train.optimizer.learning_rate=-0.1": "train.optimizer.learning_rate",
    "train.optimizer.learning_rate=.nan": "train.optimizer.learning_rate",
    "train.optimizer.learning_rate=.inf": "train.optimizer.learning_rate",
    "train.optimizer.betas=[0.9]": "train.optimizer.betas",
    "train.optimizer.clip_norm=0": "train.optimizer.clip_norm",
    "train.schedule.warmup=-0.1": "train.schedule.warmup",
    "train.ratio_loss.targets=[.nan]": "train.ratio_loss.targets",
    "model.d_model=[0,128]": "d_model",
    "model.boundary_policies=[{policy: strid, every: 3}]": "not one of learned, top_k, stride",
    "model.boundary_policies=[{policy: stride}]": "stride needs every >= 1",
    "model.boundary_policies=[{policy: delimiters, tokens: [9]}]": "ids run from 0 to 7",
    "model.boundary_policies=[{policy: random, rate: 2}]": "rate from 0 to 1",
    "model.boundary_policies=[{}, {}]": "expected 1",
    "train.steps=few": "train.steps",
    "train.steps": "expected key=value",
    "data.sources=3": "data.sources",
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_overrides(override: str, tmp_path: Path, refused: Refused) -> None:
    command = ["pretrain", "ecoli_demo", override, "--out", f"{tmp_path / 'run'}"]
    refused(command, MISUSE, OVERRIDES[override])


VALIDATION = {
    "half": "unknown form",
    "records:": "unknown form",
    "records:chr9": "no record 'chr9'",
    "records:chr|1.1,chr2:a": "leaves no bases for train",
    "region:chr2:a": "expected region:NAME:START-END",
    "region:chr2:a:0-10": "0-10 is no region",
    "region:chr2:a:20-10": "20-10 is no region",
    "region:chr2:a:1-1001": "ends beyond chr2:a, which has 1000 bases",
    "last:1.5": "expected a fraction",
    "last:nan": "expected a fraction",
    "last:0.9": "are not fewer than the longest record has",
    "last:0.00001": "leaves no bases for validation",
}


@pytest.mark.parametrize("spec", VALIDATION)
def test_validation_splits(spec: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    command = ["shard", f"{good.genome}", "--out", f"{tmp_path / 's'}", "--validation", spec]
    assert VALIDATION[spec] in refused(command, MISUSE, f"--validation {spec}: ")


OPTIONS = {
    "shard {genome} --out {tmp}/s --validation last:0.1 --guard -1": "--guard: is -1",
    "shard {genome} --out {tmp}/s --guard few": "--guard: invalid int value",
    "shard {genome} --out {tmp}/s --block-size 0": "--block-size: is 0",
    "shard {genome} --out {tmp}/s --shard-size 9": "--shard-size: is 9",
    "shard {genome} --out {tmp}/s --unknown-run 0": "--unknown-run: is 0",
    "shard {genome} --out {tmp}/s --modality rna": "invalid choice: 'rna'",
    "shard {genome} --out {tmp}/s --modality text --keep-soft-mask": "goes with --modality dna;",
    "shard {genome}": "--out: is missing",
    "shard {genome} --out {tmp}/s --workers 0": "--workers: is 0",
    "shard check": "arguments are required: DIR",
    "shard peek {shards} {shards}": "unrecognized arguments: ",
    "segment {model} {genome} --bed {tmp}/b --stage 7": "has stages 0 to 0; got 7",
    "segment {model} {genome} --bed {tmp}/b --region chr2:a --left-context -1": "must be 0",
    "segment {model} {genome} --bed {tmp}/b --cache-limit nan": "--cache-limit: 'nan'",
    "segment {model} {genome} --bed {tmp}/b --region chr2:a:x-9": "'chr2:a:x-9' is not NAME",
    "segment {model} {genome} --bed {tmp}/b --batch-tokens 0": "'0' is no number of 1 or more",
    "segment {model} {genome}": "nothing to write",
    "embed {model} {genome} --out {tmp}/v.txt": "v.txt has no known format",
    "embed {model} {genome} --out {tmp}/v.npy --stage 3": "--stage: is 3",
    "embed {model} {genome} --out {tmp}/v.npy --pooling max": "invalid choice: 'max'",
    "embed {model} {genome} --out {tmp}/v.npy --device tpu9": "'tpu9' is no device",
    "generate {model} --prompt A --device tpu9": "'tpu9' is no device",
    "generate {model} --prompt A --max-new-tokens 0": "--max-new-tokens: must be 1 or more",
    "generate {model} --prompt ACQ": "prompt 1, position 3: 'Q' is not a nucleotide",
    "info {model} --tokens-per-chunk 0": "--tokens-per-chunk: expected numbers of 1 or more",
    "info {model} --tokens-per-chunk 3 3": "--tokens-per-chunk: this model has 1 stages",
    "info {model} --context -5": "--context: is -5",
    "markov {shards} --max-order 13": "the orders are 0..12",
    "classify train {model} --out {tmp}/o": "give --genome, --annotation and --test-region",
    "pretrain nothing --out {tmp}/r": "no experiment of this name",
    "pretrain ecoli_demo --out {tmp}/r": "data.sources: no shards given",
    "pretrain code_text --data code={shards} --out {tmp}/r": "no shards given for chinese",
    "pretrain code_text --data kod={shards} --out {tmp}/r": "no source 'kod'; there are: code, ch",
    "pretrain ecoli_demo --resume {tmp}/r": "the run knows its experiment and its weights; leave",
    "pretrain ecoli_demo train.init=a --out {tmp}/r --init b": "--init: says what train.init would",
    "pretrain --resume {tmp}/r --init {model}": "--init: means nothing beside --resume",
}


@pytest.mark.parametrize("line", OPTIONS)
def test_options(line: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    paths = {"genome": good.genome, "model": good.model, "shards": good.shards, "tmp": tmp_path}
    refused(line.format(**paths).split(), MISUSE, OPTIONS[line])


MISSING = {
    "shard {none} --out {tmp}/s": "no such file",
    "shard {tmp} --out {tmp}/s": "no genomes in this folder",
    "shard check {none}": "manifest.json: not found",
    "shard peek {tmp}": "manifest.json: not found",
    "segment {model} {none} --bed {tmp}/b": "no such file",
    "segment {none} {genome} --bed {tmp}/b": "no model.safetensors",
    "segment {model} {genome} --region chr9 --bed {tmp}/b": "no record 'chr9'",
    "segment {model} {genome} --region chr2:a:1-1001 --bed {tmp}/b": "not within 1-1000",
    "embed {model} {tmp} --out {tmp}/v.npy": "is a folder",
    "report {none}": "no such folder",
    "report {tmp}": "is no run folder",
    "pretrain --resume {none}": "not a run folder",
    "pretrain --resume {tmp} train.steps=9 --out {tmp}/q": "not a run folder",
    "pretrain ecoli_demo --init {none} --out {tmp}/r": "no such file or folder",
    "classify predict {none} {genome}": "no such file",
    "classify predict {genome} {genome}": "is no probe",
    "info {none}": "none",
}


@pytest.mark.parametrize("line", MISSING)
def test_inputs_that_are_not_there(line: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    paths = {"genome": good.genome, "model": good.model, "tmp": tmp_path, "none": tmp_path / "none"}
    refused(line.format(**paths).split(), DATA, MISSING[line])


OUTPUTS = {
    "shard {genome} --out {file}": "is a file; name a folder",
    "shard {genome} --out {file}/s": "is a file, not a folder",
    "shard {genome} --out {folder} --overwrite": "holds kept.txt",
    "shard {genome} --out {folder}": "exists already",
    "segment {model} {genome} --bed {folder}": "--bed: {folder} is a folder; name a file in it",
    "segment {model} {genome} --bed {file}/b": "is a file, not a folder",
    "segment {model} {genome} --annotation {genes} --out {file}": "is a file; name a folder",
    "embed {model} {genome} --out {folder}": "is a folder; name a file in it",
    "embed {model} {genome} --out {file}/v.npy": "is a file, not a folder",
    "generate {model} --prompt A --out {folder}": "is a folder; name a file in it",
    "markov {shards} --out {folder}": "is a folder; name a file in it",
    "pretrain ecoli_demo --data {shards} --out {file}": "is a file; name a folder",
    "pretrain ecoli_demo --data {shards} --out {file}/run": "is a file, not a folder",
    "classify train {model} --table {file} --out {file}": "is a file; name a folder",
    "classify predict {file} {genome} --out {folder}": "is a folder; name a file in it",
    "report {folder} --out {folder}": "is a folder; name a file in it",
}


@pytest.mark.parametrize("line", OUTPUTS)
def test_places_that_cannot_be_written_to(
    line: str, good: Good, tmp_path: Path, refused: Refused
) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("kept")
    folder.mkdir()
    (folder / "kept.txt").write_text("kept")
    paths = {"genome": good.genome, "model": good.model, "shards": good.shards, "genes": good.genes}
    paths |= {"file": file, "folder": folder}
    refused(line.format(**paths).split(), MISUSE, OUTPUTS[line].format(**paths))
    assert file.read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(good: Good, tmp_path: Path, refused: Refused) -> None:
    tmp_path.chmod(0o500)
    try:
        refused(["shard", f"{good.genome}", "--out", f"{tmp_path / 's'}"], MISUSE, "no permission")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_with_a_quote_in_its_name_is_data(good: Good, tmp_path: Path) -> None:
    shards = tmp_path / "it's {mine}, [all]: #1"
    shutil.copytree(good.shards, shards)
    (tmp_path / "small.yaml").write_bytes(MODEL + b"train: {steps: 1}\n")
    small = [f"{tmp_path / 'small.yaml'}", "data.context=64", "data.batch_tokens=64"]
    command = ["pretrain", *small, "--data", f"{shards}"]
    assert main([*command, "--out", f"{tmp_path / 'run'}", "--device", "cpu"]) == 0
