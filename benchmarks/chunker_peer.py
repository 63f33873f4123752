"""The chunker alone against that of h-net-dynamic-chunking, and its share of a training step.

    pip install --no-deps h-net-dynamic-chunking assoc-scan einx einops frozendict \
        torch-einops-utils x-mlps-pytorch x-transformers vector-quantize-pytorch loguru
    python benchmarks/chunker_peer.py

Route, select, smooth and spread, with the confidence and the ratio loss, forward and backward, on
vectors whose sign turns at every third position, so that both cut there. Most of it is the products
that give queries and keys, so what is left without them is given too. Nothing stands between
selecting and smoothing. Neither has the residual projection, and the peer's additions to the paper
(a learning rate of its own, gradients of F) are off. The share is of a step of the model of width
512 (benchmarks/steps.py) with as many tokens; there the residual projection is given beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from common import clock_of, in_turns, parser, quotients, row, spread, table
from steps import TrainingStep, shape

from hnet_seq import ratio_loss
from hnet_seq.model.chunking import Chunks, confidence
from hnet_seq.model.linear import Linear
from hnet_seq.model.router import Router
from hnet_seq.ops.packing import Packing
from hnet_seq.train.memory import keep_freed_memory

import torch  # isort: skip
from torch import Tensor  # isort: skip

WIDTH, TOKENS, CONTEXT, EVERY = 512, 8192, 2048, 3


def vectors(tokens: int, context: int) -> Tensor:
    """(tokens, WIDTH) whose neighbours point apart at every third position of a sequence."""
    generator = torch.Generator().manual_seed(0)
    place = torch.arange(tokens) % context
    sign = 1 - 2 * ((place // EVERY) % 2).float()
    common_part = torch.randn(WIDTH, generator=generator)
    noise = torch.randn(tokens, WIDTH, generator=generator)
    return (sign[:, None] * common_part + 0.3 * noise).requires_grad_()


def own_pass(h: Tensor, context: int) -> tuple[Callable[[], None], Callable[[], int]]:
    """The pass, and how many chunks it cuts."""
    tokens = h.shape[0]
    router = Router(WIDTH)
    torch.nn.init.eye_(router.q_proj_layer.weight)
    torch.nn.init.eye_(router.k_proj_layer.weight)
    lengths = [context] * (tokens // context)
    gradient = torch.ones(tokens, WIDTH)

    def run() -> None:
        packing = Packing.from_lengths(lengths)
        prob, mask = router(h, packing)
        chunks = Chunks(mask, packing)
        smoothed = chunks.smooth(chunks.downsample(h), prob)
        out = chunks.upsample(smoothed, confidence(prob, mask))
        torch.autograd.backward([out, ratio_loss(prob, mask, float(EVERY))], [gradient, None])
        router.zero_grad(set_to_none=True)
        h.grad = None

    return run, lambda: int(router(h, Packing.from_lengths(lengths))[1].sum())


def peer_pass(h: Tensor, context: int) -> tuple[Callable[[], None], Callable[[], int]]:
    """The same by the peer, on (sequences, context, WIDTH)."""
    from h_net_dynamic_chunking import DynamicSequenceChunker

    chunker: Any = DynamicSequenceChunker(
        dim=WIDTH,
        target_avg_token_length=float(EVERY),
        ratio_loss_weight=1.0,
        learning_rate_difference=1.0,
        straight_through_frac_vecs=False,
    )
    both = torch.cat([torch.eye(WIDTH), torch.eye(WIDTH)])
    chunker.load_state_dict({**chunker.state_dict(), "to_queries_keys.weight": both})
    x = h.detach().view(-1, context, WIDTH).requires_grad_()
    gradient = torch.ones_like(x)

    def run() -> None:
        down, upsample, loss = chunker(x)
        torch.autograd.backward([upsample(down), loss], [gradient, None])
        chunker.zero_grad(set_to_none=True)
        x.grad = None

    return run, lambda: int(chunker(x, return_only_chunk_lens=True).gt(0).sum())


def projection_pass(h: Tensor, width: int) -> Callable[[], None]:
    """A linear map of the same positions to ``width``, alone."""
    projection = Linear(WIDTH, width)
    gradient = torch.ones(h.shape[0], width)

    def run() -> None:
        projection(h).backward(gradient)
        projection.zero_grad(set_to_none=True)
        h.grad = None

    return run


def main() -> None:
    """Print the rows and the shares."""
    args = parser(__doc__).parse_args()
    clock = clock_of(args)
    keep_freed_memory()
    of = shape("hnet512")
    tokens, context = TOKENS, CONTEXT
    if args.smoke:
        of = of.smoke()
        tokens, context = of.tokens, of.context
    h = vectors(tokens, context)
    own, own_chunks = own_pass(h, context)
    peer, peer_chunks = peer_pass(h, context)
    assert own_chunks() == peer_chunks(), "they do not cut alike"
    step = TrainingStep(of)
    runs: dict[str, Callable[[], object]] = {
        "hnet-seq": own,
        "h-net-dynamic-chunking": peer,
        "queries and keys alone": projection_pass(h, 2 * WIDTH),
    }
    alone = in_turns(runs, 4 * args.rounds, clock)
    runs = {"own": own, "residual": projection_pass(h, WIDTH), "step": step}
    whole = in_turns(runs, args.rounds, clock, warm_up=2)
    print(table("chunker, forward and backward", "tokens/s", "times as long as ours"))
    for name, took in alone.items():
        rates = spread([tokens / each for each in took], ",.0f")
        print(row(name, rates, spread(quotients(took, alone["hnet-seq"]))))
    ours, theirs, products = (statistics.median(took) for took in alone.values())
    print(
        f"\nwithout the products that give queries and keys, which both need: "
        f"{(theirs - products) / (ours - products):.2f} times as long as ours"
    )
    print(
        f"\n{tokens:,} tokens, width {WIDTH}, {own_chunks():,} chunks; share of a training step of "
        f"`{of.name}`: {spread(quotients(whole['own'], whole['step']), '.1%')}; residual "
        f"projection {spread(quotients(whole['residual'], whole['step']), '.1%')}"
    )


if __name__ == "__main__":
    main()
