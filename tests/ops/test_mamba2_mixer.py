"""A mixer in one kernel does what its operations do one by one, whole and cut into pieces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hnet_seq.model.config import SSMConfig
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.ops import backend
from hnet_seq.ops.native import why_not
from hnet_seq.ops.packing import Packing

pytestmark = pytest.mark.skipif(why_not() is not None, reason=f"{why_not()}")

# Shorter than the convolution, around a block and around a group, and many in one group.
LENGTHS = {
    "ragged": [1, 2, 3, 64, 65, 129, 63, 1, 1, 200],
    "one": [391],
    "short": [1, 2, 1, 3] * 30,
    "block and rest": [90, 90, 64, 128, 126],
}


def mixer(width: int, state: int = 16, taps: int = 4) -> Mamba2:
    torch.manual_seed(width + state)
    made = Mamba2(width, SSMConfig(d_state=state, d_conv=taps))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=parameter.shape[-1] ** -0.5)
        made.dt_bias.uniform_(-4, 0)
        made.A_log.uniform_(0, 2)
        made.D.normal_()
        made.norm.weight.normal_()
    return made


def one_by_one(made: Mamba2, x: Tensor, packing: Packing) -> Tensor:
    """In fp64, where every operation takes what any device can do."""
    try:
        with torch.no_grad():
            return made.double()(x.double(), packing).float()
    finally:
        made.float()


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=list(LENGTHS))
@pytest.mark.parametrize(("width", "state", "taps"), [(32, 16, 4), (96, 64, 2), (64, 32, 8)])
def test_it_is_what_the_operations_give_one_by_one(
    lengths: list[int], width: int, state: int, taps: int
) -> None:
    made, packing = mixer(width, state, taps), Packing.from_lengths(lengths)
    x = torch.randn(sum(lengths), width)
    with torch.no_grad():
        found = made._at_once(x, packing, None)
    assert found is not None
    torch.testing.assert_close(found, one_by_one(made, x, packing), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("step", [50, 64, 131])
def test_pieces_that_go_on_give_the_whole(step: int) -> None:
    lengths = [150, 3, 260, 64]
    made, x = mixer(32), torch.randn(sum(lengths), 32)
    whole = one_by_one(made, x, Packing.from_lengths(lengths)).split(lengths)
    state, parts = made.new_state(5), [list(own.split(step)) for own in x.split(lengths)]
    found: list[list[Tensor]] = [[] for _ in lengths]
    slots = [4, 0, 2, 3]
    with torch.no_grad():
        for number in range(max(map(len, parts))):
            live = [i for i, own in enumerate(parts) if number < len(own)]
            pieces = [parts[i][number] for i in live]
            packing = Packing(
                Packing.from_lengths([len(own) for own in pieces]).cu_seqlens,
                slots=torch.tensor([slots[i] for i in live]),
                offset=torch.tensor([number * step for _ in live]),
            )
            values = made(torch.cat(pieces), packing, state)
            for i, own in zip(live, values.split([len(own) for own in pieces]), strict=True):
                found[i].append(own)
    for own, expected in zip(found, whole, strict=True):
        torch.testing.assert_close(torch.cat(own), expected, rtol=1e-5, atol=2e-5)
    assert not state.ssm[1].any()  # a slot that nobody has


def test_neither_neighbours_nor_threads_change_a_bit() -> None:
    made, lengths = mixer(32), [64, 90, 5, 300, 77]
    x, threads = torch.randn(sum(lengths), 32), torch.get_num_threads()
    with torch.no_grad():
        packed = made._at_once(x, Packing.from_lengths(lengths), None)
        assert packed is not None
        for own, expected in zip(x.split(lengths), packed.split(lengths), strict=True):
            if len(own) < 48:
                continue  # too few tokens for the kernel
            alone = made._at_once(own, Packing.from_lengths([len(own)]), None)
            assert alone is not None
            assert torch.equal(alone, expected)
        try:
            torch.set_num_threads(3)
            assert torch.equal(made(x, Packing.from_lengths(lengths)), packed)
        finally:
            torch.set_num_threads(threads)


@pytest.mark.parametrize("lengths", [[64], [200], [3] * 40, [391]], ids=str)
def test_more_threads_than_there_is_work_for(lengths: list[int]) -> None:
    made, threads = mixer(32), torch.get_num_threads()
    x, packing = torch.randn(sum(lengths), 32), Packing.from_lengths(lengths)
    with torch.no_grad():
        expected = made._at_once(x, packing, None)
        assert expected is not None
        try:
            torch.set_num_threads(16)
            assert torch.equal(made(x, packing), expected)
        finally:
            torch.set_num_threads(threads)


def peak_mb() -> float:
    """The most memory that this process has had at a time since :func:`forget_peak`."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1e3


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def test_working_memory_is_that_of_the_input_whatever_the_threads() -> None:
    made, threads = mixer(512, 128), torch.get_num_threads()
    x, packing = torch.randn(64, 512), Packing.from_lengths([64])
    with torch.no_grad():
        made(x, packing)
        try:
            torch.set_num_threads(64)
            forget_peak()
            before = peak_mb()
            made(x, packing)
            grown = peak_mb() - before
        finally:
            torch.set_num_threads(threads)
    assert grown < 64  # weights in panels have 7 MB, a state half a megabyte


def test_a_sequence_without_a_token_keeps_its_state() -> None:
    made, lengths = mixer(32), [60, 0, 70]
    x, state, alone = torch.randn(130, 32), made.new_state(4), made.new_state(4)
    for one, two in zip(state.tensors, alone.tensors, strict=True):
        two.copy_(one.normal_())
    before = [one[0].clone() for one in state.tensors]

    def packing(lengths: list[int], slots: list[int]) -> Packing:
        bounds = Packing.from_lengths(lengths).cu_seqlens
        seen = torch.full((len(lengths),), 9)
        return Packing(bounds, slots=torch.tensor(slots), offset=seen)

    with torch.no_grad():
        found = made._at_once(x, packing(lengths, [3, 0, 1]), state)
        expected = made._at_once(x, packing([60, 70], [3, 1]), alone)
    assert found is not None
    assert expected is not None
    assert torch.equal(found, expected)
    for one, two, own in zip(state.tensors, alone.tensors, before, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one[0], own)


def test_it_stands_back_where_it_cannot_do_the_work() -> None:
    packing = Packing.from_lengths([100])

    def found(made: Mamba2, width: int = 32) -> Tensor | None:
        return made._at_once(torch.randn(100, width), packing, None)

    assert found(mixer(32)) is None  # a gradient is wanted
    with torch.no_grad():
        assert found(mixer(32)) is not None
        assert found(mixer(32, state=8)) is None
        assert found(mixer(32, taps=9)) is None
        with torch.autocast("cpu", torch.bfloat16):
            assert found(mixer(32)) is None
        with backend("torch", "ssd"):
            assert found(mixer(32)) is None
        assert mixer(32)._at_once(torch.randn(4, 32), Packing.from_lengths([1] * 4), None) is None
