"""What ``embed``, ``segment`` and ``score`` take beside an earlier build, in CPU seconds.

    git worktree add ../before COMMIT
    OMP_NUM_THREADS=1 python benchmarks/inference.py --before ../before [--rounds 5] [--model RUN]

Each piece of work is a command line of one process, run by either build in turn: the seconds are
those that the process was running in it, once everything is imported and a model has been called.
Without ``--model`` the models are the one that comes with the package and one of the demo's shape
with random weights. Beside the ratios stands how far the results differ.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

LETTERS = np.frombuffer(b"ACGT", np.uint8)
GENOME = Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz"
_WORKER, _SECONDS = "--worker", "seconds:"


def worker() -> None:
    """Run command lines, as they come, of the build that PYTHONPATH names; print their seconds."""
    from hnet_seq import HNetForCausalLM, cli, score

    score(HNetForCausalLM.from_pretrained("genomes-tiny", "cpu"), "ACGT" * 100).to_pandas()
    for line in sys.stdin:
        began = time.process_time()
        code = cli.main(json.loads(line))
        took = time.process_time() - began
        assert code == 0, line
        print(f"\n{_SECONDS} {took}", flush=True)


class Build:
    """A process of one checkout that runs command lines."""

    def __init__(self, path: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{path.resolve()}", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, _WORKER],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, arguments: list[str]) -> float:
        """CPU seconds of a command line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_SECONDS):
                return float(line.split()[1])
        raise RuntimeError(f"{arguments} did not end")

    def end(self) -> None:
        """Let the process go."""
        self._process.communicate()


def bases(name: str, first: int, count: int) -> str:
    """Of the demo's genome."""
    from pipelines.formats.genome import Genome

    genome = Genome(name)
    record = max(genome.lengths, key=lambda own: genome.lengths[own])
    return genome.letters(record, first, first + count)


