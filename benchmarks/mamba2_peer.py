"""A Mamba-2 language model here against that of transformers: training passes and their memory.

    pip install --no-deps transformers regex typer   # it wants tokenizers too
    python benchmarks/mamba2_peer.py

The same weights and tokens on both sides (their logits are compared first), forward and backward
pass in turns in one process; the peer at three chunk sizes, of which its best counts. Peak memory
is that of one such pass and of none of the imports, each in a process of its own. The allocator
keeps freed memory, which suits both, in the timings; in the memory rows each has its default.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

from common import (
    MB,
    clock_of,
    in_fresh_process,
    in_turns,
    parser,
    quotients,
    resident,
    row,
    spread,
    table,
)

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.model.causal_lm import cross_entropy
from hnet_seq.model.config import SSMConfig
from hnet_seq.train.memory import keep_freed_memory

import torch  # isort: skip

WIDTH, LAYERS, STATE, VOCABULARY = 256, 4, 128, 256
SEQUENCES, LENGTH = 2, 1024
CHUNKS = (64, 128, 256)  # the peer's chunk sizes

NAMES = {  # ours: theirs
    "embeddings.weight": "backbone.embeddings.weight",
    "lm_head.weight": "lm_head.weight",
    "backbone.main_network.rmsnorm.weight": "backbone.norm_f.weight",
}


def own_model(layers: int = LAYERS) -> HNetForCausalLM:
    """An isotropic stack of Mamba-2 layers without MLPs."""
    return HNetForCausalLM(
        HNetConfig(
            arch_layout=[f"m{layers}"],
            d_model=[WIDTH],
            d_intermediate=[0],
            vocab_size=VOCABULARY,
            ssm_cfg=SSMConfig(d_state=STATE),
        )
    )


def peer_model(chunk: int, layers: int = LAYERS) -> Any:
    """The same by transformers."""
    from transformers import Mamba2Config, Mamba2ForCausalLM  # its import takes seconds

    config = Mamba2Config(
        num_heads=2 * WIDTH // 64,
        head_dim=64,
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        state_size=STATE,
        num_hidden_layers=layers,
        n_groups=1,
        chunk_size=chunk,
        use_cache=False,
        pad_token_id=None,
    )
    return Mamba2ForCausalLM(config)


def share_weights(own: HNetForCausalLM, peer: Any) -> None:
    """Give the peer our weights: none may be left over."""
    weights = {}
    for name, value in own.state_dict().items():
        theirs = NAMES.get(name) or name.replace("main_network.", "").replace("norm1", "norm")
        weights[theirs] = value
    peer.load_state_dict(weights)


def own_pass(model: HNetForCausalLM, ids: torch.Tensor) -> Callable[[], None]:
    """One packed batch; forward and backward."""
    packed = ids.flatten()
    bounds = torch.arange(0, packed.numel() + 1, ids.shape[1])
    targets = torch.nn.functional.pad(ids[:, 1:], (0, 1), value=-100).flatten()

    def run() -> None:
        logits = model(packed, bounds).logits
        (cross_entropy(logits, targets) / (targets >= 0).sum()).backward()
        model.zero_grad(set_to_none=True)

    return run


def peer_pass(model: Any, ids: torch.Tensor) -> Callable[[], None]:
    """One padded batch without padding."""

    def run() -> None:
        model(input_ids=ids, labels=ids).loss.backward()
        model.zero_grad(set_to_none=True)

    return run


def memory_of(which: str, ids: torch.Tensor) -> int:
    """Bytes that this process grows by over the model and two passes; "" is ours, or a chunk."""
    few = ids[:1, :128]
    for layers, batch in ((1, few), (LAYERS, ids)):  # the first loads what is loaded on first use
        before = resident("VmRSS")
        if which == "own":
            run = own_pass(own_model(layers), batch)
        else:
            run = peer_pass(peer_model(int(which), layers), batch)
        run()
        run()
    return resident("VmHWM") - before


def main() -> None:
    """Print a row for each chunk size of the peer, and the ratio to its best."""
    made = parser(__doc__)
    made.add_argument("--memory-of", help="own, or a chunk size: in this process, as JSON")
    args = made.parse_args()
    ids = torch.randint(
        0,
        VOCABULARY,
        (SEQUENCES, 256 if args.smoke else LENGTH),
        generator=torch.Generator().manual_seed(0),
    )
    if args.memory_of:
        print(json.dumps(memory_of(args.memory_of, ids)))
        return
    clock = clock_of(args)
    keep_freed_memory()
    own = own_model()
    passes: dict[str, Callable[[], object]] = {"own": own_pass(own, ids)}
    bounds = torch.arange(0, ids.numel() + 1, ids.shape[1])
    with torch.no_grad():
        expected = own(ids.flatten(), bounds).logits.view(*ids.shape, -1)
        for chunk in CHUNKS:
            peer = peer_model(chunk)
            share_weights(own, peer)
            off = (peer(input_ids=ids).logits - expected).abs().max() / expected.abs().max()
            assert off < 1e-3, f"not the same function: chunk {chunk} is off by {off:.1e}"
            passes[str(chunk)] = peer_pass(peer, ids)
    taken = in_turns(passes, args.rounds, clock)
    smoke = ["--smoke"] if args.smoke else []
    memory = {name: in_fresh_process(__file__, "--memory-of", name, *smoke) / MB for name in passes}
    print(table("model", "tokens/s", "times as long as ours", "peak memory MB", "times ours"))
    for name, took in taken.items():
        label = "hnet-seq" if name == "own" else f"transformers, chunks of {name}"
        rates = [ids.numel() / each for each in took]
        slower = spread(quotients(took, taken["own"]))
        share = f"{memory[name] / memory['own']:.2f}"
        print(row(label, spread(rates, ",.0f"), slower, f"{memory[name]:,.0f}", share))
    best = min(passes.keys() - {"own"}, key=lambda name: statistics.median(taken[name]))
    print(
        f"\nhnet-seq / transformers at its best (chunks of {best}), tokens/s: "
        f"{spread(quotients(taken[best], taken['own']))}"
    )


if __name__ == "__main__":
    main()
