"""Generation for a batch of prompts of different lengths, one token a step for all that go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hnet_seq.model.chunking import chunk_depth
from hnet_seq.model.given_ids import given_prompts
from hnet_seq.model.sampling import Sampling, draw
from modalities.errors import UsageError
from modalities.given import Given

if TYPE_CHECKING:
    from hnet_seq.model.causal_lm import HNetForCausalLM


@dataclass(frozen=True)
class Token:
    """One token of one sequence as it comes.

    Attributes:
        sequence: index of the prompt.
        token: its id.
        depth: stages that begin a chunk with it; 0 inside a chunk of the outermost stage.
        prompt: it was given, not drawn.
    """

    sequence: int
    token: int
    depth: int
    prompt: bool


def generate(
    model: HNetForCausalLM,
    prompts: Given,
    max_new_tokens: int = 256,
    *,
    sampling: Sampling | None = None,
    stop_tokens: Sequence[int] = (),
    seeds: Sequence[int] | int = 0,
) -> Iterator[Token]:
    """Continue every prompt, all in one batch; tokens of one step come together.

    A sequence ends at a stop token, which is not given out, or after ``max_new_tokens``. Its
    tokens depend on its prompt and its seed alone. The model is in evaluation mode while the
    iterator is in use.

    Args:
        prompts: one or many, letters or tokens (L,), see
            :func:`modalities.given.named_sequences`; letters of a model of bytes follow the marker
            of a document.
        sampling: how tokens are drawn; plain sampling if absent.
        seeds: one for each prompt, or a first one: prompt i then has ``seeds + i``.

    Raises:
        InputError: no prompt, an empty one, an unknown token, or a number of seeds that does not
            fit.
    """
    prompts = given_prompts(model, prompts)
    if max_new_tokens < 0:
        raise UsageError("max_new_tokens", f"is {max_new_tokens}; expected 0 or more")
    if isinstance(seeds, int):
        seeds = range(seeds, seeds + len(prompts))
    if len(seeds) != len(prompts):
        raise UsageError("seeds", f"are {len(seeds)}; expected {len(prompts)}, one a prompt")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return _generate(
        model, prompts, max_new_tokens, sampling or Sampling(), frozenset(stop_tokens), generators
    )


@torch.no_grad()
def _generate(
    model: HNetForCausalLM,
    prompts: Sequence[Tensor],
    max_new_tokens: int,
    sampling: Sampling,
    stop_tokens: frozenset[int],
    generators: list[torch.Generator],
) -> Iterator[Token]:
    device = model.embeddings.weight.device
    was_training = model.training
    model.eval()
    try:
        ids = torch.cat([prompt.to(device) for prompt in prompts])
        lengths = [prompt.numel() for prompt in prompts]
        cu_seqlens = torch.tensor([0, *lengths], device=device).cumsum(0)
        out, state = model.prefill(ids, cu_seqlens)
        depths = chunk_depth([b.boundary_mask for b in out.boundaries], ids.numel())
        owners = [row for row, length in enumerate(lengths) for _ in range(length)]
        for row, token, depth in zip(owners, ids.tolist(), depths.tolist(), strict=True):
            yield Token(row, token, depth, prompt=True)

        going, logits = list(range(len(prompts))), out.logits
        for _ in range(max_new_tokens):
            drawn = draw(logits, sampling, [generators[row] for row in going])
            listed = drawn.tolist()
            keep = [i for i, token in enumerate(listed) if token not in stop_tokens]
            going = [going[i] for i in keep]
            if not going:
                return
            step = model.step(
                drawn[torch.tensor(keep, device=device)],
                state,
                None if len(going) == len(prompts) else torch.tensor(going, device=device),
            )
            logits = step.logits
            depths = chunk_depth([b.boundary_mask for b in step.boundaries], len(going))
            for row, i, depth in zip(going, keep, depths.tolist(), strict=True):
                yield Token(row, listed[i], depth, prompt=False)
    finally:
        model.train(was_training)
