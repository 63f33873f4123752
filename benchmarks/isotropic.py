"""Training time per token of an H-Net against isotropic models of as many FLOPs.

    python benchmarks/isotropic.py

The isotropic models have the H-Net's outer width (Mamba-2 layers, or Transformer layers with the
MLP of its inner network, or one of 8/3 of the width) and the number of layers whose FLOPs per token
come nearest; what is left of the difference is divided out. Above 1, the H-Net is slower than its
FLOPs. Steps are forward pass, backward pass and optimiser on the same tokens, in turns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from common import clock_of, in_turns, parser, quotients, row, spread, table
from steps import Shape, TrainingStep, shape

from hnet_seq import HNetConfig
from hnet_seq.model.config import AttentionConfig
from hnet_seq.model.flops import flops_per_token
from hnet_seq.train.memory import keep_freed_memory

HEAD = 64  # width of an attention head


def isotropic(of: Shape, letter: str) -> Shape:
    """The stack of one kind of layer that comes nearest to a shape's FLOPs per token."""
    config = of.config
    width = config.d_model[0]
    mlp = config.d_intermediate[-1] or 128 * round(width * 8 / 3 / 128)
    flat = replace(
        config,
        d_model=[width],
        d_intermediate=[mlp if letter.isupper() else 0],
        attn_cfg=AttentionConfig(num_heads=[width // HEAD], rotary_emb_dim=[32], window_size=[-1]),
    )

    def layers(count: int) -> HNetConfig:
        return replace(flat, arch_layout=[f"{letter}{count}"])

    goal = flops_per_token(config, of.context, [float(n) for n in of.targets])
    best = min(
        map(layers, range(1, 65)), key=lambda one: abs(flops_per_token(one, of.context, []) - goal)
    )
    return replace(of, name=best.arch_layout[0], config=best, targets=[])


def main() -> None:
    """Print a row for each pair."""
    made = parser(__doc__)
    made.add_argument("--model", help="hnet512 or a shipped experiment; both defaults if absent")
    args = made.parse_args()
    clock = clock_of(args)
    keep_freed_memory()
    print(
        table(
            "H-Net", "isotropic", "its FLOPs / H-Net's", "tokens/s, H-Net", "tokens/s, isotropic",
            "time per token, H-Net / isotropic", "at equal FLOPs",
        )
    )  # fmt: skip
    for name in [args.model] if args.model else ["ecoli_demo", "hnet512"]:
        of = shape(name)
        of = of.smoke() if args.smoke else of
        shapes = [of, isotropic(of, "m"), isotropic(of, "T")]
        steps = [TrainingStep(one) for one in shapes]
        runs: dict[str, Callable[[], object]] = {
            one.name: step for one, step in zip(shapes, steps, strict=True)
        }
        taken = in_turns(runs, args.rounds, clock, warm_up=2)
        own = taken[of.name]
        for one, step in zip(shapes[1:], steps[1:], strict=True):
            work = step.flops / steps[0].flops
            times = quotients(own, taken[one.name])
            print(
                row(
                    f"`{of.name}`",
                    one.name,
                    f"{work:.3f}",
                    spread([of.tokens / t for t in own], ",.0f"),
                    spread([of.tokens / t for t in taken[one.name]], ",.0f"),
                    spread(times),
                    spread([t * work for t in times]),
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
