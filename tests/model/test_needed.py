"""What a layer needs has the same bits where the rest of the model is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from hnet_seq import HNetForCausalLM
from hnet_seq.model.hnet import HNet, HNetOutput
from hnet_seq.model.needed import only_up_to, parts
from hnet_seq.model.stack import Stack
from hnet_seq.ops import Packing
from tests.conftest import make_model


def levels(model: HNetForCausalLM) -> list[HNet]:
    return [module for module in model.modules() if isinstance(module, HNet)]


def run(model: HNetForCausalLM, ids: Tensor) -> tuple[HNetOutput, dict[Stack, Tensor]]:
    """The output, and what each stack gave."""
    heard: dict[Stack, Tensor] = {}

    def hear(module: Stack, inputs: object, output: Tensor) -> None:
        heard[module] = output

    stacks = [module for module in model.modules() if isinstance(module, Stack)]
    handles = [stack.register_forward_hook(hear) for stack in stacks]
    try:
        with torch.inference_mode():
            return model.encode(ids, Packing.from_lengths([80, 40])), heard
    finally:
        for handle in handles:
            handle.remove()


def test_chunks_are_the_same_and_no_decoder_outside_them_runs(
    model: HNetForCausalLM, tokens: Callable[[int], Tensor]
) -> None:
    whole, _ = run(model, tokens(120))
    for resolution in range(model.num_stages + 1):
        with only_up_to(model, resolution):
            found, heard = run(model, tokens(120))
        for one, two in zip(found.boundaries, whole.boundaries, strict=True):
            assert torch.equal(one.boundary_prob, two.boundary_prob)
        assert len(found.chunks) == len(whole.chunks)
        for index in range(max(0, resolution - 1), model.num_stages):
            assert torch.equal(found.chunks[index], whole.chunks[index])
        for level in levels(model):
            if level.encoder is not None:
                assert (level.decoder in heard) == (level.stage >= resolution)
        assert found.hidden.shape[0] == (0 if resolution else 120)
    again, _ = run(model, tokens(120))
    assert torch.equal(again.hidden, whole.hidden)


def test_for_an_encoder_nothing_inside_it_runs(
    model: HNetForCausalLM, tokens: Callable[[int], Tensor]
) -> None:
    whole, of_whole = run(model, tokens(120))
    for level in levels(model):
        if level.encoder is None:
            continue
        with only_up_to(model, level.stage, encoder=True):
            found, heard = run(model, tokens(120))
        assert torch.equal(heard[level.encoder], of_whole[level.encoder])
        outside = [own.encoder for own in levels(model) if own.stage <= level.stage]
        assert list(heard) == outside
        for one, two in zip(found.boundaries[: level.stage + 1], whole.boundaries, strict=False):
            assert torch.equal(one.boundary_mask, two.boundary_mask)
        assert len(found.chunks) == model.num_stages


def test_an_error_inside_leaves_the_model_as_it_was(model: HNetForCausalLM) -> None:
    with pytest.raises(KeyError), only_up_to(model, 1, encoder=True):
        raise KeyError
    assert all(parts(level, level.stage) == (True, True) for level in levels(model))


@contextmanager
def amid(model: HNetForCausalLM, act: Callable[[], object]) -> Iterator[None]:
    """Inside the block, ``act`` is done in every call of the model, behind its first encoder."""
    encoder = model.backbone.encoder
    assert encoder is not None

    def hook(module: object, inputs: object, output: object) -> None:
        act()

    handle = encoder.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def test_blocks_of_another_thread_change_nothing_here(tokens: Callable[[int], Tensor]) -> None:
    model = make_model("one stage")
    whole, _ = run(model, tokens(120))
    before = [dict(vars(level)) for level in levels(model)]
    theirs = only_up_to(model, 1)
    with ThreadPoolExecutor(1) as other:
        with amid(model, lambda: other.submit(theirs.__enter__).result()):
            found, _ = run(model, tokens(120))
        assert torch.equal(found.hidden, whole.hidden)
        assert [dict(vars(level)) for level in levels(model)] == before
        with only_up_to(model, 1):
            with amid(model, lambda: other.submit(theirs.__exit__, None, None, None).result()):
                found, _ = run(model, tokens(120))
            assert found.hidden.shape[0] == 0
            again, _ = other.submit(run, model, tokens(120)).result()
            assert torch.equal(again.hidden, whole.hidden)
    again, _ = run(model, tokens(120))
    assert torch.equal(again.hidden, whole.hidden)


def test_blocks_that_end_in_another_order_or_thread_leave_nothing(
    tokens: Callable[[int], Tensor],
) -> None:
    model = make_model("one stage")
    first, second = only_up_to(model, 1), only_up_to(model, 0)
    for block in (first, second):
        block.__enter__()
    first.__exit__(None, None, None)
    with ThreadPoolExecutor(1) as other:
        other.submit(second.__exit__, None, None, None).result()
    found, _ = run(model, tokens(120))
    assert found.hidden.shape[0] == 120


def test_a_block_is_of_one_model(tokens: Callable[[int], Tensor]) -> None:
    model, another = make_model("one stage"), make_model("one stage")
    with only_up_to(model, 1):
        found, _ = run(another, tokens(120))
    assert found.hidden.shape[0] == 120
