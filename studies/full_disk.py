"""What is left of each command's output where the disk fills, and where the command is killed.

    python studies/full_disk.py                    # 40 fill levels of each command
    python studies/full_disk.py --kills            # 40 random moments of a kill, or of SIGTERM
    python studies/full_disk.py embed segment      # commands whose name begins so

A full disk is a limit on the size of files (RLIMIT_FSIZE), from nothing to one byte less than the
largest file of the command. After each trial, what has a final name must be byte for byte what an
undisturbed command writes (files that hold times: readable); an error must be at most three lines
without a traceback; and the same command, or `--resume`, must then end well and leave nothing else.
Needs fork. A table goes to standard output; the exit code is 1 where something was not so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hnet_seq import cli

_TINY = """
model: {arch_layout: [m1, [m1], m1], d_model: [32, 32], d_intermediate: [0, 0], vocab_size: 8,
  ssm_cfg: {d_conv: 4, expand: 2, d_state: 16, chunk_size: 64}}
data: {context: 256, batch_tokens: 512}
train: {steps: 4, log_every: 1, schedule: {name: wsd, warmup: 0.0, decay: 0.5, final: 0.0},
  validate_every: 0, checkpoint_every: 2, ratio_loss: {targets: [3.0], weights: [1.0]}}
"""
_BASES = 12_000
_PATIENCE = 300  # seconds


@dataclass(frozen=True)
class Command:
    """One command line; ``{in}`` is the folder of inputs, ``{out}`` where it writes.

    Attributes:
        timed: final names of files that hold times, and so differ from run to run.
        again: what goes on after a failure, where that is another command.
        kept: names of what a failure may leave for it, besides whole files.
    """

    name: str
    line: str
    timed: tuple[str, ...] = ()
    again: str = ""
    kept: tuple[str, ...] = ()


_VECTORS = ("parquet", "npy", "h5ad", "zarr")
_VCF = """##fileformat=VCFv4.2
##contig=<ID=chr1>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
_SCORED = "score {in}/run {in}/variants.vcf --genome {in}/genome.fa --out {out}/s."
_ROWS = "--data {in}/labelled.csv"
_TIMES = ("run.json", "metrics.jsonl", "config.yaml", "finetune.jsonl", "classification.json")
_ALL = [
    Command("shard", "shard {in}/genome.fa --validation last:0.2 --guard 0 --out {out}/shards"),
    Command(
        "shard of text",
        "shard {in}/notes.jsonl --modality text --validation fraction:0.2 --out {out}/shards",
    ),
    Command(
        "pretrain",
        "pretrain {in}/tiny.yaml --data {in}/shards --out {out}/run",
        _TIMES,
        "pretrain {in}/tiny.yaml --data {in}/shards --out {out}/run --continue",
        ("run",),
    ),
    Command("markov", "markov {in}/shards --out {out}/markov.json", ("markov.json",)),
    *(
        Command(
            f"embed {kind}",
            f"embed {{in}}/run {{in}}/windows.fa --out {{out}}/v.{kind} --level {level}",
            ("v.json",),
        )
        for kind, level in zip(_VECTORS, ("chunk", "base", "chunk", "chunk"), strict=True)
    ),
    Command("classify train", f"classify train {{in}}/run {_ROWS} --out {{out}}/probe", _TIMES),
    Command(
        "classify finetune",
        f"classify finetune {{in}}/run {_ROWS} --out {{out}}/tuned --seeds 1 --epochs 1",
        (*_TIMES, "*.npz"),
    ),
    *(
        Command(
            f"classify predict {kind}",
            f"classify predict {{in}}/probe/probe.npz {{in}}/windows.fa --out {{out}}/p.{kind}",
        )
        for kind in ("tsv", "parquet")
    ),
    *(
        Command(f"segment {kind}", f"segment {{in}}/run {{in}}/genome.fa {option} {{out}}/s.{kind}")
        for option, kind in (
            ("--bed", "bed"), ("--bigwig", "bw"), ("--chunks", "parquet"), ("--chunks", "tsv.gz")
        )
    ),
    Command(
        "boundaries motifs",
        "boundaries motifs {in}/run {in}/genome.fa --out {out}/motifs",
        ("motifs.json",),
    ),
    Command("score sequences", "score {in}/run {in}/windows.fa --out {out}/s.tsv", ("s.json",)),
    *(
        Command(
            f"score variants {kind}",
            f"{_SCORED}{kind}",
            ("s.json", "s.vcf.json"),
        )
        for kind in ("tsv", "parquet", "vcf", "vcf.gz")
    ),
    *(
        Command(
            f"score mutagenesis {kind}",
            "score {in}/run --mutagenesis chr1:1001-1030 --genome {in}/genome.fa "
            f"--out {{out}}/m.{kind}",
            ("m.json",),
        )
        for kind in ("tsv", "parquet")
    ),
    Command(
        "generate", "generate {in}/run --prompt ACGTACGT --samples 20 --out {out}/g.fa --seed 1"
    ),
    Command("report", "report {in}/run --out {out}/report.html", ("report.html",)),
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it said on standard error."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True)
class Running:
    """A forked process, and what it says: through a pipe, which is never full."""

    process: int
    said: int

    def finish(self) -> Ended:
        """Wait for it."""
        began = time.monotonic()
        said = b""
        while time.monotonic() - began < _PATIENCE:
            if select.select([self.said], [], [], 1.0)[0]:
                some = os.read(self.said, 1 << 16)
                if not some:
                    break
                said += some
        else:
            os.kill(self.process, signal.SIGKILL)
        os.close(self.said)
        _, status = os.waitpid(self.process, 0)
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, said.decode(errors="replace"), time.monotonic() - began)


