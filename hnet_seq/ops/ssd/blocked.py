"""The Mamba-2 scan in matrix-product form, blocked for the cache, with a recomputing backward.

Dao and Gu 2024, section 6: inside a block of Q tokens the recurrence is a masked matrix product,
between blocks only the state is carried. All of one group of blocks is done before the next is
begun, so the (Q, Q) intermediates stay in the cache and are never stored: the backward pass makes
them again from the inputs.

Notation, per block and head, with s the running sum of dt A inside the block:
    L_ij = exp(s_i - s_j) for visible j <= i,   K = (C B') * L,   X = dt x
    Y = K X + E * (C S),                        E_i = exp(s_i) where S reaches token i
    S' = d S + B' (W * X),                      W_j = exp(s_last - s_j) where j reaches S'
The gradient of s_i is the sum over row i minus that over column i of dK * K without its diagonal,
plus what the entering and leaving states add. (<dY, Y> - <X, dX> is the same without (Q, Q) sums,
but cancels: 3e-4 relative error in A on the reference model against 2e-6.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.packing import Blocks, Packing

BLOCK = 64  # tokens: 64-wide products already reach the machine's rate, longer ones do more work
GROUP = 16  # blocks done together: their (H, Q, Q) intermediates fit a few MB of a CPU's cache
_GPU_GROUP = 256  # a GPU wants large products, and has the memory: 4 MB a head


class Decays(NamedTuple):
    """exp of the running sums, small beside the inputs: (B, Q, H) but for ``through``."""

    running: Tensor  # s, (B, H, Q)
    enter: Tensor  # E
    leave: Tensor  # W
    through: Tensor  # d, (B, H)


def block_decays(dt: Tensor, A: Tensor, blocks: Blocks) -> Decays:
    """Of blocked step sizes (B, Q, H)."""
    running = (dt * A).cumsum(1)  # (B, Q, H)
    last = running[:, -1:]
    return Decays(
        running=running.transpose(1, 2).contiguous(),
        enter=running.exp() * blocks.from_left[..., None],
        leave=(last - running).exp() * blocks.to_right[..., None],
        through=last[:, 0].exp() * blocks.through[:, None],
    )


def _group(x: Tensor) -> int:
    return GROUP if x.device.type == "cpu" else _GPU_GROUP


def _mixing(C: Tensor, B: Tensor, running: Tensor, causal: Tensor) -> tuple[Tensor, Tensor]:
    """K = (C B') * L and L, both (G, H, Q, Q)."""
    decay = running.unsqueeze(-1) - running.unsqueeze(-2)
    decay += causal.unsqueeze(1)
    decay.exp_()
    return (C @ B.transpose(1, 2)).unsqueeze(1) * decay, decay


def scan(
    x: Tensor,
    dt: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    decays: Decays,
    blocks: Blocks,
    arriving: dict[int, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The forward pass over blocked inputs (B, Q, ...).

    Args:
        arriving: block to (N, H, P), what is added to the state that leaves the block.

    Returns:
        y (B, Q, H, P), and the states (B + 1, N, H, P), of which states[b] enters block b.
    """
    states = x.new_empty(blocks.count + 1, B.shape[2], *x.shape[2:])
    states[0] = 0
    y = x.new_empty(x.shape)
    size = _group(x)
    for g in range(0, blocks.count, size):
        group = slice(g, min(g + size, blocks.count))
        x_g, B_g, C_g, y_g = x[group], B[group], C[group], y[group]
        scaled = x_g * dt[group].unsqueeze(-1)
        kernel, _ = _mixing(C_g, B_g, decays.running[group], blocks.causal[group])
        torch.mul(x_g, D[:, None], out=y_g)
        y_g += (kernel @ scaled.transpose(1, 2)).transpose(1, 2)
        scaled *= decays.leave[group].unsqueeze(-1)
        local = (B_g.transpose(1, 2) @ scaled.flatten(2)).view(-1, *states.shape[1:])
        for b in range(group.start, group.stop):
            if arriving and b in arriving:
                local[b - g] += arriving[b]
            torch.addcmul(local[b - g], states[b], decays.through[b][:, None], out=states[b + 1])
        carried = (C_g @ states[group].flatten(2)).view_as(y_g)
        y_g += carried.mul_(decays.enter[group].unsqueeze(-1))
    return y, states


class _SSD(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        dt: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        blocks: Blocks,
    ) -> Tensor:
        x_b, dt_b, B_b, C_b = map(blocks.split, (x, dt, B, C))
        y, states = scan(x_b, dt_b, B_b, C_b, D, block_decays(dt_b, A, blocks), blocks)
        ctx.blocks = blocks
        ctx.save_for_backward(x, dt, A, B, C, D, states)
        return blocks.join(y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, dt, A, B, C, D, states = ctx.saved_tensors
        blocks: Blocks = ctx.blocks
        x_b, dt_b, B_b, C_b, dy_b = map(blocks.split, (x, dt, B, C, grads[0]))
        decays = block_decays(dt_b, A, blocks)
        dx, dB, dC = torch.empty_like(x_b), torch.empty_like(B_b), torch.empty_like(C_b)
        ds = torch.empty_like(dt_b)  # gradient of the running sums, (B, Q, H)
        ddt = torch.empty_like(dt_b)
        dD = torch.zeros_like(D)
        size = _group(x)
        G = min(size, blocks.count)
        d_states = x.new_empty(G + 1, *states.shape[1:])  # d_states[i + 1] leaves block g + i
        d_states[0] = 0
        for g in range(size * ((blocks.count - 1) // size), -1, -size):
            group = slice(g, min(g + size, blocks.count))
            G = group.stop - group.start
            x_g, dt_g, B_g, C_g, dy_g = (t[group] for t in (x_b, dt_b, B_b, C_b, dy_b))
            enter, leave = decays.enter[group].unsqueeze(-1), decays.leave[group].unsqueeze(-1)
            scaled = x_g * dt_g.unsqueeze(-1)
            kernel, decay = _mixing(C_g, B_g, decays.running[group], blocks.causal[group])

            # What leaves the last block of this group enters the first of the group done before.
            d_states[G] = d_states[0]
            entering = (dy_g * enter).flatten(2)
            local = (C_g.transpose(1, 2) @ entering).view(G, *states.shape[1:])
            for i in range(G - 1, -1, -1):
                through = decays.through[g + i][:, None]
                torch.addcmul(local[i], d_states[i + 1], through, out=d_states[i])
            d_leaving = d_states[1 : G + 1].flatten(2)

            dX = (kernel.transpose(2, 3) @ dy_g.transpose(1, 2)).transpose(1, 2).contiguous()
            from_right = (B_g @ d_leaving).view_as(dX).mul_(leave)
            d_kernel = dy_g.transpose(1, 2) @ scaled.permute(0, 2, 3, 1)
            # Token i's own term is in its row and its column: left out, for it would only cancel.
            pairs = kernel.mul_(d_kernel)
            pairs.diagonal(dim1=-2, dim2=-1).zero_()
            ds_pairs = (pairs.sum(-1) - pairs.sum(-2)).transpose(1, 2)
            d_products = d_kernel.mul_(decay).sum(1)  # gradient of C B', (G, Q, Q)

            state_T = states[group].flatten(2).transpose(1, 2)
            torch.add(d_products @ B_g, entering @ state_T, out=dC[group])
            leaving = (scaled * leave).flatten(2)
            torch.add(
                d_products.transpose(1, 2) @ C_g,
                leaving @ d_leaving.transpose(1, 2),
                out=dB[group],
            )

            skip = (dy_g * x_g).sum(-1)  # (G, Q, H)
            dD += skip.sum((0, 1))
            from_left = (C_g @ states[group].flatten(2)).view_as(dy_g).mul_(enter)
            torch.sub((dy_g * from_left).sum(-1), (scaled * from_right).sum(-1), out=ds[group])
            ds[group] += ds_pairs
            dX += from_right
            after = states[g + 1 : group.stop + 1]
            ds[group][:, -1] += (d_states[1 : G + 1] * after).sum((1, 3))
            torch.sum(x_g * dX, -1, out=ddt[group])
            torch.addcmul(dX * dt_g.unsqueeze(-1), dy_g, D[:, None], out=dx[group])

        # dt A is summed up to each token, so its gradient is summed from each token on.
        d_decay = ds.flip(1).cumsum(1).flip(1)
        dA = (d_decay * dt_b).sum((0, 1))
        ddt += d_decay * A
        return (*map(blocks.join, (dx, ddt)), dA, *map(blocks.join, (dB, dC)), dD, None)


def ssd(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, packing: Packing
) -> Tensor:
    """As :func:`hnet_seq.ops.ssd.naive.ssd`, in fp32, typed as ``x``; O(T (Q + N) H P) products."""
    inputs = (t.float() for t in (x, dt, A, B, C, D))
    return _SSD.apply(*inputs, packing.blocks(BLOCK)).to(x.dtype)