def write_inputs(folder: Path, smoke: bool) -> dict[str, list[str]]:
    """The files; and what stands behind the verb and the model, by the work's name."""
    size = 10 if smoke else 1
    text = bases(str(GENOME), 500_000, 50_000)
    for length, count in ((300, 160), (8192, 6)):
        rows = [text[i * length : (i + 1) * length] for i in range(max(1, count // size))]
        lines = "".join(f">w{i}\n{row}\n" for i, row in enumerate(rows) if row)
        (folder / f"w{length}.fa").write_text(lines)
    (folder / "record.fa").write_text(f">r\n{text[: 50_000 // size]}\n")
    (folder / "genome.fa").write_text(f">c\n{text}\n")
    draw, head = np.random.default_rng(0), "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\t"
    places = sorted(draw.choice(np.arange(5_000, 15_000), 10 // size, replace=False))
    files: dict[str, Callable[[str], str]] = {
        "snv": lambda ref: "ACGT"[("ACGT".index(ref) + 1) % 4],
        "every": lambda ref: ",".join(letter for letter in "ACGT" if letter != ref),
        "indel": lambda ref: ref + "".join(draw.choice(list("ACGT"), 5)),
    }
    for name, alternative in files.items():
        rows = [f"c\t{at + 1}\t.\t{text[at]}\t{alternative(text[at])}\t.\t.\t.\n" for at in places]
        (folder / f"{name}.vcf").write_text(head + "QUAL\tFILTER\tINFO\n" + "".join(rows))
    stretch = "c:10001-10020" if not smoke else "c:10001-10001"
    genome = ["--genome", f"{folder / 'genome.fa'}"]
    out = ["--out", f"{folder / 'out.tsv'}"]
    npy = ["--out", f"{folder / 'out.npy'}"]
    bed = ["--bed", f"{folder / 'out.bed'}"]
    return {
        "embed, windows of 300": ["embed", f"{folder / 'w300.fa'}", *npy],
        "embed, windows of 8,192": ["embed", f"{folder / 'w8192.fa'}", *npy],
        "embed, one record": ["embed", f"{folder / 'record.fa'}", *npy],
        "segment, windows of 300": ["segment", f"{folder / 'w300.fa'}", *bed],
        "segment, windows of 8,192": ["segment", f"{folder / 'w8192.fa'}", *bed],
        "segment, one record": ["segment", f"{folder / 'record.fa'}", *bed],
        "mutagenesis": ["score", "--mutagenesis", stretch, *genome, *out],
        "SNVs": ["score", f"{folder / 'snv.vcf'}", *genome, *out],
        "SNVs, every letter": ["score", f"{folder / 'every.vcf'}", *genome, *out],
        "insertions": ["score", f"{folder / 'indel.vcf'}", *genome, *out],
    }


def content(folder: Path) -> np.ndarray:
    """The numbers that a command left."""
    if (found := folder / "out.npy").exists():
        return np.load(found).astype(np.float64)
    if (found := folder / "out.bed").exists():
        return np.array([line.split()[1:3] for line in found.read_text().splitlines()], np.float64)
    with (folder / "out.tsv").open() as file:
        return np.array([float(row["llr"]) for row in csv.DictReader(file, delimiter="\t")])


def apart(one: np.ndarray, two: np.ndarray) -> str:
    """How far results differ."""
    if one.shape != two.shape:
        return f"{len(one)} rows and {len(two)}"
    return f"{float(abs(one - two).max()):.1e}"


def demo(folder: Path) -> str:
    """A model of the demo's shape that cuts every third base or so."""
    import torch

    from hnet_seq import HNetForCausalLM
    from hnet_seq.model.config import HNetConfig, SSMConfig

    shape = HNetConfig(
        arch_layout=["m4", ["m6"], "m4"],
        d_model=[128, 128],
        d_intermediate=[0, 0],
        vocab_size=8,
        ssm_cfg=SSMConfig(d_state=64),
    )
    model = HNetForCausalLM(shape)
    with torch.no_grad():  # or every base would begin a chunk, or none
        for key, value in model.named_parameters():
            if "routing_module" in key:
                value.add_(0.1 * torch.randn(value.shape, generator=torch.Generator()))
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder / "demo")
    return f"{folder / 'demo'}"


def main() -> None:
    """Print the table."""
    if _WORKER in sys.argv[:2]:
        worker()
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="a checkout of another commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", action="append", help="instead of the two")
    parser.add_argument("--only", default="", help="work whose name begins so")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does it run?")
    args = parser.parse_args()
    builds = {"before": Build(args.before), "now": Build(Path(__file__).parents[1])}
    print("| model | work | CPU s before | CPU s now | times as fast | results apart |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        works = write_inputs(folder, args.smoke)
        for model in args.model or ["genomes-tiny", demo(folder)]:
            for work, (verb, *rest) in works.items():
                if not work.startswith(args.only):
                    continue
                took: dict[str, list[float]] = {build: [] for build in builds}
                found: dict[str, np.ndarray] = {}
                for number in range(args.rounds):
                    order = list(builds) if number % 2 == 0 else list(builds)[::-1]
                    for build in order:
                        arguments = [verb, model, "--device", "cpu", *rest]
                        for path in folder.glob("out.*"):
                            shutil.rmtree(path) if path.is_dir() else path.unlink()
                        took[build].append(builds[build].seconds(arguments))
                        found[build] = content(folder)
                middle = {build: statistics.median(own) for build, own in took.items()}
                ratios = [a / b for a, b in zip(took["before"], took["now"], strict=True)]
                print(
                    f"| {Path(model).name} | {work} | {middle['before']:.2f} | {middle['now']:.2f} "
                    f"| {middle['before'] / middle['now']:.2f} ({min(ratios):.2f} to "
                    f"{max(ratios):.2f}) | {apart(found['before'], found['now'])} |",
                    flush=True,
                )
    for own in builds.values():
        own.end()


if __name__ == "__main__":
    main()