def start(line: list[str], limit: int | None = None) -> Running:
    """Run a command in a forked process, with files of at most ``limit`` bytes."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process:
        os.close(theirs)
        return Running(process, ours)
    code = 70
    try:
        os.close(ours)
        os.dup2(theirs, 2)
        os.close(theirs)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        sys.argv = ["hnet-seq", *line]
        try:
            cli.run()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def run(line: list[str], limit: int | None = None) -> Ended:
    """Run a command to its end."""
    return start(line, limit).finish()


def make_inputs(folder: Path) -> None:
    """Random letters, a model of four steps, and a probe on it."""
    rng = np.random.default_rng(0)

    def letters(count: int) -> str:
        return "".join(rng.choice(list("ACGT"), count))

    genome = {f"chr{number}": letters(_BASES // 3) for number in (2, 1, 10)}
    (folder / "genome.fa").write_text("".join(f">{n}\n{s}\n" for n, s in genome.items()))
    windows = [letters(100) for _ in range(60)]
    (folder / "windows.fa").write_text("".join(f">w{i}\n{s}\n" for i, s in enumerate(windows)))
    rows = "".join(f"{s},{'odd' if i % 2 else 'even'}\n" for i, s in enumerate(windows))
    (folder / "labelled.csv").write_text(f"sequence,label\n{rows}")
    notes = [{"text": letters(300), "id": f"n{number}"} for number in range(60)]
    (folder / "notes.jsonl").write_text("".join(f"{json.dumps(note)}\n" for note in notes))
    body = ""
    for place in range(500, 3_500, 30):
        own = genome["chr1"][place - 1]
        body += f"chr1\t{place}\t.\t{own}\t{'ACGT'['ACGT'.index(own) - 1]}\t.\t.\t.\n"
    (folder / "variants.vcf").write_text(_VCF + body)
    (folder / "tiny.yaml").write_text(_TINY)
    for line in (
        f"shard {folder}/genome.fa --validation last:0.2 --guard 0 --out {folder}/shards",
        f"pretrain {folder}/tiny.yaml --data {folder}/shards --out {folder}/run",
        f"classify train {folder}/run --data {folder}/labelled.csv --out {folder}/probe",
    ):
        ended = run(line.split())
        if ended.code:
            sys.exit(f"{line}\n{ended.said}")


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file by its path in the folder; of a folder without files, nothing."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[f"{path.relative_to(folder)}"] = path.read_bytes()
        elif not any(path.iterdir()):
            found[f"{path.relative_to(folder)}/"] = b""
    return found


def differing(command: Command, whole: dict[str, bytes], found: dict[str, bytes]) -> Iterator[str]:
    """What is there and is not what it should be, or should not be there."""
    for name, content in found.items():
        timed = any(Path(name).match(pattern) for pattern in command.timed)
        if name not in whole:
            yield f"{name} is left"
        elif content != whole[name] and not (timed and content[-1:] == whole[name][-1:]):
            yield f"{name} is not what it should be"


def is_unfinished(command: Command, name: str) -> bool:
    """Whether a failed command may leave this for the next one to go on with."""
    first = Path(name).parts[0]
    return first.endswith(".partial") or first.strip("/") in command.kept


def judge(
    command: Command, whole: dict[str, bytes], out: Path, ended: Ended, *, killed: bool
) -> Iterator[str]:
    """What is wrong after a trial."""
    lines = [line for line in ended.said.splitlines() if not _is_progress(line)]
    if "Traceback" in ended.said:
        yield "a traceback"
    elif ended.code and not killed and len(lines) > 3:
        yield f"{len(lines)} lines"
    if not killed and ended.code not in (0, 1):
        yield f"exit {ended.code}"
    found = files(out)
    if ended.code == 0:
        yield from (f"exit 0 and {name} is missing" for name in whole.keys() - found.keys())
    elif not killed and not any(says in "".join(lines) for says in ("too large", "No space")):
        yield f"the cause is not told: {lines[-1:]}"
    unkilled = {n: c for n, c in found.items() if ended.code == 0 or not is_unfinished(command, n)}
    if ended.code == -signal.SIGKILL:  # the next command takes these away
        unkilled = {n: c for n, c in unkilled.items() if ".tmp" not in n and "/." not in f"/{n}"}
    yield from differing(command, whole, unkilled)


def _is_progress(line: str) -> bool:
    return not line.startswith("hnet-seq") and "Traceback" not in line and "Error" not in line


def study(command: Command, folder: Path, trials: int, rng: random.Random, *, kills: bool) -> bool:
    """All trials of a command, and a line about them."""
    inputs = folder / "in"

    def line(out: Path, text: str = command.line) -> list[str]:
        return text.replace("{in}", f"{inputs}").replace("{out}", f"{out}").split()

    out = folder / "out"  # one name for all: outputs may hold it

    def emptied() -> None:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()

    emptied()
    ended = run(line(out))
    if ended.code:
        print(f"{command.name}: {ended.said}", flush=True)
        return False
    whole, seconds = files(out), ended.seconds
    largest = max(map(len, whole.values()))
    outcomes: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for trial in range(trials):
        emptied()
        if kills:
            signum = signal.SIGKILL if trial % 2 else signal.SIGTERM
            running = start(line(out))
            time.sleep(rng.random() * seconds)
            os.kill(running.process, signum)
            ended = running.finish()
        else:
            ended = run(line(out), largest * trial // trials)
        outcomes["whole" if ended.code == 0 else "absent"] += 1
        problems = list(judge(command, whole, out, ended, killed=kills))
        if ended.code:
            after = run(line(out, command.again or command.line))
            if after.code:
                problems.append(f"then exit {after.code}: {after.said[-200:]}")
            else:
                found = files(out)
                problems += [f"then {text}" for text in differing(command, whole, found)]
                problems += [f"then {name} is missing" for name in whole.keys() - found.keys()]
        wrong.update(problems)
    told = "; ".join(f"{text} ({count})" for text, count in wrong.most_common(4)) or "nothing"
    print(
        f"{command.name:28} {largest:>9,} {outcomes['whole']:>6} {outcomes['absent']:>6}  {told}",
        flush=True,
    )
    return not wrong


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", help="the beginnings of their names (all)")
    parser.add_argument("--kills", action="store_true", help="kills in place of full disks")
    parser.add_argument("--trials", type=int, default=40, help="of each command (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)  # what is forked may have no threads
    for verb in cli.VERBS:
        __import__(f"hnet_seq.tasks.{verb}")
    what = "killed" if args.kills else "failed"
    print(f"{'command':28} {'bytes':>9} {'whole':>6} {what:>6}  wrong")
    right = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        make_inputs(folder / "in")
        for command in _ALL:
            if not args.commands or command.name.startswith(tuple(args.commands)):
                rng = random.Random(args.seed)
                right &= study(command, folder, args.trials, rng, kills=args.kills)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
