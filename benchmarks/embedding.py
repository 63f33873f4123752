"""``hnet-seq embed`` end to end against the model's forward pass alone: bases per CPU second.

    python benchmarks/embedding.py [--windows 50000] [--length 300] [--rounds 3]

The forward pass is that of the same sequences in batches of the same size, packed beforehand, and
nothing is done with its output. Rounds alternate; CPU seconds do not count what other processes
take. Then the peak memory of ``embed`` on a fifth of the windows, and on all, each in a process of
its own. The model's weights are random.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hnet_seq import HNetForCausalLM  # first: it sets how torch's threads wait
from hnet_seq.model.config import AttentionConfig, HNetConfig, SSMConfig
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.embedding.plan import EmbedOptions
from hnet_seq.tasks.embedding.run import run
from hnet_seq.tasks.embedding.vectors import BATCH_TOKENS
from hnet_seq.tasks.peak_memory import peak_memory_mb

import numpy as np  # isort: skip
import torch  # isort: skip

CONFIG = HNetConfig(
    arch_layout=["m2", ["T2"], "m2"],
    d_model=[128, 192],
    d_intermediate=[0, 384],
    vocab_size=8,
    ssm_cfg=SSMConfig(d_state=64),
    attn_cfg=AttentionConfig(num_heads=[2, 3], rotary_emb_dim=[32, 32], window_size=[-1, -1]),
)
_MEMORY = "--memory-of"


def write_windows(path: Path, count: int, length: int) -> np.ndarray:
    """A FASTA file of random windows, a few at a time; their tokens (count, length)."""
    tokens = np.random.default_rng(0).integers(0, 4, (count, length), dtype=np.uint8)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with path.open("wb") as file:
        for index, row in enumerate(tokens):
            file.write(b">window%d\n%b\n" % (index, letters[row].tobytes()))
    return tokens


def forward_seconds(model: HNetForCausalLM, tokens: np.ndarray) -> float:
    """CPU seconds of the body on packed batches that lie ready."""
    each = max(1, BATCH_TOKENS // tokens.shape[1])
    batches = []
    for first in range(0, len(tokens), each):
        own = tokens[first : first + each]
        packing = Packing.from_lengths([own.shape[1]] * len(own))
        batches.append((torch.from_numpy(own.reshape(-1)).long(), packing))
    began = time.process_time()
    with torch.inference_mode():
        while batches:  # a packing keeps what is derived from it, megabytes each
            ids, packing = batches.pop()
            model.encode(ids, packing)
    return time.process_time() - began


def embed_seconds(folder: Path, out: str) -> float:
    """CPU seconds of the verb: both passes over the file, and the writing."""
    began = time.process_time()
    run(folder / "model", folder / "in.fa", folder / out, EmbedOptions(), device="cpu")
    return time.process_time() - began


def main() -> None:
    """Print the rates of each round, their ratio, and the peak memory at two sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=50_000)
    parser.add_argument("--length", type=int, default=300, help="bases")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", default="v.parquet", help="its suffix is the format")
    parser.add_argument(_MEMORY, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        embed_seconds(args.memory_of, args.out)
        print(f"{peak_memory_mb():.0f}")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = HNetForCausalLM(CONFIG).eval()
        with torch.no_grad():  # or every base would begin a chunk, or none
            for key, value in model.named_parameters():
                if "routing_module" in key:
                    value.add_(0.3 * torch.randn(value.shape, generator=torch.Generator()))
        model.metadata["modality"] = "dna"
        model.save_pretrained(folder / "model")
        tokens = write_windows(folder / "in.fa", args.windows, args.length)
        forward_seconds(model, tokens[:100])
        ratios = []
        for _ in range(args.rounds):
            raw = forward_seconds(model, tokens)
            whole = embed_seconds(folder, args.out)
            ratios.append(raw / whole)
            print(
                f"embed {tokens.size / whole:9,.0f} bases/s, forward pass alone "
                f"{tokens.size / raw:9,.0f}: {raw / whole:.3f}"
            )
        print(f"embed / forward {statistics.median(ratios):.3f} of {args.rounds} rounds")
        for count in (args.windows // 5, args.windows):
            write_windows(folder / "in.fa", count, args.length)
            command = [sys.executable, __file__, _MEMORY, str(folder), "--out", args.out]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{count:,} windows: peak memory {found.stdout.strip()} MB")


if __name__ == "__main__":
    main()
